"""The response contract: would a caller of the current version be served by the target? Pure.

The direction is that of a rollback: callers were written, or have been changed, for what the
current version answers now. What they may rely on is what it answered in *every* replay of the
event. The modes: ``shape`` (keys and JSON types), ``exact`` (values too, without noise),
``schema`` (a JSON Schema), ``none``. Who the caller is shows in the event, and what the rules of
its protocol make of a response counts in every mode but ``none``.

Policy where nobody reads the response (`event_sources`): mode ``shape`` compares nothing then.
"Invoking a Lambda function asynchronously" and "How Lambda processes records from stream and
queue-based event sources" of the AWS Lambda Developer Guide leave only destinations, which get a
response along with its event; whoever works with that sets ``exact`` or ``schema``.

This room reads outcomes and knows no engine. How values are compared is in `comparison`, what
protocols say in the rooms named after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.recognition import (
    AUTHORIZERS,
    POLLED,
    Event,
    Source,
    recognise,
)
from pytest_lambda_rollback.contracts.response.authorizers import read_authorizer
from pytest_lambda_rollback.contracts.response.batches import read_batch
from pytest_lambda_rollback.contracts.response.cognito_triggers import read_trigger
from pytest_lambda_rollback.contracts.response.comparison import (
    Compared,
    compare_shape,
    compare_values,
)
from pytest_lambda_rollback.contracts.response.differences import Differences
from pytest_lambda_rollback.contracts.response.http_answers import (
    read_http,
    reads_as_http,
    with_parsed_body,
)
from pytest_lambda_rollback.contracts.response.http_headers import media_family
from pytest_lambda_rollback.contracts.response.json_schema import compare_schema
from pytest_lambda_rollback.contracts.response.record_results import read_results
from pytest_lambda_rollback.contracts.response.shapes import shape_of
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.json_values import MAX_DEPTH, Json, TooDeepError, one_line, parse
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import ResponseRule

_OF_PROTOCOLS = frozenset(
    (
        "authorizer-allows", "authorizer-denies", "batch-item-failure", "malformed-response",
        "record-dropped", "record-failed", "status-code", "trigger-decision",
        "unknown-batch-item",
    )
)  # fmt: skip
"""Kinds of differences that count whatever a schema says."""


def judge(
    baseline: tuple[Outcome, ...],
    target: Outcome,
    rule: ResponseRule,
    *,
    current_name: str,
    target_name: str,
    event: bytes | None = None,
) -> Judgement:
    """Compare a target's response with those of two or more replays of the current version.

    Every outcome must be a response. ``event`` is what both were given, as JSON text; without it
    the caller is taken for an unknown one. Findings are sorted by their JSON Pointer; a place
    inside an array without a meaningful order has ``*`` for its index. A response that nests
    deeper than MAX_DEPTH is unknown, and so is a schema that the current version misses. Raises
    ValueError for outcomes that are no responses, no baseline, an unknown mode, a mode
    ``schema`` without one, an unknown matcher or an ignored place that is not a JSON Pointer.
    """
    if not baseline or any(o.kind is not OutcomeKind.RESPONSE for o in (*baseline, target)):
        raise ValueError("the response contract compares responses, with one baseline at least")
    if rule.mode == "none":
        return Judgement()
    if rule.mode not in ("shape", "exact", "schema"):
        raise ValueError(f"{rule.mode!r} is no mode of the response contract")
    differences = Differences(
        current_name=current_name,
        target_name=target_name,
        ignore=rule.ignore,
        matchers=rule.matchers,
    )
    try:
        reason = _compare(
            [_read(outcome) for outcome in baseline],
            _read(target),
            differences,
            rule=rule,
            event=recognise(event),
        )
    except (TooDeepError, RecursionError):
        reason = (
            f"a response of CURRENT or TARGET nests deeper than {MAX_DEPTH} "
            'levels, which is not compared. Set response = { mode = "none" } for this '
            "function to check that it answers at all"
        )
    if reason is not None:
        return Judgement(reason=differences.worded(reason))
    return Judgement(findings=differences.findings())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    payload: bytes
    content_type: str
    is_json: bool
    value: Json


def _read(outcome: Outcome) -> _Answer:
    payload = outcome.payload or b""
    is_json, value = True, None
    # A streamed response has this content type unless the function says what it is.
    if media_family(outcome.content_type) in ("json", "", "application/octet-stream"):
        try:
            value = parse(payload)
        except TooDeepError:
            raise
        except ValueError:
            is_json = False
    else:
        is_json = False
    return _Answer(payload=payload, content_type=outcome.content_type, is_json=is_json, value=value)


def _compare(
    current: Sequence[_Answer],
    target: _Answer,
    differences: Differences,
    *,
    rule: ResponseRule,
    event: Event,
) -> str | None:
    """Note the differences, or return the reason why there is nothing to say."""
    if rule.mode == "shape" and not event.response_is_read:
        return None
    exact = rule.mode == "exact"
    if not target.is_json or not all(answer.is_json for answer in current):
        _compare_opaque(current, target, differences, exact=exact)
        if rule.mode == "schema" and not all(answer.is_json for answer in current):
            return f"CURRENT does not answer JSON, which {rule.schema_name or 'a schema'} describes"
        return None
    values = [answer.value for answer in current]
    compared = _by_protocol(values, target.value, differences, event=event, exact=exact)
    if rule.mode == "schema":
        differences.keep(_OF_PROTOCOLS)
        if compared.settled and len(differences):
            return None
        runs = [with_parsed_body(value) for value in values]
        return compare_schema(runs, with_parsed_body(target.value), rule, differences)
    if compared.settled:
        return None
    if exact:
        compare_values(compared.current, compared.target, (), differences)
    else:
        compare_shape(shape_of(compared.current), compared.target, (), differences)
    return None


def _by_protocol(
    current: Sequence[Json], target: Json, differences: Differences, *, event: Event, exact: bool
) -> Compared:
    """Note what the caller's protocol says of the responses; an unknown caller's is guessed."""
    if event.source in AUTHORIZERS:
        return read_authorizer(current, target, differences, event=event, exact=exact)
    if event.source is Source.COGNITO:
        return read_trigger(current, target, differences, event=event, exact=exact)
    if event.source in (Source.FIREHOSE, Source.S3_BATCH):
        return read_results(current, target, differences, event=event, exact=exact)
    if event.source not in POLLED and reads_as_http(event, current, target):
        return read_http(current, target, differences, event=event, exact=exact)
    return read_batch(current, target, differences, event=event, exact=exact)


def _compare_opaque(
    current: Sequence[_Answer], target: _Answer, differences: Differences, *, exact: bool
) -> None:
    """Compare what is not JSON: the kind of content, and in mode ``exact`` the bytes."""
    if all(answer.is_json for answer in current):
        differences.other(
            (),
            "not-json",
            "TARGET answers what is not JSON where CURRENT answers JSON",
            _text(current[0]),
            _text(target),
        )
        return
    families = {media_family(answer.content_type) for answer in current}
    if len(families) == 1 and media_family(target.content_type) not in families:
        differences.other(
            (),
            "content-type",
            f"TARGET answers {target.content_type} where CURRENT answers {current[0].content_type}",
            current[0].content_type,
            target.content_type,
        )
    elif (
        exact
        and target.payload != current[0].payload
        and len({answer.payload for answer in current}) == 1
    ):
        differences.other(
            (),
            "value-changed",
            "TARGET answers other content than CURRENT",
            _text(current[0]),
            _text(target),
        )


def _text(answer: _Answer) -> str:
    return one_line(answer.payload.decode("utf-8", "replace"))
