"""Event fixtures: JSON files become the exact bytes that a replay hands to the function.

A fixture is the bare event, or an envelope that says more about it; answers of services that
were recorded with it are in the envelope or in a file beside it. Numbers and strings reach
the function as written in the file (1.10 stays 1.10, 1e400 and large integers survive), so
an envelope's event is cut out of the text and never rebuilt from Python values. It
knows neither functions nor engines. Every mistake is a ConfigError that names the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.limits import EVENT_BYTES
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.downstream import Exchange
from pytest_lambda_rollback.model.replay import EventFixture, ExpectedError
from pytest_lambda_rollback.sources import downstream_files, json_files, json_texts

FORMAT = "1"


_ENVELOPE_KEYS = ("lambda_rollback", "event", "context", "recorded", "downstream", "expect")
_CONTEXT_KEYS = ("client_context", "identity")
_IDENTITY_KEYS = ("cognitoIdentityId", "cognitoIdentityPoolId")
_RECORDED_KEYS = ("function", "version", "time", "source")
_MAX_FILE_BYTES = 8 * EVENT_BYTES
"""An envelope may be longer than its event, by indentation for example, but not without end."""
_SUBJECT = "event fixture"
_LIMIT = f"AWS Lambda takes events of at most {EVENT_BYTES} bytes"
_SMALLER = "Record a smaller event, or remove white space from it"


def load(path: Path, *, name: str) -> EventFixture:
    """Read one fixture; ``name`` is the name that it has in ids.

    The payload of a bare event is the file's bytes, that of an envelope its event without
    insignificant white space. Raises ConfigError.
    """
    content = json_files.content(
        path,
        subject=_SUBJECT,
        limit_bytes=_MAX_FILE_BYTES,
        too_large=_LIMIT,
        do=_SMALLER,
    )
    text = json_files.text(
        path,
        content,
        subject=_SUBJECT,
        smallest="Write the event into it; {} is the smallest event",
    )
    document = json_files.document(path, text, subject=_SUBJECT)
    if isinstance(document, dict) and "lambda_rollback" in document:
        fixture = _envelope(path, name, text, document)
    else:
        fixture = EventFixture(name=name, path=path, payload=_limited(path, content))
    answers = downstream_files.beside(path)
    if not answers.exists():
        return fixture
    return replace(fixture, downstream=(*fixture.downstream, *downstream_files.load(answers)))


# --- the file -------------------------------------------------------------------------------


def _limited(path: Path, payload: bytes) -> bytes:
    if len(payload) > EVENT_BYTES:
        raise ConfigError(f"{_SUBJECT} {path} has {len(payload)} bytes", why=_LIMIT, do=_SMALLER)
    return payload


# --- the envelope ---------------------------------------------------------------------------


def _envelope(path: Path, name: str, text: str, document: dict[str, object]) -> EventFixture:
    _only(path, document, _ENVELOPE_KEYS, "the envelope")
    raw = dict(json_texts.members(text))
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
    parts = dict(json_texts.members(raw["context"])) if context else {}
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
        payload=_limited(path, json_texts.compact(raw["event"]).encode("utf-8")),
        client_context=_header(parts.get("client_context")),
        cognito_identity=_header(parts.get("identity")),
        recorded=_strings(path, recorded, _RECORDED_KEYS, "recorded"),
        expect=_expect(path, document),
        downstream=_downstream(path, raw),
    )


def _downstream(path: Path, raw: dict[str, str]) -> tuple[Exchange, ...]:
    if "downstream" not in raw:
        return ()
    where = f"{_SUBJECT} {path}"
    return downstream_files.read(downstream_files.exact(raw["downstream"], where), where)


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


def _header(text: str | None) -> str | None:
    """Compact JSON text in ASCII, as HTTP headers carry it; the value is the same."""
    if text is None:
        return None
    return re.sub(
        r"[^\x00-\x7f]", lambda match: json.dumps(match.group())[1:-1], json_texts.compact(text)
    )
