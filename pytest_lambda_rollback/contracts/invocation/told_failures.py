"""Failures that a target tells in its answer or log, instead of raising them.

A function that catches every exception ends as if it had succeeded. Where the answer reaches
nobody, as for asynchronous invocations and for batches (except `batchItemFailures`), Lambda takes
the event for processed and never retries it:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html

A failure is told by a status of 500 or more, an error in the answer, or an exception in the log.
It counts only if the current version tells nothing of the kind on the same event. What may be a
failure or an exception that was dealt with (a status of 400 to 499, an exception logged as a
warning or while the module was imported, an error line without exception) is not certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers.batches import FAILURES
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import status_of
from pytest_lambda_rollback.model.json_values import Json, one_line, parse, short_text
from pytest_lambda_rollback.model.replay import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldFailure:
    """A failure that the target tells and the current version does not."""

    kind: str
    """``answered-failure`` or ``logged-failure``."""
    evidence: str
    """The answer as short text, or the exception in the log."""
    is_certain: bool


def told_failure(current: Sequence[Outcome], target: Outcome) -> ToldFailure | None:
    """The failure that a target tells, the most certain one; all outcomes are responses.

    ``None`` also for a target that reports failed records: its answer is judged as such.
    """
    answer = _value(target)
    if isinstance(answer, dict) and answer.get(FAILURES):
        return None
    found = [
        *_answered([_value(each) for each in current], answer),
        *_logged([each.logs for each in current], target.logs),
    ]
    return next((each for each in found if each.is_certain), found[0] if found else None)


def explaining_log(current: Sequence[Outcome], target: Outcome) -> tuple[str, ...]:
    """The target's log where it tells of an error that the current version does not log."""
    logged = _logged([each.logs for each in current], target.logs)
    return target.logs if any(True for _ in logged) else ()


def _value(outcome: Outcome) -> Json:
    try:
        return parse(outcome.payload or b"null")
    except ValueError:
        return (outcome.payload or b"").decode("utf-8", "replace")


# --- in the answer --------------------------------------------------------------------------

_ERRORS = frozenset(
    ("error", "errors", "errormessage", "errortype", "exception", "failed", "failure", "failures")
)
"""Keys whose value tells an error unless it is empty: in lower case, without - and _."""
_FLAGS = frozenset(("ok", "success", "succeeded", "successful", "issuccess"))
"""Keys that tell a failure by the value false."""
_STATUSES = frozenset(("status", "state", "result", "outcome"))
_FAILED = frozenset(("error", "errored", "exception", "fail", "failed", "failure", "ko"))
_DONE = frozenset(("handled", "processed", "succeeded", "success"))
"""Keys that count what was done."""
_RESULTS = frozenset(("records", "result", "results", "response"))
"""Keys of the results of the function itself."""
_NOTHING = frozenset(("", "0", "false", "n/a", "no", "none", "null"))
_ERROR_TEXT = re.compile(
    r"(?!\W*\w+\W*(?:0|no|none)\b)\W*(?:(?:an? )?(?:error|exception|failed|failure)\b|Traceback \(|"
    r"(?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)\b\s*[:(])",
    re.IGNORECASE,
)


def _answered(current: Sequence[Json], target: Json) -> Iterator[ToldFailure]:
    known = {sign for value in current for sign, _ in _signs(value)}
    for sign, is_certain in _signs(target):
        if sign not in known:
            yield _by_answer(target, is_certain=is_certain)
    for key, count in _counts(target, _ERRORS):
        if count > max(dict(_counts(value, _ERRORS)).get(key, 0) for value in current):
            yield _by_answer(target, is_certain=True)
    for key, count in _counts(target, _DONE):
        if count == 0 and min(dict(_counts(value, _DONE)).get(key, 0) for value in current) > 0:
            yield _by_answer(target, is_certain=False)


def _by_answer(target: Json, *, is_certain: bool) -> ToldFailure:
    return ToldFailure(kind="answered-failure", evidence=short_text(target), is_certain=is_certain)


def _signs(value: Json) -> Iterator[tuple[str, bool]]:
    """Each sign of a failure in an answer, and if it is a certain one."""
    if isinstance(value, str):
        if _ERROR_TEXT.match(value):
            yield "text", True
        return
    if isinstance(value, list):
        for each in value:
            if isinstance(each, dict):
                yield from ((f"item {sign}", is_certain) for sign, is_certain in _signs(each))
        return
    if not isinstance(value, dict):
        return
    status = status_of(value)
    if status is not None and status >= 400:
        yield f"status {status // 100}", status >= 500
    for name, member in value.items():
        key = name.lower().replace("_", "").replace("-", "")
        if _tells_failure(key, member):
            yield key, True
    body = value.get("body")
    if isinstance(body, str) and body.lstrip()[:1] in ("{", "["):
        try:
            body = parse(body)
        except ValueError:
            return
    for sign, is_certain in _signs(body):
        yield f"body {sign}", is_certain
    for name, member in value.items():
        if name != "body" and isinstance(member, dict | list):
            # The state of an order, say, is not that of the function; results are.
            is_own = name.lower() in _RESULTS
            for sign, is_certain in _signs(member):
                yield f"{name} {sign}", is_certain and is_own


def _tells_failure(key: str, value: Json) -> bool:
    if key in _FLAGS:
        return value is False
    if key in _STATUSES:
        return isinstance(value, str) and value.strip().lower() in _FAILED
    return key in _ERRORS and _says_something(value)


def _says_something(value: Json) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NOTHING
    return bool(value)


def _counts(value: Json, keys: frozenset[str]) -> Iterator[tuple[str, int]]:
    """Numbers at such keys, and lengths of lists."""
    for name, member in value.items() if isinstance(value, dict) else ():
        if name.lower() in keys:
            if isinstance(member, list):
                yield name, len(member)
            elif isinstance(member, int) and not isinstance(member, bool):
                yield name, member


# --- in the log -----------------------------------------------------------------------------

_ENTRY = re.compile(r"(?=\[(?:DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL)\]\t)")
"""The beginning of an entry of the runtime's own log format: level, time, request id, message."""
_LEVEL = re.compile(r"\[(?P<text>[A-Z]+)\]\t|\"level\"\s*:\s*\"(?P<json>\w+)\"")
_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*)|:?$)")
_EXCEPTION = re.compile(
    r"(?P<type>\b(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception)\b)(?:\(|: ?)(?P<message>.*)"
)
_JSON_TYPE = re.compile(r"\"errorType\"\s*:\s*\"([\w.]+)\"")
"""Lambda's own JSON log format:
https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""
_JSON_MESSAGE = re.compile(r"\"errorMessage\"\s*:\s*\"((?:[^\"\\]|\\.)*)\"")
_FAILURE_WORD = re.compile(
    r"\b(?:err|error|exception|fail|failed|failure|cannot|could not|unable)\b", re.IGNORECASE
)
_AT_IMPORT = re.compile(r"line \d+, in <module>")
_MILD = frozenset(("DEBUG", "INFO", "WARNING", "WARN"))
_SEVERE = frozenset(("ERROR", "CRITICAL", "FATAL"))
_VARIABLE = re.compile(r"\d+|0x[0-9a-f]+|[0-9a-f]{8}-[0-9a-f-]{27}", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LoggedError:
    type: str
    message: str
    is_certain: bool

    @property
    def text(self) -> str:
        return ": ".join(part for part in (self.type, self.message) if part)


def _logged(current: Sequence[Sequence[str]], target: Sequence[str]) -> Iterator[ToldFailure]:
    known = [error for logs in current for error in _errors(logs)]
    types = {error.type for error in known}
    texts = {_VARIABLE.sub("#", error.text) for error in known}
    for error in _errors(target):
        if _VARIABLE.sub("#", error.text) in texts:
            continue
        yield ToldFailure(
            kind="logged-failure",
            evidence=one_line(error.text),
            is_certain=error.is_certain and error.type not in types,
        )


def _errors(logs: Sequence[str]) -> Iterator[_LoggedError]:
    """The exceptions that a log tells of, in order, and its error lines without one."""
    lines = [part for line in logs for part in _ENTRY.split(_unescaped(line)) if part]
    lines = [line for part in lines for line in part.split("\n")]
    level = ""
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        if (found := _LEVEL.search(line)) is not None:
            level = (found["text"] or found["json"]).upper()
        if _TRACEBACK in line:
            end = position
            while end < len(lines) and (not lines[end].strip() or lines[end][0] in " \t"):
                end += 1
            raised = _RAISED.match(lines[end]) if end < len(lines) else None
            if raised is not None:
                at_import = _AT_IMPORT.search("".join(lines[position : position + 1]))
                yield _LoggedError(
                    type=raised["type"].rpartition(".")[2],
                    message=(raised["message"] or "").partition('","')[0].rstrip('"}'),
                    is_certain=level not in _MILD and at_import is None,
                )
                end += 1
            position, level = end, ""
        elif position < len(lines) and _TRACEBACK in lines[position]:
            continue  # the message to the traceback that follows
        else:
            if (error := _error_of(line, level)) is not None:
                yield error
            level = ""


def _error_of(line: str, level: str) -> _LoggedError | None:
    """The error that one line tells of without a traceback."""
    if (named := _JSON_TYPE.search(line)) is not None:
        message = _JSON_MESSAGE.search(line)
        return _LoggedError(
            type=named[1], message=message[1] if message else "", is_certain=level in _SEVERE
        )
    if (named := _EXCEPTION.search(line)) is not None:
        has_word = _FAILURE_WORD.search(line[: named.start()]) is not None
        return _LoggedError(
            type=named["type"].rpartition(".")[2],
            message=named["message"].removesuffix(")"),
            is_certain=level not in _MILD and (level in _SEVERE or has_word),
        )
    if level in _SEVERE:
        return _LoggedError(type="", message=line.rpartition("\t")[2], is_certain=False)
    return None


def _unescaped(line: str) -> str:
    """A line of a JSON log, the line breaks of its traceback as such."""
    is_json = line.lstrip().startswith("{") and _TRACEBACK in line
    return line.replace("\\n", "\n") if is_json else line
