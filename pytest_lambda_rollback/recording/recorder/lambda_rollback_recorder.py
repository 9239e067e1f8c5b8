"""Records events of a Lambda function into its own log, for pytest-lambda-rollback.

As a decorator::

    from lambda_rollback_recorder import record

    @record(sample=0.01)
    def handler(event, context): ...

Or without a change of code: add this file as a layer (in ``python/``, or at ``/opt/python``), set
the function's handler to ``lambda_rollback_recorder.handler`` and the environment variable
``LAMBDA_ROLLBACK_HANDLER`` to the previous handler.

The recorder does not change what the function does: it gets the same event, and its result or
exception is passed on. An error in the recorder only writes one line to the log. An invocation that
is not sampled costs one random number.

With ``LAMBDA_ROLLBACK_DOWNSTREAM=1`` it also keeps the answers that a sampled invocation got from
services, so that a replay needs none of them: calls of AWS by boto3 and botocore, and HTTP by
urllib3, requests, urllib and http.client. Calls of the initialisation belong to every invocation
of an execution environment, and so do secrets, parameters and configuration that any of its
invocations fetched. httpx, aiohttp and other clients with a network code of their own are not seen.

Environment variables:

================================ ================================================================
LAMBDA_ROLLBACK_HANDLER          the function's own handler, for use as a layer: ``app.handler``
LAMBDA_ROLLBACK_SAMPLE           share of invocations to record, 0 to 1; default 0.01
LAMBDA_ROLLBACK_MAX_BYTES        larger events are not recorded; default 200000
LAMBDA_ROLLBACK_PER_MINUTE       most events recorded a minute by each execution environment;
                                 default 30
LAMBDA_ROLLBACK_REDACT           globs over names of keys: ``password,*token,email``
LAMBDA_ROLLBACK_DOWNSTREAM       1 to keep answers of services too
LAMBDA_ROLLBACK_DOWNSTREAM_BYTES most bytes of an invocation's answers; default 500000. If there
                                 is more, or one answer is larger than LAMBDA_ROLLBACK_MAX_BYTES,
                                 none is written
================================ ================================================================

Events reach the log as they are. ``lambda-rollback record`` redacts them before it writes a file;
list the keys of values that must not reach the log in LAMBDA_ROLLBACK_REDACT. Under such a key, at
any depth and in JSON text, every text becomes ``REDACTED`` and every number 0. Base64 is not
decoded, and values are found by their keys only.

Requests and answers of services are stricter: no header of a request is kept. Secrets, secure
parameters, tokens, passwords and keys get another value of the same form before they reach the log,
the same one wherever an invocation uses it, unless its event has it too.

Each line of the log is one JSON object, in both of Lambda's log formats::

    {"lambda_rollback_record": 1, "function": …, "version": …, "request_id": …, "time": …,
     "part": [1, 1], "event": "<JSON text of the event, or a part of it>"}

With answers of services, the line of the event has ``"answers": true``, and after the invocation
there are lines with ``downstream``, JSON text of a list or a part of it, in place of ``event``; or
one line with ``incomplete``, which says why there are none.

This file needs Python 3.8 or later and only its standard library.
"""

from __future__ import annotations

import base64
import datetime
import fnmatch
import functools
import importlib
import inspect
import json
import math
import os
import random
import re
import sys
import threading
import time
import zlib
from urllib.parse import quote, quote_plus, unquote_plus

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

__all__ = ["record"]

FORMAT = 1
DEFAULT_SAMPLE = 0.01
DEFAULT_MAX_BYTES = 200_000
DEFAULT_PER_MINUTE = 30
DEFAULT_DOWNSTREAM_BYTES = 500_000
PART_CHARACTERS = 90_000
"""ASCII text at most doubles inside a JSON string, and a log event holds 256 KB."""
_DEPTH = 60


def _generator() -> Any:
    """A generator of its own: the function may seed the global one.

    A SnapStart snapshot would restore a seeded generator to the same state in every execution
    environment, so there the operating system is asked each time, which takes longer.
    """
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        return random.SystemRandom()
    return random.Random()  # noqa: S311 - a sample, not a secret


_chance = _generator().random


def record(handler: Any = None, *, sample: float | None = None) -> Any:
    """Decorate a handler: ``@record``, ``@record()`` or ``@record(sample=0.01)``.

    ``sample`` is the share of invocations to record; LAMBDA_ROLLBACK_SAMPLE overrides it without a
    deployment of code.
    """
    if handler is None:
        return functools.partial(record, sample=sample)
    recorder = _Recorder(sample)
    wrapper: Callable[..., Any]
    if inspect.iscoroutinefunction(handler):

        async def wrapper_of_coroutine(*args: Any, **kwargs: Any) -> Any:
            if _chance() >= recorder.sample:
                _calls.leave_initialisation()
                return await handler(*args, **kwargs)
            answers = recorder.record(args, kwargs)
            try:
                return await handler(*args, **kwargs)
            finally:
                recorder.finish(answers)

        wrapper = wrapper_of_coroutine
    else:

        def wrapper_of_call(*args: Any, **kwargs: Any) -> Any:
            if _chance() >= recorder.sample:
                _calls.leave_initialisation()
                return handler(*args, **kwargs)
            answers = recorder.record(args, kwargs)
            result = None
            try:
                result = handler(*args, **kwargs)
                return result
            finally:
                recorder.finish(answers, result)

        wrapper = wrapper_of_call

    try:
        return functools.wraps(handler)(wrapper)
    except Exception:
        return wrapper


class _Recorder:
    """Settings, read once at initialisation, and the number of events in the current minute."""

    def __init__(self, sample: float | None) -> None:
        default = DEFAULT_SAMPLE if sample is None else sample
        self.sample = _number("LAMBDA_ROLLBACK_SAMPLE", default)
        self._max_bytes = _number("LAMBDA_ROLLBACK_MAX_BYTES", DEFAULT_MAX_BYTES)
        self._per_minute = _number("LAMBDA_ROLLBACK_PER_MINUTE", DEFAULT_PER_MINUTE)
        globs = os.environ.get("LAMBDA_ROLLBACK_REDACT", "").lower().split(",")
        self._globs = tuple(glob.strip() for glob in globs if glob.strip())
        self._minute = -1
        self._count = 0

    def record(self, args: tuple[Any, ...], kwargs: Any) -> _Answers | None:
        """Write the event to the log, unless there is a reason not to. Never raises.

        Returns the place for the answers that the invocation gets from services, if they are kept.
        Interrupts and exits of the process, which are not an Exception, are passed on.
        """
        answers = None
        try:
            event, context = _arguments(args, kwargs)
            if self._has_turn():
                answers = self._write(event, context)
        except Exception as error:
            _say("an event was not recorded: " + type(error).__name__)
        _calls.leave_initialisation()
        return answers if answers is not None and _calls.enter(answers) else None

    def finish(self, answers: _Answers | None, result: Any = None) -> None:
        """Write the answers of services to the log. Never raises."""
        if answers is None:
            return
        try:
            if inspect.isgenerator(result) or inspect.isasyncgen(result):
                answers.spoil("the function goes on while its answer is read")
            if inspect.isawaitable(result):
                answers.spoil("the function goes on after it has returned")
            _calls.leave(answers)
            more: dict[str, Any]
            try:
                more = {"downstream": _downstream(answers, self._globs)}
            except _NotKept as error:
                more = {"incomplete": str(error)}
            except Exception as error:
                more = {"incomplete": "an answer could not be kept: " + type(error).__name__}
            _write_line(answers.line, more)
        except Exception as error:
            _say("answers of services were not recorded: " + type(error).__name__)

    def _has_turn(self) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        return self._count <= self._per_minute

    def _write(self, event: Any, context: Any) -> _Answers | None:
        if _is_larger(event, self._max_bytes):
            _say("an event was not recorded: it is larger than LAMBDA_ROLLBACK_MAX_BYTES")
            return None
        removed: set[str] = set()
        if self._globs:
            event = _redacted(event, self._globs, False, 0, removed)
        text = json.dumps(event, separators=(",", ":"))
        if len(text) > self._max_bytes:
            _say("an event was not recorded: it is larger than LAMBDA_ROLLBACK_MAX_BYTES")
            return None
        line = {
            "lambda_rollback_record": FORMAT,
            "function": _text(getattr(context, "function_name", None)),
            "version": _text(getattr(context, "function_version", None)),
            "request_id": str(getattr(context, "aws_request_id", None) or time.time_ns()),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        if not _calls.are_kept:
            _write_line(line, {"event": text})
            return None
        _write_line(dict(line, answers=True), {"event": text})
        return _Answers(_calls.limits, line=line, event=text, removed=removed)


def _write_line(line: dict[str, Any], more: dict[str, str]) -> None:
    """One line, or several for the parts of a long text."""
    ((key, text),) = more.items()
    starts = range(0, len(text), PART_CHARACTERS)
    for number, start in enumerate(starts, 1):
        part = {"part": [number, len(starts)], key: text[start : start + PART_CHARACTERS]}
        # One write a line, so that no other thread's output comes between.
        sys.stdout.write(json.dumps(dict(line, **part), separators=(",", ":")) + "\n")
    sys.stdout.flush()


def _arguments(args: tuple[Any, ...], kwargs: Any) -> tuple[Any, Any]:
    """Event and context; of a method they are the last two of its arguments."""
    if "event" in kwargs:
        return kwargs["event"], kwargs.get("context", args[-1] if args else None)
    if "context" in kwargs:
        return args[-1], kwargs["context"]
    return (args[-2], args[-1]) if len(args) > 1 else (args[0], None)


def _is_larger(event: Any, limit: float) -> bool:
    """True if texts by themselves make an event too large; cheaper than writing it."""
    size = 0
    left = [event]
    while left:
        value = left.pop()
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, dict):
            size += 4 * len(value)
            left.extend(value.values())
        elif isinstance(value, (list, tuple)):
            size += 2 * len(value)
            left.extend(value)
        if size > limit:
            return True
    return False


def _redacted(
    value: Any, globs: tuple[str, ...], below: bool, depth: int, removed: set[str] | None = None
) -> Any:
    """A copy without the values of keys that one of the globs names; adds them to ``removed``."""
    if depth > _DEPTH:
        raise ValueError
    if isinstance(value, dict):
        return {
            key: _redacted(item, globs, below or _is_named(key, globs), depth + 1, removed)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_redacted(item, globs, below, depth + 1, removed) for item in value]
    if isinstance(value, str):
        if below and value.startswith(_MARK):
            return 0
        if below:
            if removed is not None:
                removed.add(value)
            return "REDACTED" if value else value
        if value.lstrip()[:1] in ("{", "["):
            try:
                inner = _read(value)
            except ValueError:
                return value
            changed = _redacted(inner, globs, False, depth + 1, removed)
            return value if changed == inner else _written(changed)
        return value
    if below and isinstance(value, (int, float)) and not isinstance(value, bool):
        return 0
    return value


def _is_named(key: Any, globs: tuple[str, ...]) -> bool:
    lowered = str(key).lower()
    return any(fnmatch.fnmatchcase(lowered, glob) for glob in globs)


def _number(name: str, default: float) -> float:
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    try:
        return float(text)
    except ValueError:
        _say(name + " is not a number and is ignored")
        return default


def _text(value: Any) -> Any:
    return value if value is None else str(value)


def _say(what: str) -> None:
    try:
        sys.stdout.write(json.dumps({"lambda_rollback_note": what}) + "\n")
        sys.stdout.flush()
    except Exception:  # noqa: S110 - the log is gone too
        pass


def _read(text: str) -> Any:
    """A JSON value whose decimals `_written` writes as they were. Raises ValueError."""
    if _MARK in text or "\\ue000" in text.lower():
        return json.loads(text)
    return json.loads(text, parse_float=lambda number: _MARK + number)


def _written(value: Any) -> str:
    return _MARKED.sub(r"\1", json.dumps(value, separators=(",", ":")))


_MARK = "\ue000"
_MARKED = re.compile(r'"\\ue000([-+.0-9eE]+)"')


# --- answers of services --------------------------------------------------------------------------

_Bytes = (bytes, bytearray, memoryview)
_LASTING = frozenset(("secretsmanager", "ssm", "appconfigdata", "appconfig", "kms", "sts"))
_LASTING_OPERATIONS = ("Get", "BatchGet", "List", "Describe", "Decrypt", "Assume", "Start")
"""Services and operations whose answers functions keep for later invocations."""
_EXTENSION = ("http://localhost:2773/", "http://127.0.0.1:2773/")
"""AWS's extension for parameters and secrets."""
_MAX_CALLS = 500
_MAX_LASTING = 50
_MAX_LASTING_BYTES = 65_536
_MAX_NESTING = 60
_UTC = datetime.timezone.utc  # noqa: UP017 - Python 3.8 has no other name for it


class _NotKept(Exception):
    """Why an answer, and with it all of its invocation, is not written."""


class _Limits:
    """Most bytes of one answer and of all answers of an invocation."""

    def __init__(self, are_kept: bool) -> None:
        self.answer: float = DEFAULT_MAX_BYTES
        self.invocation: float = DEFAULT_DOWNSTREAM_BYTES
        if are_kept:
            self.answer = _number("LAMBDA_ROLLBACK_MAX_BYTES", self.answer)
            self.invocation = _number("LAMBDA_ROLLBACK_DOWNSTREAM_BYTES", self.invocation)


class _Answers:
    """The calls of one invocation, or of the initialisation. Safe to use from several threads."""

    def __init__(
        self,
        limits: _Limits,
        *,
        line: dict[str, Any] | None = None,
        event: str = "",
        removed: Iterable[str] = (),
    ) -> None:
        self.line = line or {}
        self.event = event
        self.removed = tuple(value for value in removed if len(value) > 3)
        self.calls: list[_Call] = []
        self.spoilt = ""
        self._limits = limits
        self._bytes = 0
        self._closed = False
        self._lock = threading.Lock()

    def add(self, call: _Call) -> None:
        with self._lock:
            if not self._closed and not self.spoilt:
                self.calls.append(call)
        if len(self.calls) > _MAX_CALLS:
            self.spoil("there are more than " + str(_MAX_CALLS) + " calls")

    def grow(self, size: int) -> None:
        with self._lock:
            self._bytes += size
        if self._bytes > self._limits.invocation:
            self.spoil("the answers are larger than LAMBDA_ROLLBACK_DOWNSTREAM_BYTES")

    def spoil(self, reason: str) -> None:
        with self._lock:
            self.spoilt = self.spoilt or reason
            self.calls = []

    def close(self) -> list[_Call]:
        with self._lock:
            self._closed = True
            return list(self.calls)


class _Call:
    """One request to a service and its answer, as plain values."""

    lasts = False
    """True if functions keep such answers for later invocations."""

    def __init__(self, answers: _Answers | None, limits: _Limits) -> None:
        self._answers = answers
        self._limits = limits
        self.reason = ""
        self.size = 0

    def entry(self) -> dict[str, Any] | None:
        """The entry of a fixture; ``None`` without an answer. Raises _NotKept."""
        raise NotImplementedError

    def taken(self, value: Any, what: str) -> Any:
        """A plain copy of a value. Raises _NotKept for one that is too large or not plain."""
        sizes = [0]
        plain = _plain(value, sizes, self._limits.answer, what, 0)
        self.grow(sizes[0])
        return plain

    def key(self) -> str:
        """A text that is equal for equal requests."""
        raise NotImplementedError

    def grow(self, size: int) -> None:
        self.size += size
        if self._answers is not None:
            self._answers.grow(size)

    def fail(self, reason: str) -> None:
        self.reason = self.reason or reason


class _AwsCall(_Call):
    """A call of an operation by botocore."""

    def __init__(
        self, answers: _Answers | None, limits: _Limits, service: str, operation: str
    ) -> None:
        super().__init__(answers, limits)
        self.service = service
        self.operation = operation
        self.lasts = service in _LASTING and operation.startswith(_LASTING_OPERATIONS)
        self.parameters: Any = None
        self.answer: dict[str, Any] | None = None

    def asked(self, parameters: Any) -> None:
        if self.parameters is None:
            self.parameters = self.taken(parameters, "a request")

    def answered(self, status: Any, parsed: Any) -> None:
        if isinstance(status, int) and status >= 300:
            error = parsed.get("Error") or {}
            message = str(error.get("Message") or error.get("message") or "")
            code = str(error.get("Code") or status)
            error = {"code": code, "message": message, "status": status}
            self.answer = {"error": self.taken(error, "an answer")}
            return
        result = {key: item for key, item in parsed.items() if key != "ResponseMetadata"}
        for key, item in result.items():
            if hasattr(item, "_raw_stream") and hasattr(item, "read"):
                size = getattr(item, "_content_length", None)
                kept = _Stream(self, None if size is None else int(size))
                item._raw_stream = _Tee(item._raw_stream, kept)
                result[key] = kept
        self.answer = {"result": self.taken(result, "an answer")}

    def entry(self) -> dict[str, Any] | None:
        if self.answer is None and not self.reason:
            return None
        if self.reason:
            raise _NotKept(self.reason)
        entry: dict[str, Any] = {"service": self.service, "operation": self.operation}
        entry["parameters"] = self.parameters or {}
        entry.update(_resolved(self.answer))
        return entry

    def key(self) -> str:
        return json.dumps([self.service, self.operation, self.parameters], sort_keys=True)


class _HttpCall(_Call):
    """A request by http.client, which urllib3 and requests send theirs by."""

    def __init__(self, answers: _Answers | None, limits: _Limits, method: str, url: str) -> None:
        super().__init__(answers, limits)
        self.method = method
        self.url = url
        self.sending = False
        self.lasts = url.startswith(_EXTENSION)
        self._sent: list[bytes] = []
        self._size = 0
        self._status = 0
        self._headers: list[tuple[str, str]] = []
        self._body: _Stream | None = None

    def sent(self, data: Any) -> None:
        if not isinstance(data, _Bytes):
            self.fail("a request was sent from a file")
            return
        size = len(data) if isinstance(data, (bytes, bytearray)) else data.nbytes
        self._size += size
        if self._size > self._limits.answer + 65_536:
            self.fail("a request is larger than LAMBDA_ROLLBACK_MAX_BYTES")
            self._sent = []
        elif not self.reason:
            self._sent.append(bytes(data))
            self.grow(size)

    def answered(self, response: Any) -> None:
        self._status = response.status
        self._headers = [(str(name), str(value)) for name, value in response.getheaders()]
        if response.fp is not None:
            self._body = _Stream(self, response.length, chunked=bool(response.chunked))
            response.fp = _Tee(response.fp, self._body)

    def entry(self) -> dict[str, Any] | None:
        if not self._status and not self.reason:
            return None
        if self.reason:
            raise _NotKept(self.reason)
        head, _, body = b"".join(self._sent).partition(b"\r\n\r\n")
        if re.search(rb"(?i)\r\ntransfer-encoding:[^\r\n]*chunked", head):
            body = _unchunked(body)
        entry: dict[str, Any] = {"method": self.method, "url": self.url}
        if body:
            entry["body"] = _bytes_value(body)
        headers: dict[str, Any] = {}
        encoding = ""
        for name, value in self._headers:
            lowered = name.lower()
            if lowered == "content-encoding":
                encoding = value.strip().lower()
            elif lowered == "set-cookie":
                value = re.sub(r"=[^;]*", _other_cookie, value, count=1)
            if lowered in headers:
                headers[lowered] += [value]
            elif lowered not in _HOP_BY_HOP:
                headers[lowered] = [value]
        response: dict[str, Any] = {"status": self._status}
        response["headers"] = {
            name: values[0] if len(values) == 1 else values for name, values in headers.items()
        }
        content = self._body.content() if self._body is not None else b""
        content = _decoded(content, encoding, self._limits.answer)
        if content:
            response["body"] = _bytes_value(content)
        entry["response"] = response
        return entry

    def key(self) -> str:
        return self.method + " " + self.url


def _other_cookie(found: Any) -> str:
    return "=" + _dummy(found.group()[1:])


_HOP_BY_HOP = frozenset(
    ("connection", "content-encoding", "content-length", "keep-alive", "proxy-authenticate",
     "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)  # fmt: skip
"""Headers that say how an answer was sent (RFC 9110); a replay sends it in its own way."""


class _Stream:
    """The bytes of an answer as the function reads them."""

    def __init__(self, call: _Call, length: int | None, *, chunked: bool = False) -> None:
        self._call = call
        self._length = length
        self._chunked = chunked
        self._parts: list[bytes] = []
        self._size = 0
        self._ended = False

    def add(self, data: Any, ended: bool) -> None:
        self._ended = self._ended or ended
        self._size += len(data)
        if self._size > self._call._limits.answer:
            self._parts = []
            self._call.fail("an answer is larger than LAMBDA_ROLLBACK_MAX_BYTES")
        elif data:
            self._parts.append(bytes(data))
            self._call.grow(len(data))

    def content(self) -> bytes:
        """All of it. Raises _NotKept if the function did not read to the end."""
        content = b"".join(self._parts)
        if self._call.reason:
            raise _NotKept(self._call.reason)
        if self._chunked:
            return _unchunked(content)
        if not self._ended if self._length is None else self._size < self._length:
            raise _NotKept("an answer was not read to its end")
        return content


class _Tee:
    """A stream that tells what is read from it, and is the stream itself in all else."""

    def __init__(self, source: Any, kept: _Stream) -> None:
        self._source = source
        self._kept = kept

    def read(self, *args: Any, **kwargs: Any) -> Any:
        data = self._source.read(*args, **kwargs)
        amount = args[0] if args else kwargs.get("amt")
        self._told(data, amount is None or amount < 0 or (not data and amount > 0))
        return data

    def read1(self, *args: Any, **kwargs: Any) -> Any:
        data = self._source.read1(*args, **kwargs)
        self._told(data, not data and args[:1] != (0,))
        return data

    def readinto(self, buffer: Any) -> Any:
        count = self._source.readinto(buffer)
        self._told(bytes(memoryview(buffer).cast("B")[: count or 0]), not count and len(buffer) > 0)
        return count

    def readline(self, *args: Any, **kwargs: Any) -> Any:
        data = self._source.readline(*args, **kwargs)
        self._told(data, not data and args[:1] != (0,))
        return data

    def readlines(self, *args: Any, **kwargs: Any) -> Any:
        data = self._source.readlines(*args, **kwargs)
        self._told(b"".join(data), not args and not kwargs)
        return data

    def __iter__(self) -> Any:
        for data in self._source:
            self._told(data, False)
            yield data
        self._told(b"", True)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self._source.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def _told(self, data: Any, ended: bool) -> None:
        try:
            self._kept.add(data, ended)
        except Exception:
            self._kept._call.fail("an answer could not be kept")


def _plain(value: Any, sizes: list[int], limit: float, what: str, depth: int) -> Any:
    """A copy that JSON can hold. Raises _NotKept."""
    if depth > _MAX_NESTING:
        raise _NotKept(what + " is nested too deeply")
    sizes[0] += 8
    if isinstance(value, (str, *_Bytes)):
        sizes[0] += len(value)
    if sizes[0] > limit:
        raise _NotKept(what + " is larger than LAMBDA_ROLLBACK_MAX_BYTES")
    if value is None or isinstance(value, (bool, int, str, _Stream)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dict):
        return {
            str(key): _plain(item, sizes, limit, what, depth + 1) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_plain(item, sizes, limit, what, depth + 1) for item in value]
    if isinstance(value, _Bytes):
        return _bytes_value(bytes(value))
    if isinstance(value, datetime.datetime):
        moment = datetime.datetime.fromtimestamp(value.timestamp(), _UTC)
        return {"$time": moment.isoformat().replace("+00:00", "Z")}
    if hasattr(value, "read") and hasattr(value, "seek") and hasattr(value, "tell"):
        content = _file_content(value, limit, what)
        sizes[0] += len(content)
        return _bytes_value(content)
    raise _NotKept(what + " has a value of the type " + type(value).__name__)


def _file_content(file: Any, limit: float, what: str) -> bytes:
    """The rest of a file, which is then where it was."""
    at = file.tell()
    try:
        content = file.read(int(limit) + 1)
    finally:
        file.seek(at)
    if isinstance(content, str):
        content = content.encode("utf-8")
    if len(content) > limit:
        raise _NotKept(what + " is larger than LAMBDA_ROLLBACK_MAX_BYTES")
    return bytes(content)


def _resolved(value: Any) -> Any:
    """The value, its streams as the bytes that were read. Raises _NotKept."""
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item) for item in value]
    return _bytes_value(value.content()) if isinstance(value, _Stream) else value


def _bytes_value(content: bytes) -> dict[str, str]:
    try:
        return {"$text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"$bytes": base64.b64encode(content).decode("ascii")}


def _unchunked(content: bytes) -> bytes:
    """The data of chunks (RFC 9112). Raises _NotKept if the last one is missing."""
    data: list[bytes] = []
    at = 0
    while True:
        end = content.find(b"\n", at)
        try:
            size = int(content[at:end].split(b";")[0], 16) if end >= 0 else -1
        except ValueError:
            size = -1
        if size < 0 or end + 1 + size > len(content):
            raise _NotKept("an answer was not read to its end")
        if size == 0:
            return b"".join(data)
        data.append(content[end + 1 : end + 1 + size])
        at = content.find(b"\n", end + 1 + size) + 1
        if at == 0:
            raise _NotKept("an answer was not read to its end")


def _decoded(content: bytes, encoding: str, limit: float) -> bytes:
    if not content or encoding in ("", "identity"):
        return content
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise _NotKept("an answer is compressed as " + re.sub(r"[^a-z0-9, ]", "", encoding)[:40])
    for bits in (47, -15):  # with a header of gzip or zlib, and without one
        unpacker = zlib.decompressobj(bits)
        try:
            plain = unpacker.decompress(content, int(limit) + 1)
        except zlib.error:
            continue
        if len(plain) > limit:
            raise _NotKept("an answer is larger than LAMBDA_ROLLBACK_MAX_BYTES")
        if unpacker.eof and not unpacker.unused_data:
            return plain
    raise _NotKept("an answer is compressed in an unknown way")


# --- what reaches the log of them -----------------------------------------------------------------

_SECRET = (
    "*secretstring", "*secretbinary", "*secret", "*secret_key", "*secretkey", "*secret_access_key",
    "*secretaccesskey", "*access_key", "accesskeyid", "access_key_id", "*token", "*password",
    "passwd", "pwd", "passphrase", "*apikey", "*api_key", "*api-key", "*privatekey",
    "*private_key", "plaintext", "keymaterial", "client_assertion", "assertion", "authorization",
    "cookie", "x-amz-signature", "x-amz-credential", "sig", "signature",
)  # fmt: skip
"""Globs over keys whose values are replaced in requests and answers."""
_SECRET_NAME = re.compile("|".join(map(fnmatch.translate, _SECRET)))
_DESCRIBING = frozenset(
    ("host", "hostname", "port", "engine", "dbname", "database", "schema", "region", "sslmode",
     "dbinstanceidentifier", "dbclusteridentifier", "endpoint")
)  # fmt: skip
"""Members of a secret that say where to use it."""
_WHOLE = frozenset(("secretstring", "secretbinary", "plaintext"))
"""Keys of secrets that may have members."""
_TYPED = frozenset(("$text", "$bytes", "S", "N", "B", "SS", "NS", "BS", "L"))
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)(?:([^/?#@]*)(@))?([^/?#]*)(.*)", re.DOTALL)
_FORM = re.compile(r"[\w.~%+*\[\]-]+=[^\s&\"<>{}]*(?:&[\w.~%+*\[\]-]+=[^\s&\"<>{}]*)*")
_PEM = re.compile(r"(-----[^\n]*-----)")
_SHORTEST = 6
"""Characters of a secret that is found inside other texts."""
_MAX_SECRETS = 1_000

_dummies: dict[str, str] = {}
"""What stands for each secret, for as long as the execution environment lives."""
_dummies_lock = threading.Lock()


def _downstream(answers: _Answers, globs: tuple[str, ...]) -> str:
    """JSON text of the entries of an invocation, without secrets. Raises _NotKept."""
    own = answers.close()
    initial = _calls.initial.close()
    lasting = _calls.lasting_calls()
    for each in (answers, _calls.initial):
        if each.spoilt:
            raise _NotKept(each.spoilt)
    here = set(map(id, (*initial, *own)))
    entries = [each.entry() for each in initial]
    for call in lasting:
        if id(call) not in here:
            try:
                entries.append(call.entry())
            except _NotKept:
                continue  # it is of another invocation, and may not be needed
    entries += [each.entry() for each in own]
    secrets: dict[str, str] = {}
    masked = [_masked_call(each, answers.event, secrets) for each in entries if each is not None]
    secrets.update((value, "REDACTED") for value in answers.removed)
    if len(secrets) > _MAX_SECRETS:
        raise _NotKept("there are more than " + str(_MAX_SECRETS) + " secrets")
    if secrets:
        known = _Secrets(secrets, json.dumps(masked))
        masked = [known.replaced(entry) for entry in masked]
    if globs:
        masked = [_redacted_call(entry, globs) for entry in masked]
    text = json.dumps(masked, separators=(",", ":"))
    if len(text) > 2 * _calls.limits.invocation:
        raise _NotKept("the answers are larger than LAMBDA_ROLLBACK_DOWNSTREAM_BYTES")
    return text


def _masked_call(entry: dict[str, Any], event: str, secrets: dict[str, str]) -> dict[str, Any]:
    masked: dict[str, Any] = _masked(entry, 0, event, secrets, 0)
    if "url" in entry:
        masked["url"] = _masked_url(entry["url"], event, secrets)
    return masked


def _masked(value: Any, secret: int, event: str, secrets: dict[str, str], depth: int) -> Any:
    """A copy with another value for each secret that a key names; adds them to ``secrets``.

    ``secret`` is 1 for the value of a key that names a secret, 2 in a secret of several members.
    """
    if depth > 2 * _DEPTH:
        raise _NotKept("an answer is nested too deeply")
    if isinstance(value, dict):
        secure = value.get("Type") == "SecureString"
        inherited = secret if secret == 2 or value.keys() <= _TYPED else 0
        found = {}
        for key, item in value.items():
            lowered = key.lower()
            below = 0 if inherited == 2 and lowered in _DESCRIBING else inherited
            if lowered in _WHOLE or (secure and key == "Value"):
                below = 2
            elif not below and _SECRET_NAME.match(lowered):
                below = 1
            if key in ("$time", "url"):
                found[key] = item
            elif key == "$bytes" and len(value) == 1 and _is_base64(item):
                found[key] = _masked_bytes(item) if below else item
            else:
                found[key] = _masked(item, below, event, secrets, depth + 1)
        return found
    if isinstance(value, list):
        return [_masked(item, secret, event, secrets, depth + 1) for item in value]
    if isinstance(value, str):
        if value.lstrip()[:1] in ("{", "["):
            try:
                inner = _read(value)
            except ValueError:
                inner = None
            if isinstance(inner, (dict, list)):
                changed = _masked(inner, 2 if secret else 0, event, secrets, depth + 1)
                return value if changed == inner else _written(changed)
        if value.startswith(_MARK):
            return value
        if secret:
            return _hidden(value, event, secrets)
        return _masked_form(value, event, secrets) if _FORM.fullmatch(value) else value
    if secret and isinstance(value, int) and not isinstance(value, bool):
        return int(_hidden(str(value), event, secrets))
    return value


def _hidden(value: str, event: str, secrets: dict[str, str]) -> str:
    """What stands for a secret; itself if the event, which is in the log already, has it."""
    if not value or (len(value) > 3 and json.dumps(value)[1:-1] in event):
        return value
    secrets[value] = _dummy(value)
    return secrets[value]


def _masked_form(text: str, event: str, secrets: dict[str, str]) -> str:
    """A query or a form, without the values of secret names."""
    parts = []
    for part in text.split("&"):
        name, equals, raw = part.partition("=")
        if _SECRET_NAME.match(unquote_plus(name).lower()):
            raw = quote(_hidden(unquote_plus(raw), event, secrets))
        parts.append(name + equals + raw)
    return "&".join(parts)


def _masked_url(url: str, event: str, secrets: dict[str, str]) -> str:
    before, mark, query = url.partition("?")
    return before + mark + _masked_form(query, event, secrets)


def _is_base64(value: Any) -> bool:
    """False for data of a service that has a key like the one of bytes."""
    try:
        return isinstance(value, str) and base64.b64decode(value, validate=True) is not None
    except ValueError:
        return False


def _masked_bytes(text: str) -> str:
    content = bytearray(base64.b64decode(text))
    for place in range(len(content)):
        content[place] = int(_chance() * 256)
    return base64.b64encode(bytes(content)).decode("ascii")


class _Secrets:
    """Puts other values in the place of known secrets, wherever they are used."""

    def __init__(self, secrets: dict[str, str], text: str) -> None:
        """``text`` is JSON text of all that is to be looked through."""
        self._whole = secrets
        longest_first = sorted(secrets.items(), key=lambda pair: -len(pair[0]))
        self._long = [pair for pair in longest_first if len(pair[0]) >= _SHORTEST]
        self._inside: list[tuple[str, str]] = []
        for secret, other in self._long:
            for write in (str, quote, quote_plus, _escaped):
                pair = (write(secret), write(other))
                # Most are at their own places alone, and those are done.
                if pair not in self._inside and (pair[0] in text or _escaped(pair[0]) in text):
                    self._inside.append(pair)

    def replaced(self, value: Any) -> Any:
        """A copy of a value."""
        if isinstance(value, dict):
            return {
                key: self._bytes(item)
                if key == "$bytes" and _is_base64(item)
                else self.replaced(item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.replaced(item) for item in value]
        if isinstance(value, str):
            if value in self._whole:
                return self._whole[value]
            for secret, other in self._inside:
                value = value.replace(secret, other)
        return value

    def _bytes(self, text: str) -> str:
        content = base64.b64decode(text)
        for secret, other in self._long:
            content = content.replace(
                secret.encode("utf-8", "replace"), other.encode("utf-8", "replace")
            )
        return base64.b64encode(content).decode("ascii")


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


def _redacted_call(entry: dict[str, Any], globs: tuple[str, ...]) -> dict[str, Any]:
    """The entry without values of keys that LAMBDA_ROLLBACK_REDACT names."""
    own = {"service", "operation", "method", "url"}
    redacted = {
        key: item if key in own else _redacted(item, globs, False, 0) for key, item in entry.items()
    }
    if "url" in entry:
        before, mark, query = entry["url"].partition("?")
        redacted["url"] = before + mark + _redacted_form(query, globs)
    for part in (redacted, redacted.get("response")):
        body = part.get("body") if isinstance(part, dict) else None
        if isinstance(body, dict) and _FORM.fullmatch(body.get("$text", "")):
            body["$text"] = _redacted_form(body["$text"], globs)
    return redacted


def _redacted_form(text: str, globs: tuple[str, ...]) -> str:
    parts = (part.partition("=") for part in text.split("&"))
    return "&".join(
        name + equals + ("REDACTED" if raw and _is_named(unquote_plus(name), globs) else raw)
        for name, equals, raw in parts
    )


def _dummy(text: str) -> str:
    """Another text of the same form, always the same one in this execution environment."""
    with _dummies_lock:
        if text not in _dummies:
            if len(_dummies) >= 2_000:
                _dummies.clear()
            _dummies[text] = _drawn(text)
        return _dummies[text]


def _drawn(text: str) -> str:
    url = _URL.fullmatch(text)
    if url:
        scheme, user, at, host, rest = url.groups("")
        return scheme + _letters(user) + at + host + _letters(rest)
    if _PEM.search(text):
        parts = _PEM.split(text)
        return "".join(each if number % 2 else _letters(each) for number, each in enumerate(parts))
    return _letters(text)


def _letters(text: str) -> str:
    drawn = []
    begun = False
    for char in text:
        alphabet = ""
        if "0" <= char <= "9":
            alphabet = "0123456789" if begun or len(text) == 1 else "123456789"
        elif "a" <= char <= "z":
            alphabet = "abcdefghijklmnopqrstuvwxyz"
        elif "A" <= char <= "Z":
            alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        elif char > "\x7f" and char.isalnum():
            alphabet = "abcdefghijklmnopqrstuvwxyz"
        begun = begun or bool(alphabet)
        drawn.append(alphabet[int(_chance() * len(alphabet))] if alphabet else char)
    return "".join(drawn)


# --- seeing calls ---------------------------------------------------------------------------------


class _Calls:
    """The calls that this process makes, by wrapping the methods that make them."""

    def __init__(self) -> None:
        self.are_kept = os.environ.get("LAMBDA_ROLLBACK_DOWNSTREAM", "").strip().lower() in (
            "1", "true", "yes", "on",
        )  # fmt: skip
        self.limits = _Limits(self.are_kept)
        self.initial = _Answers(self.limits)
        self._initialising = self.are_kept
        self._current: _Answers | None = None
        self._lasting: dict[str, _Call] = {}
        self._lock = threading.Lock()
        self._thread = threading.local()
        self._own_hosts = (os.environ.get("AWS_LAMBDA_RUNTIME_API", ""),)

    # --- invocations

    def leave_initialisation(self) -> None:
        self._initialising = False

    def enter(self, answers: _Answers) -> bool:
        """Give the calls from now on to an invocation."""
        with self._lock:
            if self._current is not None:
                # Nobody could tell whose call is whose.
                for each in (self._current, answers):
                    each.spoil("invocations ran at the same time")
            self._current = answers
        return True

    def leave(self, answers: _Answers) -> None:
        with self._lock:
            if self._current is answers:
                self._current = None

    def _place(self) -> _Answers | None:
        return self.initial if self._initialising else self._current

    def lasting_calls(self) -> list[_Call]:
        with self._lock:
            return list(self._lasting.values())

    def ended(self, call: _Call) -> None:
        if call._answers is not None:
            call._answers.add(call)
        if call.lasts and not call.reason and call.size <= _MAX_LASTING_BYTES:
            with self._lock:
                key = call.key()
                if key in self._lasting or len(self._lasting) < _MAX_LASTING:
                    self._lasting[key] = call

    # --- botocore

    def aws_call(self, client: Any, operation: Any) -> _AwsCall | None:
        """A call that begins; ``None`` if it belongs to no invocation, or to another call."""
        if getattr(self._thread, "quiet", 0):
            return None
        service = str(client.meta.service_model.service_name)
        call = _AwsCall(self._place(), self.limits, service, str(operation))
        return None if call._answers is None and not call.lasts else call

    def quiet(self, by: int) -> None:
        self._thread.quiet = getattr(self._thread, "quiet", 0) + by

    # --- http.client

    def http_call(self, connection: Any, method: Any, target: Any) -> _HttpCall | None:
        if getattr(self._thread, "quiet", 0):
            return None
        place = self._place()
        if place is None and connection.port != 2773:
            return None
        tunnel = getattr(connection, "_tunnel_host", None)
        host = tunnel or connection.host
        port = getattr(connection, "_tunnel_port", None) if tunnel else connection.port
        secure = connection.default_port == 443
        if ":" in host and not host.startswith("["):
            host = "[" + host + "]"
        name = host if port in (None, 443 if secure else 80) else host + ":" + str(port)
        own = name in self._own_hosts or host.startswith("169.254.") or host == "[fd00:ec2::254]"
        if own:  # Lambda's own interface, and credentials
            return None
        target = str(target)
        url = ("https://" if secure else "http://") + name + target
        if not tunnel and target.lower().startswith(("http://", "https://")):
            url = target  # by way of a proxy
        call = _HttpCall(place, self.limits, str(method), url)
        return None if place is None and not call.lasts else call

    # --- libraries

    def install(self) -> None:
        """Wrap the libraries that are imported, and the others when they are. Never raises."""
        if not self.are_kept:
            return
        try:
            missing = {}
            for name, wrap in _WRAPPERS.items():
                if name in sys.modules:
                    _safely(wrap, sys.modules[name])
                else:
                    missing[name] = wrap
            sys.meta_path.insert(0, _Imports(missing))
        except Exception as error:
            _say("answers of services are not recorded: " + type(error).__name__)


def _safely(function: Any, *args: Any) -> Any:
    """The result of a function of the recorder; ``None`` if it fails."""
    try:
        return function(*args)
    except Exception as error:
        name = type(error).__name__
        if name not in _said:
            _said.add(name)
            _say("answers of services are not recorded: " + name)
        return None


_said: set[str] = set()
"""Faults that are in the log already."""


def _guarded(call: _Call, function: Any, *args: Any) -> None:
    """Let a call take something; it is incomplete if that fails."""
    try:
        function(*args)
    except _NotKept as error:
        call.fail(str(error))
    except Exception as error:
        call.fail("an answer could not be kept: " + type(error).__name__)


def _wrap_client(module: Any) -> None:
    """botocore.client: operations with their parameters and answers as botocore has them."""
    client_class = module.BaseClient
    thread = threading.local()
    original_call = client_class._make_api_call
    original_emit = client_class._emit_api_params
    original_request = client_class._make_request

    def _make_api_call(self: Any, operation_name: Any, api_params: Any) -> Any:
        call = _safely(_calls.aws_call, self, operation_name)
        outer = getattr(thread, "call", None)
        thread.call = call
        _calls.quiet(1)
        try:
            return original_call(self, operation_name, api_params)
        finally:
            _calls.quiet(-1)
            thread.call = outer
            if call is not None:
                _safely(_calls.ended, call)

    def _emit_api_params(self: Any, *args: Any, **kwargs: Any) -> Any:
        # After it parameters are as the service has them: resources of boto3 have converted theirs.
        api_params = original_emit(self, *args, **kwargs)
        call = getattr(thread, "call", None)
        if call is not None:
            _guarded(call, call.asked, api_params)
        return api_params

    def _make_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        call = getattr(thread, "call", None)
        result = original_request(self, *args, **kwargs)
        if call is not None:
            _guarded(call, lambda: call.answered(result[0].status_code, result[1]))
        return result

    client_class._make_api_call = _make_api_call
    client_class._emit_api_params = _emit_api_params
    client_class._make_request = _make_request


def _wrap_session(module: Any) -> None:
    """botocore.httpsession: HTTP below botocore, also for credentials, is no call of its own."""
    original = module.URLLib3Session.send

    def send(self: Any, *args: Any, **kwargs: Any) -> Any:
        _calls.quiet(1)
        try:
            return original(self, *args, **kwargs)
        finally:
            _calls.quiet(-1)

    module.URLLib3Session.send = send


def _wrap_http(module: Any) -> None:
    """http.client, which urllib, urllib3 and requests use."""
    connection_class = module.HTTPConnection
    original_putrequest = connection_class.putrequest
    original_send = connection_class.send
    original_getresponse = connection_class.getresponse

    def putrequest(self: Any, method: Any, url: Any, *args: Any, **kwargs: Any) -> Any:
        result = original_putrequest(self, method, url, *args, **kwargs)
        self._lambda_rollback_call = _safely(_calls.http_call, self, method, url)
        return result

    def send(self: Any, data: Any) -> Any:
        call = self.__dict__.get("_lambda_rollback_call")
        if call is None or call.sending:
            return original_send(self, data)
        _guarded(call, call.sent, data)
        call.sending = True  # what it sends to open a connection is no part of the request
        try:
            return original_send(self, data)
        finally:
            call.sending = False

    def getresponse(self: Any, *args: Any, **kwargs: Any) -> Any:
        response = original_getresponse(self, *args, **kwargs)
        call = self.__dict__.pop("_lambda_rollback_call", None)
        if call is not None:
            _guarded(call, call.answered, response)
            _safely(_calls.ended, call)
        return response

    connection_class.putrequest = putrequest
    connection_class.send = send
    connection_class.getresponse = getresponse


_WRAPPERS = {
    "botocore.client": _wrap_client,
    "botocore.httpsession": _wrap_session,
    "http.client": _wrap_http,
}


class _Imports:
    """A finder of modules that wraps the libraries after their import, and finds nothing itself."""

    def __init__(self, wrappers: dict[str, Any]) -> None:
        self._wrappers = wrappers

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        wrap = self._wrappers.get(name)
        if wrap is None:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if finder is self or find is None:
                continue
            spec = find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, wrap)
                return spec
        return None


class _Loader:
    """A loader that wraps the module once it is loaded, and is the real loader in all else."""

    def __init__(self, loader: Any, wrap: Any) -> None:
        self._loader = loader
        self._wrap = wrap

    def create_module(self, spec: Any) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _safely(self._wrap, module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def _own_handler() -> Callable[..., Any]:
    """The function's own handler. Its errors at initialisation are passed on."""
    name = os.environ.get("LAMBDA_ROLLBACK_HANDLER", "")
    module, _, attribute = name.rpartition(".")
    if not module or not attribute:
        raise RuntimeError(
            "LAMBDA_ROLLBACK_HANDLER must name the function's own handler, as app.handler; "
            "lambda_rollback_recorder.handler calls it"
        )
    found: Callable[..., Any] = getattr(
        importlib.import_module(module.replace("/", ".")), attribute
    )
    return found


def __getattr__(name: str) -> Any:
    """``handler``, made when Lambda asks for it, so that the decorator needs no variable."""
    if name != "handler":
        raise AttributeError("module " + repr(__name__) + " has no attribute " + repr(name))
    made = record(_own_handler())
    globals()["handler"] = made
    return made


_calls = _Calls()
_calls.install()
