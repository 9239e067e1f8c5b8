"""What event sources make of a response: HTTP answers and SQS batch responses. Pure.

API Gateway, Application Load Balancer and function URLs turn an object with ``statusCode``,
``headers`` and ``body`` into an HTTP answer; SQS, Kinesis and DynamoDB event source mappings
read ``batchItemFailures``. Here such responses are put into a form in which equal answers are
equal values, and what only a protocol can say is noted. The general comparison is elsewhere.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.contracts.differences import HEADER_OBJECTS, Differences
from pytest_lambda_rollback.contracts.shapes import (
    Json,
    TooDeepError,
    one_line,
    parse,
    short_text,
)

FAILURES = "batchItemFailures"
PATH_STATUS = ("statusCode",)
PATH_BODY = ("body",)

Object = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The values to compare further, and whether there is a point in it."""

    current: tuple[Json, ...]
    target: Json
    settled: bool = False
    """True when what was noted already says it all."""


def is_http(value: Json) -> bool:
    """Whether API Gateway, ALB or a function URL would read this as status, headers and body."""
    return isinstance(value, dict) and ("statusCode" in value or isinstance(value.get("body"), str))


def status_of(value: Json) -> int | None:
    """The HTTP status of an answer, which API Gateway also takes as text ("200")."""
    status = value.get("statusCode") if isinstance(value, dict) else None
    if isinstance(status, bool):
        return None
    if isinstance(status, str):
        return int(status) if status.isascii() and status.isdigit() and len(status) < 5 else None
    if isinstance(status, float):
        return int(status) if status.is_integer() else None
    return status if isinstance(status, int) else None


def read_http(
    current: Sequence[Json], target: Json, differences: Differences, *, content_type: bool
) -> Compared:
    """Put HTTP answers into comparable form; note other status codes and bodies.

    With ``content_type`` another kind of content in that header is noted as well.

    Header names are spelt as the current version spells them, base64 bodies decoded, JSON bodies
    parsed. Raises TooDeepError for a body that nests too deep.
    """
    runs = [_answer(value) for value in current if isinstance(value, dict)]
    if len(runs) != len(current) or not isinstance(target, dict):
        return Compared(current=tuple(current), target=target)
    other = _answer(target)
    _spell_headers(runs, other)
    settled = _status(runs, other, differences)
    if not settled:
        if content_type:
            _content_type(runs, other, differences)
        _bodies(runs, other, differences)
    return Compared(current=tuple(runs), target=other, settled=settled)


def read_batch(
    current: Sequence[Json], target: Json, differences: Differences, *, keep: bool
) -> Compared:
    """Note messages that a target reports as failed and the current version does not.

    Lambda takes null, ``{}`` and null failures for success of the whole batch, and an entry
    without a proper ``itemIdentifier`` for failure of the whole batch. With ``keep`` the failures
    stay in the values, to be compared as any other value.
    """
    runs = [_batch(value) for value in current]
    is_batch = all(run is not None for run in runs) and any(
        isinstance(value, dict) and FAILURES in value for value in current
    )
    noted = False
    if isinstance(target, dict) and isinstance(target.get(FAILURES), list):
        known = {
            identifier
            for value in current
            if isinstance(value, dict)
            for identifier in _identifiers(value)
        }
        noted = _failures(target, known, differences)
    other = _batch(target)
    if not is_batch or other is None:
        return Compared(current=tuple(current), target=target, settled=noted and not is_batch)
    values = [run for run in runs if run is not None]
    if noted or not keep:
        for value in (*values, other):
            value.pop(FAILURES, None)
    return Compared(current=tuple(values), target=other)


# --- HTTP -----------------------------------------------------------------------------------


def _answer(value: Object) -> Object:
    """A copy with whole status, headers as text, and the body as the caller receives it."""
    answer = dict(value)
    status = answer.get("statusCode")
    if status is not None and (code := status_of(value)) is not None:
        answer["statusCode"] = code
    for name in HEADER_OBJECTS:
        headers = answer.get(name)
        if headers is None:
            answer[name] = {}
        elif isinstance(headers, dict):
            answer[name] = {key: _as_sent(header) for key, header in headers.items()}
    body = answer.get("body")
    if answer.pop("isBase64Encoded", None) is True and isinstance(body, str):
        answer["body"] = _decoded(body)
    return answer


def _as_sent(header: Json) -> Json:
    if isinstance(header, bool):
        return "true" if header else "false"
    return str(header) if isinstance(header, (int, float)) else header


def _decoded(body: str) -> str:
    """The text of a base64 body; what is no text, or no base64, stays as it is."""
    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return body


def _spell_headers(runs: Sequence[Object], other: Object) -> None:
    for name in HEADER_OBJECTS:
        spelling: dict[str, str] = {}
        for answer in (*runs, other):
            headers = answer[name]
            if isinstance(headers, dict):
                answer[name] = {
                    spelling.setdefault(key.lower(), key): header for key, header in headers.items()
                }


def _status(runs: Sequence[Object], other: Object, differences: Differences) -> bool:
    """Note another status code; True when it is of another class, so that all else follows."""
    known = [run.get("statusCode") for run in runs]
    found = other.get("statusCode")
    codes = [code for code in known if isinstance(code, int)]
    if len(codes) != len(known) or not isinstance(found, int) or differences.ignored(PATH_STATUS):
        return False
    for answer in (*runs, other):
        del answer["statusCode"]
    if found in codes:
        return False
    of_another_class = all(found // 100 != code // 100 for code in codes)
    body = other.get("body")
    differences.other(
        PATH_STATUS,
        "status-code",
        f"TARGET answers with status {found} where CURRENT answers {codes[0]}",
        str(codes[0]),
        str(found),
        note=_body_note(body) if of_another_class else "",
    )
    return of_another_class


def _body_note(body: Json) -> str:
    if body is None or body == "":
        return ""
    return f", with the body {one_line(body) if isinstance(body, str) else short_text(body)}"


def _content_type(runs: Sequence[Object], other: Object, differences: Differences) -> None:
    known = [_header(run, "content-type") for run in runs]
    name, found = _header(other, "content-type")
    families = {media_family(value) for _, value in known}
    if not found or not all(value for _, value in known) or len(families) != 1:
        return
    if media_family(found) not in families:
        differences.other(
            ("headers", name),
            "content-type",
            f"TARGET answers {media_family(found)} where CURRENT answers {families.pop()}",
            short_text(known[0][1]),
            short_text(found),
        )


def _header(answer: Object, wanted: str) -> tuple[str, str]:
    headers = answer["headers"]
    if isinstance(headers, dict):
        for name, value in headers.items():
            if name.lower() == wanted and isinstance(value, str):
                return name, value
    return "", ""


def media_family(content_type: str) -> str:
    """What a caller has to be able to read: ``json``, ``text``, ``image``, ``application/pdf``."""
    media = content_type.partition(";")[0].strip().lower()
    if media.endswith(("/json", "+json")):
        return "json"
    kind = media.partition("/")[0]
    return media if kind == "application" else kind


def _bodies(runs: Sequence[Object], other: Object, differences: Differences) -> None:
    """Parse bodies that are JSON in every replay of the current version."""
    if all(run.get("body") in (None, "") for run in runs):
        for answer in (*runs, other):
            if answer.get("body") is None:
                answer["body"] = ""
        return
    if differences.ignored(PATH_BODY) or "body" not in other:
        return
    parsed = [_container(run.get("body")) for run in runs]
    if any(document is None for document in parsed):
        return
    body = other["body"]
    if isinstance(body, str):
        try:
            other["body"] = parse(body)
        except TooDeepError:
            raise
        except ValueError:
            differences.other(
                PATH_BODY,
                "body-not-json",
                "TARGET answers a body that is not JSON where CURRENT answers JSON",
                short_text(parsed[0]),
                short_text(body),
            )
            body = None
    else:
        differences.retyped(PATH_BODY, ["string"], runs[0]["body"], body)
        body = None
    for run, document in zip(runs, parsed, strict=True):
        run["body"] = document
    if body is None:
        for answer in (*runs, other):
            answer.pop("body", None)


def _container(body: Json) -> Json:
    """The parsed body when it is a JSON object or array, else ``None``."""
    if not isinstance(body, str) or body.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return parse(body)
    except TooDeepError:
        raise
    except ValueError:
        return None


# --- batches --------------------------------------------------------------------------------


def _batch(value: Json) -> Object | None:
    """A batch response with its failures as a list; ``None`` for another kind of response."""
    if value is None or value == {}:
        return {FAILURES: []}
    if isinstance(value, dict) and isinstance(value.get(FAILURES, ""), list | None):
        return {**value, FAILURES: value[FAILURES] or []}
    return None


def _identifiers(value: Object) -> list[str | None]:
    """The identifiers of failed messages; ``None`` for an entry that Lambda cannot read."""
    failures = value.get(FAILURES)
    found: list[str | None] = []
    for entry in failures if isinstance(failures, list) else ():
        identifier = entry.get("itemIdentifier") if isinstance(entry, dict) else None
        found.append(identifier if isinstance(identifier, str) and identifier else None)
    return found


def _failures(target: Object, known: set[str | None], differences: Differences) -> bool:
    """Note failures that the current version does not report; True when there are any."""
    before = len(differences)
    entries = target[FAILURES]
    for index, identifier in enumerate(_identifiers(target)):
        if identifier in known or not isinstance(entries, list):
            continue
        says = (
            "TARGET reports a message as failed that CURRENT handles"
            if identifier is not None
            else "TARGET reports a failure without itemIdentifier, by which the whole batch fails"
        )
        differences.other(
            (FAILURES, index), "batch-item-failure", says,
            "not reported as failed", short_text(entries[index]),
        )  # fmt: skip
    return len(differences) > before
