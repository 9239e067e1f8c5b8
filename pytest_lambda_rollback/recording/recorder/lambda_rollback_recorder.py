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

Environment variables:

========================== ==================================================================
LAMBDA_ROLLBACK_HANDLER    the function's own handler, for use as a layer: ``app.handler``
LAMBDA_ROLLBACK_SAMPLE     share of invocations to record, 0 to 1; default 0.01
LAMBDA_ROLLBACK_MAX_BYTES  larger events are not recorded; default 200000
LAMBDA_ROLLBACK_PER_MINUTE most events recorded a minute by each execution environment; default 30
LAMBDA_ROLLBACK_REDACT     globs over names of keys, comma-separated: ``password,*token,email``
========================== ==================================================================

Events reach the log as they are. ``lambda-rollback record`` redacts them before it writes a file;
list the keys of values that must not reach the log in LAMBDA_ROLLBACK_REDACT. Under such a key, at
any depth and in JSON text, every text becomes ``REDACTED`` and every number 0. Base64 is not
decoded, and values are found by their keys only.

Each line of the log is one JSON object, in both of Lambda's log formats::

    {"lambda_rollback_record": 1, "function": …, "version": …, "request_id": …, "time": …,
     "part": [1, 1], "event": "<JSON text of the event, or a part of it>"}

This file needs Python 3.8 or later and only its standard library.
"""

from __future__ import annotations

import fnmatch
import functools
import importlib
import inspect
import json
import os
import random
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["record"]

FORMAT = 1
DEFAULT_SAMPLE = 0.01
DEFAULT_MAX_BYTES = 200_000
DEFAULT_PER_MINUTE = 30
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
            if _chance() < recorder.sample:
                recorder.record(args, kwargs)
            return await handler(*args, **kwargs)

        wrapper = wrapper_of_coroutine
    else:

        def wrapper_of_call(*args: Any, **kwargs: Any) -> Any:
            if _chance() < recorder.sample:
                recorder.record(args, kwargs)
            return handler(*args, **kwargs)

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

    def record(self, args: tuple[Any, ...], kwargs: Any) -> None:
        """Write the event to the log, unless there is a reason not to. Never raises.

        Interrupts and exits of the process, which are not an Exception, are passed on.
        """
        try:
            event, context = _arguments(args, kwargs)
            if self._has_turn():
                self._write(event, context)
        except Exception as error:
            _say("an event was not recorded: " + type(error).__name__)

    def _has_turn(self) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        return self._count <= self._per_minute

    def _write(self, event: Any, context: Any) -> None:
        if _is_larger(event, self._max_bytes):
            _say("an event was not recorded: it is larger than LAMBDA_ROLLBACK_MAX_BYTES")
            return
        if self._globs:
            event = _redacted(event, self._globs, False, 0)
        text = json.dumps(event, separators=(",", ":"))
        if len(text) > self._max_bytes:
            _say("an event was not recorded: it is larger than LAMBDA_ROLLBACK_MAX_BYTES")
            return
        starts = range(0, len(text), PART_CHARACTERS)
        line = {
            "lambda_rollback_record": FORMAT,
            "function": _text(getattr(context, "function_name", None)),
            "version": _text(getattr(context, "function_version", None)),
            "request_id": str(getattr(context, "aws_request_id", None) or time.time_ns()),
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        for number, start in enumerate(starts, 1):
            line["part"] = [number, len(starts)]
            line["event"] = text[start : start + PART_CHARACTERS]
            # One write a line, so that no other thread's output comes between.
            sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
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


def _redacted(value: Any, globs: tuple[str, ...], below: bool, depth: int) -> Any:
    """A copy without the values of keys that one of the globs names."""
    if depth > _DEPTH:
        raise ValueError
    if isinstance(value, dict):
        return {
            key: _redacted(item, globs, below or _is_named(key, globs), depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_redacted(item, globs, below, depth + 1) for item in value]
    if isinstance(value, str):
        if below:
            return "REDACTED" if value else value
        if value.lstrip()[:1] in ("{", "["):
            try:
                inner = json.loads(value)
            except ValueError:
                return value
            changed = _redacted(inner, globs, False, depth + 1)
            return value if changed == inner else json.dumps(changed, separators=(",", ":"))
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
