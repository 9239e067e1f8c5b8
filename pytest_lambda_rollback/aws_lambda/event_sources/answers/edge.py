"""What CloudFront makes of the answers of Lambda@Edge functions.

A function of a request event returns the request, which goes on to the cache or the origin, or a
response, which goes to the viewer at once. One of a response event returns the response. Of a
response, ``status`` is required; ``headers`` has lists of ``{"key", "value"}`` by name in lower
case, and ``body`` is text or, with ``bodyEncoding`` ``base64``, base64. "Generate HTTP responses in
request triggers":
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/lambda-generating-http-responses.html
An answer in another form gives the viewer status 502:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-502-lambda-validation-error.html
Sizes of generated responses ("Quotas on Lambda@Edge"):
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http import HttpAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_headers import only_warns
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import Fault
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
    member,
    records,
)
from pytest_lambda_rollback.model.json_values import Json, Path, one_line, short_text

_MAX_BYTES = {"viewer-request": 40 * 1024, "origin-request": 1024 * 1024}
_LEADING: tuple[Path, ...] = (
    ("uri",),
    ("querystring",),
    ("method",),
    ("origin", "custom", "domainName"),
    ("origin", "custom", "path"),
    ("origin", "custom", "port"),
    ("origin", "custom", "protocol"),
    ("origin", "s3", "domainName"),
    ("origin", "s3", "path"),
)
"""Places of a request that decide what is fetched, and where."""


def _headers(_event: Object) -> tuple[str, ...]:
    return ("headers",)


_RESPONSES = HttpAnswers(reads_headers=_headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeAnswers:
    """How CloudFront reads answers."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Note what CloudFront refuses, and what a viewer or an origin would get otherwise.

        Raises TooDeepError for a body that nests too deep.
        """
        cf = member(records(event.value)[0], "cf") if records(event.value) else {}
        trigger = str(member(cf, "config").get("eventType"))
        settled = Compared(current=tuple(current), target=target, settled=True)
        if any(_fault(value, trigger) for value in current):
            return Compared(current=tuple(current), target=target)
        fault = _fault(target, trigger)
        if fault is not None:
            differences.rule(
                fault.path,
                "malformed-response",
                "TARGET answers ",
                short_text(current[0]),
                short_text(target),
                note=f"{fault.says}, which CloudFront refuses: its viewer gets status 502",
            )
            return settled
        responses = [_is_response(value) for value in current]
        answers_itself = _is_response(target)
        if answers_itself not in responses:
            differences.rule(
                (),
                "edge-decision",
                "TARGET answers the viewer itself where CURRENT passes the request on"
                if answers_itself
                else "TARGET passes a request on that CURRENT answers itself",
                short_text(current[0]),
                short_text(target),
            )
            return settled
        known = [value for value, each in zip(current, responses, strict=True)
                 if each == answers_itself]  # fmt: skip
        if answers_itself:
            asked = _http_event(member(cf, "request"))
            return _RESPONSES.read(
                [_as_http(value) for value in known],
                _as_http(target),
                differences,
                event=Event(source=event.source, value=asked),
                exact=exact,
            )
        runs = [value for value in known if isinstance(value, dict)]
        if not exact and isinstance(target, dict):
            _note_request(runs, target, differences)
            return settled
        return Compared(current=tuple(known), target=target)


def _is_response(value: Json) -> bool:
    return isinstance(value, dict) and "status" in value


def _fault(value: Json, trigger: str) -> Fault | None:
    if not isinstance(value, dict):
        return Fault(path=(), says="with nothing that is a request or a response")
    if "status" not in value:
        if trigger.endswith("-response"):
            return Fault(path=("status",), says="without status")
        if not isinstance(value.get("uri"), str):
            return Fault(path=(), says="with nothing that is a request or a response")
    elif _status(value) is None:
        return Fault(path=("status",), says="a status that is no HTTP status code")
    headers = value.get("headers")
    for name, listed in headers.items() if isinstance(headers, dict) else ():
        if not isinstance(listed, list) or not all(
            isinstance(each, dict) and isinstance(each.get("value"), str) for each in listed
        ):
            says = f"{one_line(name)} in another form than a list of key and value"
            return Fault(path=("headers", name), says=says)
    if headers is not None and not isinstance(headers, dict):
        return Fault(path=("headers",), says="headers that are no object")
    return _body_fault(value, trigger) if "status" in value else None


def _body_fault(value: Object, trigger: str) -> Fault | None:
    body = value.get("body")
    if body is not None and not isinstance(body, str):
        return Fault(path=("body",), says="a body that is not text")
    if value.get("bodyEncoding") not in (None, "text", "base64"):
        return Fault(path=("bodyEncoding",), says="an unknown bodyEncoding")
    limit = _MAX_BYTES.get(trigger)
    if limit is not None and len(json.dumps(value, default=str)) > limit:
        size = len(str(body or "").encode("utf-8", "surrogatepass"))
        if size > limit:
            return Fault(path=("body",), says=f"{size} bytes, more than {limit}")
    return None


def _status(value: Object) -> int | None:
    status = value["status"]
    text = str(status) if isinstance(status, (int, str)) and not isinstance(status, bool) else ""
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() else None


def _as_http(value: Json) -> Json:
    """A response in the form of other front ends."""
    if not isinstance(value, dict):
        return value
    headers: Object = {}
    for name, listed in member(value, "headers").items():
        fields = listed if isinstance(listed, list) else []
        headers[name] = [each.get("value") for each in fields if isinstance(each, dict)]
    answer: Object = {"statusCode": _status(value), "headers": headers}
    if "body" in value:
        answer["body"] = value["body"]
    answer["isBase64Encoded"] = value.get("bodyEncoding") == "base64"
    return answer


def _http_event(request: Object) -> Object:
    """The viewer's request in the form of other front ends."""
    headers = member(_as_http(request | {"status": "200"}), "headers")
    return {"httpMethod": request.get("method"), "path": request.get("uri"), "headers": headers}


def _note_request(runs: Sequence[Object], other: Object, differences: Differences) -> None:
    """Note that something else is fetched, and headers that no longer reach the origin."""
    for place in _LEADING:
        known = [_at(run, place) for run in runs]
        found = _at(other, place)
        if all(each == known[0] for each in known) and found != known[0]:
            differences.other(
                place,
                "edge-request",
                "TARGET passes on another value at PLACE than CURRENT, by which CloudFront "
                "fetches something else",
                short_text(known[0]),
                short_text(found),
            )
    names = {name.lower() for name in member(other, "headers")}
    for name in member(runs[0], "headers"):
        if name.lower() in names or not all(name in member(run, "headers") for run in runs):
            continue
        note = differences.warn if only_warns(name.lower(), "") else differences.other
        says = "TARGET answers without PLACE, which CURRENT always returns"
        note(
            ("headers", name), "lost-key", says, short_text(member(runs[0], "headers")[name]), None
        )


def _at(value: Json, path: Path) -> Json:
    for token in path:
        value = value.get(str(token)) if isinstance(value, dict) else None
    return value
