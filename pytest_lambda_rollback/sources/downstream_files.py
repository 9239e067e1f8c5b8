"""Recorded answers of downstream services: entries of fixtures and files become exchanges.

`model.downstream` says what an entry is. AWS's parameters and results stay JSON text, with every
number as it was written; a body of HTTP that is JSON is kept as its value, so its white space is
not. Every mistake is a ConfigError that names the file and the entry.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.downstream import (
    FILE_SUFFIX,
    AwsExchange,
    Exchange,
    HttpExchange,
)
from pytest_lambda_rollback.sources import json_files, json_texts

FORMAT: Final = 1
FORMAT_KEY: Final = "lambda_rollback_downstream"
MAX_ENTRIES: Final = 10_000
MAX_FILE_BYTES: Final = 48 * 1024 * 1024

_SUBJECT: Final = "downstream file"
_AWS_KEYS: Final = ("service", "operation", "parameters", "result", "error")
_ERROR_KEYS: Final = ("code", "message", "status")
_HTTP_KEYS: Final = ("method", "url", "headers", "body", "response")
_RESPONSE_KEYS: Final = ("status", "headers", "body")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
"""A method or the name of a header (RFC 9110)."""
_HEADER_VALUE: Final = re.compile(r"[^\x00\r\n]{0,65536}")
_MISSING: Final = object()

Headers = tuple[tuple[str, str], ...]


def beside(fixture: Path) -> Path:
    """The file of recorded answers that belongs to a fixture; it need not exist."""
    return fixture.with_suffix(FILE_SUFFIX)


def load(path: Path) -> tuple[Exchange, ...]:
    """The exchanges in a file of recorded answers. Raises ConfigError."""
    content = json_files.content(
        path,
        subject=_SUBJECT,
        limit_bytes=MAX_FILE_BYTES,
        too_large=f"recorded answers of one event have at most {MAX_FILE_BYTES} bytes",
        do="Record fewer or smaller answers",
    )
    text = json_files.text(
        path,
        content,
        subject=_SUBJECT,
        smallest=f'Remove it, or write {{"{FORMAT_KEY}": {FORMAT}, "downstream": []}} into it',
    )
    document = json_files.document(path, text, subject=_SUBJECT)
    where = f"{_SUBJECT} {path}"
    if not isinstance(document, dict) or FORMAT_KEY not in document:
        raise ConfigError(
            f'{where} has no "{FORMAT_KEY}"',
            why=f"files named NAME{FILE_SUFFIX} hold the recorded answers of the event NAME.json",
            do="Give an event another name, or record the answers again",
        )
    _only(where, "", document, (FORMAT_KEY, "downstream"))
    parts = dict(json_texts.members(text))
    if parts[FORMAT_KEY] != str(FORMAT):
        raise ConfigError(
            f"{where} has the format {parts[FORMAT_KEY][:40]}",
            why=f"this version reads format {FORMAT}",
            do="Install the version that recorded it, or record the answers again",
        )
    return read(exact(parts.get("downstream", "[]"), where), where)


def write(path: Path, exchanges: Iterable[Exchange]) -> None:
    """Write a file of recorded answers, in place of one that is there. Raises ConfigError.

    The folder must exist. Values are written as they are: redact them before.
    """
    document = {FORMAT_KEY: FORMAT, "downstream": entries(exchanges)}
    content = (json_texts.text_of(document) + "\n").encode("utf-8")
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        try:
            draft.write_bytes(content)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{_SUBJECT} {path} could not be written",
            why=error.strerror or type(error).__name__,
            do="Check that its folder exists, its permissions and the free disk space",
        ) from error


# --- entries to exchanges -------------------------------------------------------------------------


def exact(text: str, where: str) -> object:
    """The value of valid JSON text with its numbers as written, for `read`. Raises ConfigError."""
    try:
        return json_texts.parse(text)
    except ValueError as error:
        raise ConfigError(
            f'{where} has an invalid "downstream"', why=str(error), do="Record it again"
        ) from error


def read(value: object, where: str) -> tuple[Exchange, ...]:
    """The exchanges of a list of entries, which is parsed JSON. Raises ConfigError.

    ``where`` names the file that has them: ``event fixture events/paid.json``. Numbers keep their
    text if they are `json_texts.Number` or another float with a ``text``.
    """
    if not isinstance(value, list):
        raise _wrong(where, "downstream", "a list of recorded answers")
    if len(value) > MAX_ENTRIES:
        raise _wrong(where, "downstream", f"at most {MAX_ENTRIES} entries")
    try:
        return tuple(
            _exchange(where, f"downstream[{number}]", each) for number, each in enumerate(value)
        )
    except RecursionError as error:
        raise _wrong(where, "downstream", "values that are not nested so deeply") from error


def _exchange(where: str, at: str, entry: object) -> Exchange:
    if not isinstance(entry, dict):
        raise _wrong(where, at, "an object")
    if "service" in entry or "operation" in entry:
        return _aws(where, at, entry)
    if "method" in entry or "url" in entry:
        return _http(where, at, entry)
    raise _wrong(where, at, 'an entry with "service" and "operation", or with "method" and "url"')


def _aws(where: str, at: str, entry: Mapping[str, object]) -> AwsExchange:
    _only(where, at, entry, _AWS_KEYS)
    for key in ("service", "operation"):
        name = entry.get(key)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise _wrong(where, f"{at}.{key}", "a name as botocore has it")
    for key in ("parameters", "result"):
        if not isinstance(entry.get(key, {}), dict):
            raise _wrong(where, f"{at}.{key}", "an object")
    code, message, status = "", "", 200
    if "error" in entry:
        if "result" in entry:
            raise _wrong(where, at, 'either "result" or "error"')
        code, message, status = _aws_error(where, f"{at}.error", entry["error"])
    return AwsExchange(
        service=str(entry["service"]),
        operation=str(entry["operation"]),
        parameters=json_texts.text_of(entry.get("parameters", {}), indent=0),
        result=json_texts.text_of(entry.get("result", {}), indent=0),
        error_code=code,
        error_message=message,
        status=status,
    )


def _aws_error(where: str, at: str, error: object) -> tuple[str, str, int]:
    """(code, message, status)."""
    if not isinstance(error, dict):
        raise _wrong(where, at, 'an object with "code", "message" and "status"')
    _only(where, at, error, _ERROR_KEYS)
    code, message = error.get("code"), error.get("message", "")
    if not isinstance(code, str) or not code.strip():
        raise _wrong(where, f"{at}.code", 'AWS\'s error code, as "ResourceNotFoundException"')
    if not isinstance(message, str):
        raise _wrong(where, f"{at}.message", "text")
    return code, message, _status(where, f"{at}.status", error.get("status", 400))


def _http(where: str, at: str, entry: Mapping[str, object]) -> HttpExchange:
    _only(where, at, entry, _HTTP_KEYS)
    method = entry.get("method", "GET")
    if not isinstance(method, str) or not _TOKEN.fullmatch(method):
        raise _wrong(where, f"{at}.method", 'a method of HTTP, as "POST"')
    response = entry.get("response")
    if not isinstance(response, dict):
        raise _wrong(where, f"{at}.response", 'an object with "status", "headers" and "body"')
    _only(where, f"{at}.response", response, _RESPONSE_KEYS)
    return HttpExchange(
        method=method.upper(),
        url=_url(where, f"{at}.url", entry.get("url")),
        request_headers=_headers(where, f"{at}.headers", entry.get("headers", {})),
        request_body=_body(where, f"{at}.body", entry.get("body", _MISSING)),
        status=_status(where, f"{at}.response.status", response.get("status", 200)),
        headers=_headers(where, f"{at}.response.headers", response.get("headers", {})),
        body=_body(where, f"{at}.response.body", response.get("body", _MISSING)),
    )


def _url(where: str, at: str, url: object) -> str:
    if isinstance(url, str) and url.isprintable() and " " not in url:
        try:
            parts = urlsplit(url)
            if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
                return url
        except ValueError:
            pass
    raise _wrong(where, at, 'an absolute URL, as "https://api.example.com/v1/charges?x=1"')


def _status(where: str, at: str, status: object) -> int:
    if isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599:
        return status
    raise _wrong(where, at, "a status of HTTP, from 100 to 599")


def _headers(where: str, at: str, headers: object) -> Headers:
    """Each value of a header that comes several times is a text in a list."""
    if not isinstance(headers, dict):
        raise _wrong(where, at, "an object of texts")
    made: list[tuple[str, str]] = []
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise _wrong(where, at, "names of headers")
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, str) or not _HEADER_VALUE.fullmatch(each):
                raise _wrong(where, f"{at}.{name}", "text in one line, or a list of such texts")
            made.append((name, each))
    return tuple(made)


def _body(where: str, at: str, body: object) -> bytes:
    if body is _MISSING:
        return b""
    if isinstance(body, dict) and len(body) == 1:
        match body:
            case {"$text": str(text)}:
                try:
                    return text.encode("utf-8")
                except UnicodeEncodeError as error:
                    raise _wrong(where, f"{at}.$text", "text that UTF-8 can encode") from error
            case {"$bytes": str(coded)}:
                try:
                    return base64.b64decode(coded, validate=True)
                except (binascii.Error, ValueError) as error:
                    raise _wrong(where, f"{at}.$bytes", "base64") from error
            case {"$text": _} | {"$bytes": _}:
                raise _wrong(where, at, "a text")
    return json_texts.text_of(body, indent=0).encode("utf-8")


def _only(where: str, at: str, values: Mapping[str, object], known: tuple[str, ...]) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(
                f'{where} has the unknown key "{key}"' + (f' in "{at}"' if at else ""),
                why=f"known keys are {', '.join(known)}",
                do="Correct or remove it",
            )


def _wrong(where: str, at: str, expected: str) -> ConfigError:
    return ConfigError(
        f'{where} has an invalid "{at}"', why=f"expected {expected}", do="Correct it there"
    )


# --- exchanges to entries -------------------------------------------------------------------------


def entries(exchanges: Iterable[Exchange]) -> list[dict[str, object]]:
    """The entries of exchanges as parsed JSON: `read` gives the same exchanges of them."""
    return [
        _aws_entry(each) if isinstance(each, AwsExchange) else _http_entry(each)
        for each in exchanges
    ]


def _aws_entry(exchange: AwsExchange) -> dict[str, object]:
    entry: dict[str, object] = {
        "service": exchange.service,
        "operation": exchange.operation,
        "parameters": json_texts.parse(exchange.parameters),
    }
    if exchange.error_code:
        entry["error"] = {
            "code": exchange.error_code,
            "message": exchange.error_message,
            "status": exchange.status,
        }
    else:
        entry["result"] = json_texts.parse(exchange.result)
    return entry


def _http_entry(exchange: HttpExchange) -> dict[str, object]:
    entry: dict[str, object] = {"method": exchange.method, "url": exchange.url}
    if exchange.request_headers:
        entry["headers"] = _header_values(exchange.request_headers)
    if exchange.request_body:
        entry["body"] = _body_value(exchange.request_body)
    response: dict[str, object] = {"status": exchange.status}
    if exchange.headers:
        response["headers"] = _header_values(exchange.headers)
    if exchange.body:
        response["body"] = _body_value(exchange.body)
    entry["response"] = response
    return entry


def _header_values(headers: Headers) -> dict[str, object]:
    """One that comes several times is a list under the spelling that came first."""
    values: dict[str, tuple[str, list[str]]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), (name, []))[1].append(value)
    return {name: each[0] if len(each) == 1 else list(each) for name, each in values.values()}


def _body_value(body: bytes) -> object:
    """A JSON value, or bytes as text or base64."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return {"$bytes": base64.b64encode(body).decode("ascii")}
    try:
        value = json_texts.parse(text)
        json_texts.text_of(value, indent=0)
    except (ValueError, RecursionError):
        return {"$text": text}
    if isinstance(value, dict) and len(value) == 1 and not value.keys().isdisjoint(_MARKS):
        return {"$text": text}
    return value


_MARKS: Final = frozenset(("$text", "$bytes"))
