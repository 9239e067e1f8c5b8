"""How HTTP front ends read an answer: status, headers, cookies and body.

API Gateway, load balancers and function URLs turn an object with ``statusCode``, ``headers`` and
``body`` into an HTTP answer. Here such answers become what a client receives, and differences
that only the protocol knows are noted. Each part of an answer has a module of its own; the general
comparison is elsewhere. The documents that the rules come from are cited by each front end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers import http_bodies
from pytest_lambda_rollback.aws_lambda.event_sources.answers.batches import BatchAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.bodies import (
    Body,
    body_of,
    document_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.content_types import (
    CONTENT_TYPE,
    ContentType,
    content_type_of,
    note_charset,
    note_content_type,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.cookies import (
    SET_COOKIE,
    Cookie,
    cookies_of,
    note_cookies,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_headers import (
    UNSENT,
    describes,
    note_headers,
    note_values,
    only_warns,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import (
    HEADER_OBJECTS,
    Headers,
    Request,
    headers_of,
    named,
    request_of,
    status_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import Fault
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
)
from pytest_lambda_rollback.model.json_values import Json, Path, one_line, short_text

PATH_STATUS = ("statusCode",)
PATH_BODY = ("body",)

_OTHER_ANSWERS = BatchAnswers()
"""For answers that no front end could read as HTTP."""
_READ = frozenset((*HEADER_OBJECTS, "statusCode", "cookies", "body", "isBase64Encoded"))
_WITHOUT_BODY = (204, 304)


def _both(_event: Object) -> tuple[str, ...]:
    return HEADER_OBJECTS


def _never(_value: Json, _event: Object) -> Fault | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswers:
    """How one front end reads answers."""

    refuses: Callable[[Json, Object], Fault | None] = _never
    """The reason why it refuses an answer, by the event."""
    infers: bool = False
    """It makes a whole answer of any JSON without a status."""
    merges_headers: bool = False
    """It merges ``headers`` and ``multiValueHeaders``."""
    reads_headers: Callable[[Object], tuple[str, ...]] = _both
    """The header objects that it reads, by the event."""
    reads_cookies: bool = False
    """It reads ``cookies``."""
    default_type: str = ""
    """The content type of an answer that names none; empty if it is unknown."""
    drops_others: bool = True
    """Other members of an answer reach nobody."""
    reads_body: Callable[[Object], bool] = lambda _event: True
    """False for an event whose body no client gets."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Put HTTP answers into comparable form; note what their client would notice.

        Header names are spelt as the current version spells them, bodies decoded and, if they
        are JSON, parsed. Unless values are compared (``exact``), nothing is asked of a target
        where the current version answers only with a server error: no caller can rely on that.
        Raises TooDeepError for a body that nests too deep.
        """
        if not self._is_http(current, target):
            if self.drops_others:
                return _OTHER_ANSWERS.read(current, target, differences, event=event, exact=exact)
            return _direct(current, target, differences, event=event, exact=exact)
        settled = Compared(current=tuple(current), target=target, settled=True)
        if self._note_malformed(current, target, differences, event):
            return settled
        if self.infers and _note_lost_status(current, target, differences, event):
            return settled
        request = request_of(event.value)
        runs = [self._received(value, event, request) for value in current]
        other = self._received(target, event, request)
        if other is None or not all(run is not None for run in runs):
            return Compared(current=tuple(current), target=target)
        known = [run for run in runs if run is not None]
        if not exact and all((run.status or 0) >= 500 for run in known):
            return settled
        if _note_status(known, other, differences):
            return settled
        return _compared(known, other, differences, request=request, event=event, exact=exact)

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
        """Note a response that the front end refuses; True when there surely is one.

        Nothing is noted where one of the current version's own responses would be refused.
        """
        fault = self.refuses(target, event.value)
        if fault is None or any(self.refuses(value, event.value) for value in current):
            return False
        if differences.ignored(fault.path):
            return False
        note = differences.rule if fault.is_certain else differences.warn
        may = "refuses: its client gets a server error" if fault.is_certain else "may refuse"
        note(
            fault.path,
            "malformed-response",
            "TARGET answers ",
            short_text(_at(current[0], fault.path)),
            short_text(_at(target, fault.path)),
            note=f"{fault.says}, which {event.source.name} {may}",
        )
        return fault.is_certain

    def _received(self, value: Json, event: Event, request: Request) -> _Answer | None:
        """The answer as the front end sends it; ``None`` for one that it cannot read as such."""
        is_inferred = self.infers and not _has_status(value)
        if is_inferred:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            value = {"statusCode": 200, "body": text}
        if not isinstance(value, dict):
            return None
        places = self.reads_headers(event.value)
        headers = headers_of(value, places, merged=self.merges_headers)
        lines = [
            (header.path, line)
            for key, header in headers.items()
            if key.rpartition("/")[2] == SET_COOKIE
            for line in header.values
        ]
        listed = value.get("cookies") if self.reads_cookies else None
        written = listed if isinstance(listed, list) else []
        lines += [(("cookies",), line) for line in written if isinstance(line, str)]
        encoding = named(headers, "content-encoding")
        raw = value.get("body")
        body = None
        if isinstance(raw, str):
            flag = value.get("isBase64Encoded")
            body = body_of(
                raw,
                flagged=flag is True or (isinstance(flag, str) and flag.lower() == "true"),
                encoding=encoding.line if encoding else "",
            )
        status = status_of(value)
        if request.method == "HEAD" or status in _WITHOUT_BODY or not self.reads_body(event.value):
            raw = body = None
        sent = {k: h for k, h in headers.items() if k.rpartition("/")[2] not in _APART}
        return _Answer(
            value=value,
            status=status,
            headers=sent,
            cookies=cookies_of(lines, request.path),
            content_type=content_type_of(
                headers, default=self.default_type, is_inferred=is_inferred
            ),
            raw_body=raw,
            has_body="body" in value,
            body=body,
            others={} if self.drops_others else _others(value),
            places=places,
        )


_APART = frozenset((SET_COOKIE, CONTENT_TYPE, "content-encoding", *UNSENT))
"""Headers that are compared by rules of their own, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """An answer as a client receives it."""

    value: Object
    """As the function gave it, or as it was inferred."""
    status: int | None
    headers: Headers
    cookies: dict[str, Cookie]
    content_type: ContentType
    raw_body: Json
    has_body: bool
    body: Body | None
    """``None`` for one that is not text, or not sent."""
    others: Object
    """Members that a caller without a front end sees."""
    places: tuple[str, ...]


BY_FORM = HttpAnswers(reads_cookies=True, drops_others=False)
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
    raw = value.get("body")
    if not isinstance(raw, str):
        return value
    headers = headers_of(value, HEADER_OBJECTS, merged=True)
    encoding = named(headers, "content-encoding")
    body = body_of(
        raw,
        flagged=value.get("isBase64Encoded") is True,
        encoding=encoding.line if encoding else "",
    )
    declared = content_type_of(headers, default="", is_inferred=False)
    document = document_of(body.text, is_json=http_bodies.is_json([declared]))
    return value if document is None else {**value, "body": document.value}


def _has_status(value: Json) -> bool:
    return isinstance(value, dict) and "statusCode" in value


def _others(value: Object) -> Object:
    return {name: each for name, each in value.items() if name not in _READ}


def _at(value: Json, path: Path) -> Json:
    for token in path:
        value = value.get(str(token)) if isinstance(value, dict) else None
    return value


def _direct(
    current: Sequence[Json], target: Json, differences: Differences, *, event: Event, exact: bool
) -> Compared:
    """Answers to a caller that reads them itself; a text may hold a JSON document."""
    texts = [value if isinstance(value, str) else None for value in current]
    documents = [document_of(text, is_json=False) for text in texts]
    known = [document for document in documents if document is not None]
    if len(known) != len(documents) or not isinstance(target, str):
        return _OTHER_ANSWERS.read(current, target, differences, event=event, exact=exact)
    other = http_bodies.note_document(known, target, (), differences)
    if other is None:
        return Compared(current=tuple(current), target=target, settled=True)
    return Compared(current=tuple(each.value for each in known), target=other.value)


# --- status ---------------------------------------------------------------------------------


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
        differences.rule(
            PATH_STATUS,
            "lost-key",
            "TARGET answers without PLACE, which CURRENT always returns: without it, "
            f"{event.source.name} sends the whole answer as the body",
            short_text(_at(current[0], PATH_STATUS)),
            None,
        )
    return meant


def _note_status(runs: Sequence[_Answer], other: _Answer, differences: Differences) -> bool:
    """Note another status code; True when it is of another class, so that all else follows."""
    codes = [run.status for run in runs if run.status is not None]
    if len(codes) != len(runs) or other.status is None or differences.ignored(PATH_STATUS):
        return False
    if other.status in codes:
        return False
    of_another_class = all(other.status // 100 != code // 100 for code in codes)
    differences.rule(
        PATH_STATUS,
        "status-code",
        f"TARGET answers with status {other.status} where CURRENT answers {codes[0]}",
        str(codes[0]),
        str(other.status),
        note=_body_note(other) if of_another_class else "",
    )
    return of_another_class


def _body_note(answer: _Answer) -> str:
    text = answer.body.text if answer.body is not None else None
    if text:
        return f", with the body {one_line(text)}"
    raw = answer.raw_body
    return "" if raw is None or isinstance(raw, str) else f", with the body {short_text(raw)}"


# --- the comparison ---------------------------------------------------------------------------


def _compared(
    runs: Sequence[_Answer],
    other: _Answer,
    differences: Differences,
    *,
    request: Request,
    event: Event,
    exact: bool,
) -> Compared:
    """Note what the rules of HTTP say; the values that are left to compare."""
    objects = [dict(run.others) for run in (*runs, other)]
    _add_status(objects, runs, other)
    if not _note_other_headers(runs, other, differences):
        note_cookies([run.cookies for run in runs], other.cookies, differences)
        headers = [run.headers for run in runs]
        note_headers(headers, other.headers, differences, request=request)
        if not exact:
            status = other.status
            note_values(headers, other.headers, differences, request=request, status=status)
        _add_headers(objects, runs, other, method=request.method, exact=exact)
        _note_types(runs, other, objects, differences, event=event, exact=exact)
    bodies = http_bodies.compared(
        [_sent(run) for run in runs],
        _sent(other),
        differences,
        accept_encoding=request.header("accept-encoding"),
        front_end=event.source.name,
    )
    if bodies is not None:
        for each, body in zip(objects, bodies, strict=True):
            each.update(body)
    return Compared(current=tuple(objects[:-1]), target=objects[-1])


def _sent(answer: _Answer) -> http_bodies.Sent:
    return http_bodies.Sent(
        raw=answer.raw_body,
        is_there=answer.has_body,
        body=answer.body,
        content_type=answer.content_type,
    )


def _add_status(objects: Sequence[Object], runs: Sequence[_Answer], other: _Answer) -> None:
    """Leave status codes that no front end could read to the general comparison."""
    answers = (*runs, other)
    if all(answer.status is not None for answer in answers):
        return
    for each, answer in zip(objects, answers, strict=True):
        if "statusCode" in answer.value:
            raw = answer.value["statusCode"]
            each["statusCode"] = raw if answer.status is None else answer.status


def _note_other_headers(runs: Sequence[_Answer], other: _Answer, differences: Differences) -> bool:
    """Note headers that are no object, where the current version's are; True for any."""
    wrong = False
    for place in other.places:
        found = other.value.get(place)
        known = [run.value.get(place) for run in runs]
        if found is None or isinstance(found, dict) or not all(known):
            continue
        if all(isinstance(each, dict) for each in known):
            differences.retyped((place,), ["object"], known[0], found)
            wrong = True
    return wrong


def _add_headers(
    objects: Sequence[Object],
    runs: Sequence[_Answer],
    other: _Answer,
    *,
    method: str,
    exact: bool,
) -> None:
    """Leave the values of headers to the general comparison, without those that were noted.

    What describes one answer alone (times, ids, validators) is not compared.
    """
    answers = (*runs, other)
    spelling = {key: header.path for run in reversed(runs) for key, header in run.headers.items()}
    for each, answer in zip(objects, answers, strict=True):
        for key, header in answer.headers.items():
            name = key.rpartition("/")[2]
            if describes(name) or (key not in other.headers) or not other.headers[key].line:
                continue
            if key not in spelling and (not exact or only_warns(name, method)):
                continue
            place, spelt = spelling.get(key, header.path)
            into = each.setdefault(str(place), {})
            if isinstance(into, dict):
                into[str(spelt)] = header.line
    places = {name for each in objects for name in each if name in HEADER_OBJECTS}
    for each in objects:
        for place in places:
            each.setdefault(place, {})
    if exact:
        _add_cookies(objects, answers)


def _add_cookies(objects: Sequence[Object], answers: Sequence[_Answer]) -> None:
    """Leave the values of cookies that all answers set to the comparison of values."""
    common = set.intersection(*(set(answer.cookies) for answer in answers))
    for each, answer in zip(objects, answers, strict=True):
        values: Object = {name: answer.cookies[name].value for name in sorted(common)}
        if values:
            each["cookies"] = values


def _note_types(
    runs: Sequence[_Answer],
    other: _Answer,
    objects: Sequence[Object],
    differences: Differences,
    *,
    event: Event,
    exact: bool,
) -> None:
    """Note other content types; where values are compared, leave those that are set to that."""
    if exact and all(each.content_type.origin == "set" for each in (*runs, other)):
        place, name = runs[0].content_type.path
        for each, answer in zip(objects, (*runs, other), strict=True):
            into = each.setdefault(str(place), {})
            if isinstance(into, dict):
                into[str(name)] = answer.content_type.value
        return
    if any(run.has_body and not run.raw_body for run in (*runs, other)):
        return  # a type of no content
    types = [run.content_type for run in runs]
    if differences.ignored(PATH_BODY):
        texts: list[str | None] = [None]
    else:
        texts = [answer.body.text if answer.body else None for answer in (*runs, other)]
    has_json = all(document_of(text, is_json=True) is not None for text in texts)
    note_content_type(
        types, other.content_type, differences, has_json=has_json, front_end=event.source.name
    )
    note_charset(types, other.content_type, differences, body=texts[-1])
