"""Event fixtures: JSON files become the exact bytes that a replay hands to the function.

A fixture is the bare event, or an envelope that says more about it. Numbers and strings reach
the function as written in the file (1.10 stays 1.10, 1e400 and large integers survive), so
an envelope's event is cut out of the text and never rebuilt from Python values. It
knows neither functions nor engines. Every mistake is a ConfigError that names the file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from pytest_lambda_rollback.aws_lambda.limits import EVENT_BYTES
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.replay import EventFixture, ExpectedError

FORMAT = "1"


_ENVELOPE_KEYS = ("lambda_rollback", "event", "context", "recorded", "expect")
_CONTEXT_KEYS = ("client_context", "identity")
_IDENTITY_KEYS = ("cognitoIdentityId", "cognitoIdentityPoolId")
_RECORDED_KEYS = ("function", "version", "time", "source")
_MAX_FILE_BYTES = 8 * EVENT_BYTES
"""An envelope may be longer than its event, by indentation for example, but not without end."""

_SPACE = re.compile(r"[ \t\n\r]*")
_TOKEN = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\n\r]+')
_CONSTANT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|(-?Infinity|NaN)')


def load(path: Path, *, name: str) -> EventFixture:
    """Read one fixture; ``name`` is the name that it has in ids.

    The payload of a bare event is the file's bytes, that of an envelope its event without
    insignificant white space. Raises ConfigError.
    """
    content = _content(path)
    text = _text(path, content)
    document = _parsed(path, text)
    if not isinstance(document, dict) or "lambda_rollback" not in document:
        return EventFixture(name=name, path=path, payload=_limited(path, content))
    return _envelope(path, name, text, document)


# --- the file -------------------------------------------------------------------------------


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise _too_large(path, path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"event fixture {path} cannot be read",
            why=error.strerror or str(error),
            do="Check that it exists and that its permissions allow reading",
        ) from error


def _text(path: Path, content: bytes) -> str:
    if content.startswith(codecs.BOM_UTF8):
        raise ConfigError(
            f"event fixture {path} begins with a byte order mark",
            why="JSON must not have one, and runtimes refuse such an event",
            do="Save it as UTF-8 without a byte order mark",
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"event fixture {path} is not UTF-8 text",
            why=f"byte {error.start} cannot be decoded",
            do="Save it as UTF-8",
        ) from error
    if not text.strip():
        raise ConfigError(
            f"event fixture {path} is empty",
            do="Write the event into it; {} is the smallest event",
        )
    return text


def _parsed(path: Path, text: str) -> object:
    """The value, checked to be JSON as its standard has it. Its numbers are not to be used."""

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in items:
            if key in found:
                raise ConfigError(
                    f'event fixture {path} has the key "{key}" twice in one object',
                    why="runtimes differ in which of the two a function sees",
                    do="Remove one of them",
                )
            found[key] = value
        return found

    def constant(word: str) -> NoReturn:
        start = next(match.start(1) for match in _CONSTANT.finditer(text) if match.group(1))
        raise json.JSONDecodeError(f"{word} is not a JSON number", text, start)

    try:
        # Integers go through float so that thousands of digits are no trouble.
        return json.loads(text, object_pairs_hook=pairs, parse_int=float, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"event fixture {path}:{error.lineno}:{error.colno} is not valid JSON",
            why=error.msg,
            do="Correct it at that line and column",
        ) from error
    except RecursionError as error:
        raise ConfigError(
            f"event fixture {path} is nested too deeply to be read",
            do="Record an event that the function can receive",
        ) from error


def _limited(path: Path, payload: bytes) -> bytes:
    if len(payload) > EVENT_BYTES:
        raise _too_large(path, len(payload))
    return payload


def _too_large(path: Path, size_bytes: int) -> ConfigError:
    return ConfigError(
        f"event fixture {path} has {size_bytes} bytes",
        why=f"AWS Lambda takes events of at most {EVENT_BYTES} bytes",
        do="Record a smaller event, or remove white space from it",
    )


# --- the envelope ---------------------------------------------------------------------------


def _envelope(path: Path, name: str, text: str, document: dict[str, object]) -> EventFixture:
    _only(path, document, _ENVELOPE_KEYS, "the envelope")
    raw = dict(_members(text, 0))
    if raw["lambda_rollback"] != FORMAT:
        raise ConfigError(
            f"event fixture {path} has the envelope format {raw['lambda_rollback'][:40]}",
            why=f"this version reads format {FORMAT}",
            do=f'Write "lambda_rollback": {FORMAT}, or install the version that recorded it',
        )
    if "event" not in raw:
        raise ConfigError(
            f'event fixture {path} is an envelope without "event"',
            do='Put the event under "event", or remove "lambda_rollback" from a bare event',
        )
    context = _object(path, document, "context")
    _only(path, context, _CONTEXT_KEYS, '"context"')
    parts = dict(_members(raw["context"], 0)) if context else {}
    for key, value in context.items():
        if not isinstance(value, dict):
            raise _wrong(path, f"context.{key}", "an object")
    identity = context.get("identity")
    if isinstance(identity, dict):
        _only(path, identity, _IDENTITY_KEYS, '"context.identity"')
        _strings(path, identity, _IDENTITY_KEYS, "context.identity")
    recorded = _object(path, document, "recorded")
    _only(path, recorded, _RECORDED_KEYS, '"recorded"')
    return EventFixture(
        name=name,
        path=path,
        payload=_limited(path, _compact(raw["event"]).encode("utf-8")),
        client_context=_header(parts.get("client_context")),
        cognito_identity=_header(parts.get("identity")),
        recorded=_strings(path, recorded, _RECORDED_KEYS, "recorded"),
        expect=_expect(path, document),
    )


def _expect(path: Path, document: dict[str, object]) -> ExpectedError | None:
    if "expect" not in document:
        return None
    expect = _object(path, document, "expect")
    _only(path, expect, ("error",), '"expect"')
    error = expect.get("error")
    if error is True:
        return ExpectedError()
    if isinstance(error, str) and error.strip():
        return ExpectedError(type=error)
    raise _wrong(
        path,
        "expect.error",
        'true or the name of an error type, as in {"error": "KeyError"}; '
        "omit expect if the function answers",
    )


def _object(path: Path, document: dict[str, object], key: str) -> dict[str, object]:
    value = document.get(key, {})
    if not isinstance(value, dict):
        raise _wrong(path, key, "an object")
    return value


def _strings(
    path: Path, values: dict[str, object], keys: tuple[str, ...], where: str
) -> tuple[tuple[str, str], ...]:
    """The members as (key, value), in the order of ``keys``."""
    found: list[tuple[str, str]] = []
    for key in keys:
        value = values.get(key)
        if isinstance(value, str):
            found.append((key, value))
        elif key in values:
            raise _wrong(path, f"{where}.{key}", "a string")
    return tuple(found)


def _only(path: Path, values: dict[str, object], known: tuple[str, ...], where: str) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(
                f'event fixture {path} has the unknown key "{key}" in {where}',
                why=f"known keys are {', '.join(known)}",
                do='Correct or remove it; a bare event has no key "lambda_rollback"',
            )


def _wrong(path: Path, key: str, expected: str) -> ConfigError:
    return ConfigError(
        f'event fixture {path} has an invalid "{key}"',
        why=f"expected {expected}",
        do="Correct it in the envelope",
    )


# --- JSON text, which is known to be valid here ---------------------------------------------


def _members(text: str, start: int) -> Iterator[tuple[str, str]]:
    """The keys of the object that begins at ``start``, with the text of their values."""
    decoder = json.JSONDecoder(parse_int=float)
    at = _after_space(text, _after_space(text, start) + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        value_at = _after_space(text, _after_space(text, at) + 1)
        _, at = decoder.raw_decode(text, value_at)
        yield key, text[value_at:at]
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _compact(text: str) -> str:
    """The same JSON text without the white space between its tokens."""
    return _TOKEN.sub(lambda match: match.group(1) or "", text)


def _header(text: str | None) -> str | None:
    """Compact JSON text in ASCII, as HTTP headers carry it; the value is the same."""
    if text is None:
        return None
    return re.sub(r"[^\x00-\x7f]", lambda match: json.dumps(match.group())[1:-1], _compact(text))
