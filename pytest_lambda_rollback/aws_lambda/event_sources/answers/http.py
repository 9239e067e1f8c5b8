"""How HTTP front ends read an answer: status, headers, cookies and body.

API Gateway, load balancers and function URLs turn an object with ``statusCode``, ``headers`` and
``body`` into an HTTP answer. Here such answers become what a client receives, and differences
that only the protocol knows are noted. Each part of an answer has a module of its own; the general
comparison is elsewhere. The documents that the rules come from are cited by each front end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers import body_differences
from pytest_lambda_rollback.aws_lambda.event_sources.answers.batches import BatchAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.bodies import document_of
from pytest_lambda_rollback.aws_lambda.event_sources.answers.content_types import content_type_of
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_answer import (
    HttpAnswer,
    Reading,
    has_status,
    written_body,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_comparison import (
    PATH_STATUS,
    compared,
    note_status,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import (
    HEADER_OBJECTS,
    headers_of,
    request_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.malformed_http import Fault
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
)
from pytest_lambda_rollback.model.json_values import Json, Path, short_text

_OTHER_ANSWERS = BatchAnswers()
"""For answers that no front end could read as HTTP."""


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
    decodes_always: bool = True
    """It decodes base64 whatever it is set up with."""
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
        reading = Reading(
            request=request,
            places=self.reads_headers(event.value),
            merges_headers=self.merges_headers,
            infers=self.infers,
            reads_cookies=self.reads_cookies,
            default_type=self.default_type,
            has_body=self.reads_body(event.value),
            drops_others=self.drops_others,
        )
        runs = [reading.answer(value) for value in current]
        other = reading.answer(target)
        if other is None or not all(run is not None for run in runs):
            return Compared(current=tuple(current), target=target)
        known = [run for run in runs if run is not None]
        if not exact and all((run.status or 0) >= 500 for run in known):
            return settled
        if note_status(known, other, differences):
            return settled
        objects = compared(known, other, differences, request=request, event=event, exact=exact)
        bodies = body_differences.compared(
            [_sent(run) for run in known],
            _sent(other),
            differences,
            accept_encoding=request.header("accept-encoding"),
            front_end=event.source.name,
            decodes_always=self.decodes_always,
        )
        if bodies is not None:
            for each, body in zip(objects, bodies, strict=True):
                each.update(body)
        return Compared(current=tuple(objects[:-1]), target=objects[-1])

    def _is_http(self, current: Sequence[Json], target: Json) -> bool:
        """True when the responses are compared as HTTP answers.

        Where a front end infers a whole answer, one version may answer with a status and the
        other without.
        """
        if self.infers and any(has_status(value) for value in (*current, target)):
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
    headers = headers_of(value, HEADER_OBJECTS, merged=True)
    body = written_body(value, headers)
    declared = content_type_of(headers, default="", is_inferred=False)
    text = body.text if body is not None else None
    document = document_of(text, is_json=body_differences.is_json([declared]))
    return value if document is None else {**value, "body": document.value}


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
    other = body_differences.note_document(known, target, (), differences)
    if other is None:
        return Compared(current=tuple(current), target=target, settled=True)
    return Compared(current=tuple(each.value for each in known), target=other.value)


def _sent(answer: HttpAnswer) -> body_differences.Sent:
    return body_differences.Sent(
        raw=answer.raw_body,
        is_there=answer.has_body,
        body=answer.body,
        content_type=answer.content_type,
        encoding_path=answer.encoding_path,
    )


def _note_lost_status(
    current: Sequence[Json], target: Json, differences: Differences, event: Event
) -> bool:
    """Note a target whose answer is meant as status and body, but has lost the status."""
    if not all(has_status(value) for value in current) or has_status(target):
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
