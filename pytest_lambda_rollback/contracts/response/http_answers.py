"""What HTTP front ends make of a response: status, headers, cookies and body. Pure.

API Gateway, Application Load Balancer and function URLs turn an object with ``statusCode``,
``headers`` and ``body`` into an HTTP answer. Here such responses are put into a form in which
equal answers are equal values, and what only the protocol can say is noted: what the front end
refuses is in `malformed_answers`, the general comparison is elsewhere.

The rules are those of "Lambda proxy integrations in API Gateway" (REST), "Create AWS Lambda
proxy integrations for HTTP APIs" (payload formats 1.0 and 2.0), "Invoking Lambda function URLs"
and "Use Lambda functions as targets of an Application Load Balancer".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.recognition import (
    Event,
    Object,
    Source,
    status_of,
)
from pytest_lambda_rollback.contracts.response.comparison import Compared
from pytest_lambda_rollback.contracts.response.differences import HEADER_OBJECTS, Differences
from pytest_lambda_rollback.contracts.response.http_headers import (
    merge_headers,
    note_content_type,
    note_cookies,
    spell_headers,
)
from pytest_lambda_rollback.contracts.response.malformed_answers import note_malformed
from pytest_lambda_rollback.model.json_values import Json, TooDeepError, one_line, parse, short_text

PATH_STATUS = ("statusCode",)
PATH_BODY = ("body",)

_INFERRING = frozenset((Source.HTTP_API_2, Source.FUNCTION_URL))
_MERGING = frozenset((Source.REST_API, Source.HTTP_API_1))


def is_http(value: Json) -> bool:
    """Whether API Gateway, ALB or a function URL would read this as status, headers and body."""
    return isinstance(value, dict) and ("statusCode" in value or isinstance(value.get("body"), str))


def reads_as_http(event: Event, current: Sequence[Json], target: Json) -> bool:
    """Whether the responses are to be compared as HTTP answers.

    Of what API Gateway or a function URL infer a whole answer from, one version may answer with
    a status and the other without.
    """
    if event.source in _INFERRING and any(_has_status(value) for value in (*current, target)):
        return True
    return all(is_http(value) for value in current)


def read_http(
    current: Sequence[Json], target: Json, differences: Differences, *, event: Event, exact: bool
) -> Compared:
    """Put HTTP answers into comparable form; note other status codes, bodies and lost cookies.

    Header names are spelt as the current version spells them, base64 bodies decoded, JSON bodies
    parsed. Unless values are compared (``exact``), another kind of content is noted as well, and
    nothing is asked of a target where the current version answers with a server error only: no
    caller can rely on that. Raises TooDeepError for a body that nests too deep.
    """
    if note_malformed(current, target, differences, event=event):
        return Compared(current=tuple(current), target=target, settled=True)
    if event.source in _INFERRING:
        if _forgot_status(current, target, differences, event):
            return Compared(current=tuple(current), target=target, settled=True)
        with_type = any(_names_content_type(value) for value in current)
        current = [_inferred(value, content_type=False) for value in current]
        target = _inferred(target, content_type=with_type)
    runs = [_answer(value, event) for value in current if isinstance(value, dict)]
    if len(runs) != len(current) or not isinstance(target, dict):
        return Compared(current=tuple(current), target=target)
    if not exact and all((status_of(run) or 0) >= 500 for run in runs):
        return Compared(current=tuple(runs), target=target, settled=True)
    other = _answer(target, event)
    spell_headers(runs, other)
    if event.source in _MERGING:
        merge_headers(runs, other)
    settled = _status(runs, other, differences)
    if not settled:
        note_cookies(runs, other, differences)
        if not exact:
            note_content_type(runs, other, differences)
        _bodies(runs, other, differences)
    return Compared(current=tuple(runs), target=other, settled=settled)


def with_parsed_body(value: Json) -> Json:
    """A response as a schema describes it: as it is, but for a JSON body, which is parsed.

    Raises TooDeepError for a body that nests too deep.
    """
    if not isinstance(value, dict) or not is_http(value):
        return value
    body = value.get("body")
    if value.get("isBase64Encoded") is True and isinstance(body, str):
        body = _decoded(body)
    document = _container(body)
    return value if document is None else {**value, "body": document}


# --- one answer -----------------------------------------------------------------------------


def _has_status(value: Json) -> bool:
    return isinstance(value, dict) and "statusCode" in value


def _forgot_status(
    current: Sequence[Json], target: Json, differences: Differences, event: Event
) -> bool:
    """Note a target whose answer is meant as status and body, but has lost the status."""
    if not all(_has_status(value) for value in current) or _has_status(target):
        return False
    meant = isinstance(target, dict) and (
        isinstance(target.get("body"), str) or isinstance(target.get("headers"), dict)
    )
    if meant:
        differences.other(
            PATH_STATUS,
            "lost-key",
            "TARGET answers without PLACE, which CURRENT always returns: without it, "
            f"{event.source} sends the whole answer as the body",
            short_text(_member(current[0], "statusCode")),
            None,
        )
    return meant


def _inferred(value: Json, *, content_type: bool) -> Json:
    """The answer that is inferred from a response without a status code.

    That is status 200 with the response as a JSON body. The content type is set only where it is
    to be compared, since an answer without one gets a default of the front end's own.
    """
    if _has_status(value):
        return value
    body = value if isinstance(value, str) else json.dumps(value, default=str)
    headers: Object = {"content-type": "application/json"} if content_type else {}
    return {"statusCode": 200, "headers": headers, "body": body}


def _names_content_type(value: Json) -> bool:
    headers = _member(value, "headers")
    return isinstance(headers, dict) and any(name.lower() == "content-type" for name in headers)


def _member(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _answer(value: Object, event: Event) -> Object:
    """A copy with whole status, headers as text, and the body as the caller receives it."""
    answer = dict(value)
    status = answer.get("statusCode")
    if status is not None and (code := status_of(value)) is not None:
        answer["statusCode"] = code
    for name in _unread_headers(event):
        answer.pop(name, None)
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


def _unread_headers(event: Event) -> tuple[str, ...]:
    """The members that the front end does not look at.

    A load balancer reads ``multiValueHeaders`` where these are enabled, which its event shows,
    else ``headers``; payload format 2.0 has no ``multiValueHeaders``.
    """
    if event.source is Source.LOAD_BALANCER:
        return ("headers",) if "multiValueHeaders" in event.value else ("multiValueHeaders",)
    return ("multiValueHeaders",) if event.source in _INFERRING else ()


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


# --- status ---------------------------------------------------------------------------------


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


# --- bodies ---------------------------------------------------------------------------------


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
