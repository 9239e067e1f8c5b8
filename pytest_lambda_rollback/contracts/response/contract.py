"""The response contract: the target must serve the callers of the current version.

The direction is that of a rollback: callers were written, or have been changed, for what the
current version answers now. What they may rely on is what it answered in *every* replay of the
event. The modes: ``shape`` (keys and JSON types), ``exact`` (values too, without noise),
``schema`` (a JSON Schema), ``none``. The event shows who the caller is, and the rules of its event
source (`aws_lambda.event_sources`) count in every mode but ``none``.

Where nobody reads the response, mode ``shape`` compares nothing. Only destinations get it, with
its event; set ``exact`` or ``schema`` to rely on that. Where a caller may pass the event on and
read the response, a difference is a warning. See
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html and
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html

This module reads outcomes and knows no engine. `comparison` compares values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pytest_lambda_rollback.aws_lambda.event_sources.answers.batches import FAILURES, BatchAnswers
from pytest_lambda_rollback.aws_lambda.event_sources.answers.bodies import is_strict
from pytest_lambda_rollback.aws_lambda.event_sources.answers.body_differences import note_constant
from pytest_lambda_rollback.aws_lambda.event_sources.answers.content_types import JSON, media_type
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http import BY_FORM, with_parsed_body
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Event
from pytest_lambda_rollback.contracts.interface import ReplayCase
from pytest_lambda_rollback.contracts.response.comparison import compare_values
from pytest_lambda_rollback.contracts.response.differences import Differences
from pytest_lambda_rollback.contracts.response.durations import Durations
from pytest_lambda_rollback.contracts.response.json_schema import compare_schema
from pytest_lambda_rollback.contracts.response.shapes import compare_shape, shape_of
from pytest_lambda_rollback.model.findings import Contract, Judgement, Subject
from pytest_lambda_rollback.model.json_values import (
    MAX_DEPTH,
    Json,
    TooDeepError,
    one_line,
    parse,
    pointer_tokens,
)
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import ResponseRule


class ResponseContract:
    """`judge` as the interface of contracts has it; it applies where both sides answered."""

    name = Contract.RESPONSE
    needs_replays: Literal[True] = True

    def judge(self, case: ReplayCase) -> Judgement:
        """Judge one replay."""
        if case.event is None:
            return Judgement()
        return judge(
            case.baseline, case.outcome, case.response, event=case.event, subject=case.subject
        )


def judge(
    baseline: tuple[Outcome, ...],
    target: Outcome,
    rule: ResponseRule,
    *,
    subject: Subject,
    event: Event | None = None,
) -> Judgement:
    """Compare a target's response with those of two or more replays of the current version.

    Every outcome must be a response. ``event`` is the one that both were given; without it
    the caller is unknown. Findings are sorted by their JSON Pointer; a place inside an array
    without a meaningful order has ``*`` for its index. A response that nests deeper than
    MAX_DEPTH makes the judgement unknown, and so does a schema that the current version misses.
    Raises ValueError for an outcome that is not a response, a missing baseline, an unknown mode,
    mode ``schema`` without a schema, an unknown matcher, or an ignored place that is not a JSON
    Pointer.
    """
    if not baseline or any(o.kind is not OutcomeKind.RESPONSE for o in (*baseline, target)):
        raise ValueError(
            "the response contract needs responses of the current version and of a target"
        )
    if rule.mode == "none":
        return Judgement()
    if rule.mode not in ("shape", "exact", "schema"):
        raise ValueError(f"{rule.mode!r} is not a mode of the response contract")
    differences = Differences(
        subject=subject,
        ignore=rule.ignore,
        matchers=rule.matchers,
        durations=Durations(
            current_s=max(outcome.duration_s for outcome in baseline), target_s=target.duration_s
        ),
    )
    try:
        reason = _compare(
            [_read(outcome) for outcome in baseline],
            _read(target),
            differences,
            rule=rule,
            event=event or Event(),
        )
    except (TooDeepError, RecursionError):
        reason = (
            f"a response of {subject.current_name} or {subject.name} nests deeper than {MAX_DEPTH} "
            'levels, which is too deep to compare. Set response = { mode = "none" } for this '
            "function to check only that it answers"
        )
    warnings = differences.warnings()
    if reason is not None:
        return Judgement(reason=reason, warnings=warnings)
    return Judgement(findings=differences.findings(), warnings=warnings)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    payload: bytes
    content_type: str
    is_json: bool
    value: Json
    is_strict: bool
    """False for JSON with NaN or Infinity in it, which only Python reads."""


def _read(outcome: Outcome) -> _Answer:
    payload = outcome.payload or b""
    is_json, value, strict = True, None, True
    # A streamed response has this content type unless the function says what it is.
    if media_type(outcome.content_type) in (JSON, "", "application/octet-stream"):
        try:
            value = parse(payload)
            strict = is_strict(payload)
        except TooDeepError:
            raise
        except ValueError:
            is_json = False
    else:
        is_json = False
    return _Answer(
        payload=payload,
        content_type=outcome.content_type,
        is_json=is_json,
        value=value,
        is_strict=strict,
    )


def _compare(
    current: Sequence[_Answer],
    target: _Answer,
    differences: Differences,
    *,
    rule: ResponseRule,
    event: Event,
) -> str | None:
    """Note the differences, or return the reason why they are unknown."""
    if rule.mode == "shape" and not event.answer_is_read:
        if event.reader_is_open:
            _warn_of_open_reader(current, target, differences, rule=rule, event=event)
        return None
    exact = rule.mode == "exact"
    if not target.is_json or not all(answer.is_json for answer in current):
        _compare_opaque(current, target, differences, exact=exact)
        if rule.mode == "schema" and not all(answer.is_json for answer in current):
            current_name = differences.subject.current_name
            schema = rule.schema_name or "a schema"
            return f"{current_name} does not answer JSON, which {schema} describes"
        return None
    values = [answer.value for answer in current]
    if not target.is_strict and all(answer.is_strict for answer in current):
        # A poller reads an answer only where partial batch responses are on; it fails the batch
        # then: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
        polled = isinstance(event.source.answers, BatchAnswers) and event.source.answers.is_polled
        reads = not polled or any(isinstance(v, dict) and FAILURES in v for v in values)
        note_constant(values[0], target.value, (), differences, breaks=reads)
        if len(differences):
            return None
    rules = event.rules or BY_FORM
    compared = rules.read(values, target.value, differences, event=event, exact=exact)
    if rule.mode == "schema":
        differences.keep_rules()
        if compared.settled and len(differences):
            return None
        runs = [with_parsed_body(value) for value in values]
        return compare_schema(runs, with_parsed_body(target.value), rule, differences)
    for part in compared.parts:
        compare_shape(shape_of(part.current), part.target, part.path, differences)
    if compared.settled:
        return None
    if exact:
        compare_values(compared.current, compared.target, (), differences)
    else:
        compare_shape(shape_of(compared.current), compared.target, (), differences)
    return None


def _warn_of_open_reader(
    current: Sequence[_Answer],
    target: _Answer,
    differences: Differences,
    *,
    rule: ResponseRule,
    event: Event,
) -> None:
    """Warn of the first difference that a caller which passes the event on would see."""
    apart = Differences(subject=differences.subject, ignore=rule.ignore, matchers=rule.matchers)
    _compare(current, target, apart, rule=rule, event=event.as_read)
    first = next(iter(apart.findings()), None)
    if first is None:
        return
    differences.warn(
        pointer_tokens(first.location or ""),
        first.kind,
        str(first.detail("template")),
        first.current,
        first.target,
        note=f"{first.detail('note')}. The event does not show whether anything reads the answer: "
        'set invoked_by for this function, to "nobody" or, for example, to "step-functions"',
    )


def _compare_opaque(
    current: Sequence[_Answer], target: _Answer, differences: Differences, *, exact: bool
) -> None:
    """Compare what is not JSON: the kind of content, and in mode ``exact`` the bytes."""
    if all(answer.is_json for answer in current):
        differences.other(
            (),
            "not-json",
            "TARGET does not answer JSON where CURRENT does",
            _text(current[0]),
            _text(target),
        )
        return
    types = {media_type(answer.content_type) for answer in current}
    if not target.payload and all(answer.payload for answer in current):
        differences.other(
            (),
            "empty-body",
            "TARGET answers nothing where CURRENT always answers something",
            _text(current[0]),
            "",
        )
    elif len(types) == 1 and media_type(target.content_type) not in types:
        differences.other(
            (),
            "content-type",
            "TARGET answers ",
            current[0].content_type,
            target.content_type,
            note=f"{target.content_type} where {differences.subject.current_name} answers "
            f"{current[0].content_type}",
        )
    elif (
        exact
        and target.payload != current[0].payload
        and len({answer.payload for answer in current}) == 1
    ):
        differences.other(
            (),
            "value-changed",
            "TARGET answers different content from CURRENT",
            _text(current[0]),
            _text(target),
        )


def _text(answer: _Answer) -> str:
    return one_line(answer.payload.decode("utf-8", "replace"))
