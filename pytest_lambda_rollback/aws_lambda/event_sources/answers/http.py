"""How HTTP front ends read an answer: status, headers, cookies and body.

API Gateway, load balancers and function URLs turn an object with ``statusCode``, ``headers`` and
``body`` into an HTTP answer. Here such responses are put into a form in which equal answers are
equal values, and differences that only the protocol knows are noted. The general comparison is
elsewhere. The documents that the rules come from are cited by each front end.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers.batches import BatchAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import (
    HEADER_OBJECTS,
    merge_headers,
    note_content_type,
    note_cookies,
    spell_headers,
    status_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import (
    Fault,
    object_fault,
    status_fault,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
)
from pytest_lambda_rollback.model.json_values import (
    Json,
    Path,
    TooDeepError,
    one_line,
    parse,
    short_text,
)

PATH_STATUS = ("statusCode",)
PATH_BODY = ("body",)

_OTHER_ANSWERS = BatchAnswers()
"""For answers that no front end could read as HTTP."""


def _none_unread(_event: Object) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswers:
    """How one front end reads answers."""

    needs_object: bool = False
    """It takes nothing but the documented object."""
    only_documented: bool = False
    """It refuses other members, and headers of other types."""
    infers: bool = False
    """It makes a whole answer of any JSON without a status, and has no ``multiValueHeaders``."""
    merges_headers: bool = False
    """It merges ``headers`` and ``multiValueHeaders``."""
    unread_headers: Callable[[Object], str | None] = _none_unread
    """The header object that it does not read, by the event."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Put HTTP answers into comparable form; note other status codes, bodies, lost cookies.

        Header names are spelt as the current version spells them, base64 bodies decoded, JSON
        bodies parsed. Unless values are compared (``exact``), another kind of content is noted as
        well, and nothing is asked of a target where the current version answers only with a
        server error: no caller can rely on that. Raises TooDeepError for a body that nests too
        deep.
        """
        if not self._is_http(current, target):
            return _OTHER_ANSWERS.read(current, target, differences, event=event, exact=exact)
        settled = Compared(current=tuple(current), target=target, settled=True)
        if self._note_malformed(current, target, differences, event):
            return settled
        if self.infers:
            if _note_lost_status(current, target, differences, event):
                return settled
            with_type = any(_names_content_type(value) for value in current)
            current = [_inferred(value, content_type=False) for value in current]
            target = _inferred(target, content_type=with_type)
        unread = "multiValueHeaders" if self.infers else self.unread_headers(event.value)
        runs = [_answer(value, unread) for value in current if isinstance(value, dict)]
        if len(runs) != len(current) or not isinstance(target, dict):
            return Compared(current=tuple(current), target=target)
        if not exact and all((status_of(run) or 0) >= 500 for run in runs):
            return Compared(current=tuple(runs), target=target, settled=True)
        other = _answer(target, unread)
        spell_headers(runs, other)
        if self.merges_headers:
            merge_headers(runs, other)
        if _note_status(runs, other, differences):
            return Compared(current=tuple(runs), target=other, settled=True)
        note_cookies(runs, other, differences)
        if not exact:
            note_content_type(runs, other, differences)
        _bodies(runs, other, differences)
        return Compared(current=tuple(runs), target=other)

    def _is_http(self, current: Sequence[Json], target: Json) -> bool:
        """True when the responses are compared as HTTP answers.

        Where a front end infers a whole answer, one version may answer with a status and the
        other without.
        """
        if self.infers and any(_has_status(value) for value in (*current, target)):
            return True
        return all(is_http(value) for value in current)

    def _note_malformed(
        self, current: Sequence[Json], target: Json, differences: Differences, event: Event
    ) -> bool:
        """Note a response that the front end refuses; True when there is one.

        Nothing is noted where one of the current version's own responses would be refused.
        """
        fault = self._fault(target)
        if fault is None or any(self._fault(value) for value in current):
            return False
        if differences.ignored(fault.path):
            return False
        differences.rule(
            fault.path,
            "malformed-response",
            "TARGET answers ",
            short_text(_at(current[0], fault.path)),
            short_text(_at(target, fault.path)),
            note=f"{fault.says}, which {event.source.name} refuses: its client gets a server error",
        )
        return True

    def _fault(self, value: Json) -> Fault | None:
        if self.needs_object:
            return object_fault(value, only_documented=self.only_documented)
        if self.infers and isinstance(value, dict) and "statusCode" in value:
            return status_fault(value)
        return None


BY_FORM = HttpAnswers()
"""For an unknown caller: an answer in the form of HTTP, of a batch, or any other value."""


def is_http(value: Json) -> bool:
    """True for what front ends read as status, headers and body."""
    return isinstance(value, dict) and ("statusCode" in value or isinstance(value.get("body"), str))


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


def _has_status(value: Json) -> bool:
    return isinstance(value, dict) and "statusCode" in value


def _inferred(value: Json, *, content_type: bool) -> Json:
    """The answer that is inferred from a response without a status code.

    That is status 200 with the response as a JSON body. The content type is set only if it is
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


def _at(value: Json, path: Path) -> Json:
    for token in path:
        value = value.get(str(token)) if isinstance(value, dict) else None
    return value


def _note_lost_status(
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
            f"{event.source.name} sends the whole answer as the body",
            short_text(_member(current[0], "statusCode")),
            None,
        )
    return meant


def _answer(value: Object, unread_headers: str | None) -> Object:
    """A copy with whole status, headers as text, and the body as the caller receives it."""
    answer = dict(value)
    status = answer.get("statusCode")
    if status is not None and (code := status_of(value)) is not None:
        answer["statusCode"] = code
    if unread_headers is not None:
        answer.pop(unread_headers, None)
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
    """The text of a base64 body; other content stays as it is."""
    try:
        return base64.b64decode(body, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return body


# --- status ---------------------------------------------------------------------------------


def _note_status(runs: Sequence[Object], other: Object, differences: Differences) -> bool:
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
    differences.rule(
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
