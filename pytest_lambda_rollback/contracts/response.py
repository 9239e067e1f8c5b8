"""The response contract: would a caller of the current version be served by the target? Pure.

The direction is that of a rollback: callers were written, or have been changed, for what the
current version answers now. What they may rely on is what it answered in *every* replay of the
event. The modes: ``shape`` (keys and JSON types), ``exact`` (values too, without noise),
``none``. This room reads outcomes and knows no engine; how values are compared is in
`comparison`, what event sources make of a response in `event_sources`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.contracts.comparison import compare_shape, compare_values
from pytest_lambda_rollback.contracts.differences import Differences
from pytest_lambda_rollback.contracts.event_sources import (
    is_http,
    media_family,
    read_batch,
    read_http,
)
from pytest_lambda_rollback.contracts.shapes import (
    MAX_DEPTH,
    Json,
    TooDeepError,
    one_line,
    parse,
    shape_of,
)
from pytest_lambda_rollback.model import Judgement, Outcome, OutcomeKind, ResponseRule


def judge(
    baseline: tuple[Outcome, ...],
    target: Outcome,
    rule: ResponseRule,
    *,
    current_name: str,
    target_name: str,
) -> Judgement:
    """Compare a target's response with those of two or more replays of the current version.

    Every outcome must be a response. Findings are sorted by their JSON Pointer; a place inside
    an array without a meaningful order has ``*`` for its index. A response that nests deeper
    than MAX_DEPTH is unknown. Raises ValueError for outcomes that are no responses, no baseline,
    an unknown mode or an ignored place that is not a JSON Pointer.
    """
    if not baseline or any(o.kind is not OutcomeKind.RESPONSE for o in (*baseline, target)):
        raise ValueError("the response contract compares responses, with one baseline at least")
    if rule.mode == "none":
        return Judgement()
    if rule.mode not in ("shape", "exact"):
        raise ValueError(f"{rule.mode!r} is no mode of the response contract")
    differences = Differences(
        current_name=current_name, target_name=target_name, ignore=rule.ignore
    )
    try:
        _compare(
            [_read(outcome) for outcome in baseline],
            _read(target),
            differences,
            exact=rule.mode == "exact",
        )
    except (TooDeepError, RecursionError):
        return Judgement(
            reason=(
                f"a response of {current_name} or {target_name} nests deeper than {MAX_DEPTH} "
                'levels, which is not compared. Set response = { mode = "none" } for this '
                "function to check that it answers at all"
            )
        )
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
    current: Sequence[_Answer], target: _Answer, differences: Differences, *, exact: bool
) -> None:
    if not target.is_json or not all(answer.is_json for answer in current):
        _compare_opaque(current, target, differences, exact=exact)
        return
    values: Sequence[Json] = [answer.value for answer in current]
    other = target.value
    if all(is_http(value) for value in values):
        compared = read_http(values, other, differences, content_type=not exact)
    else:
        compared = read_batch(values, other, differences, keep=exact)
    if compared.settled:
        return
    if exact:
        compare_values(compared.current, compared.target, (), differences)
    else:
        compare_shape(shape_of(compared.current), compared.target, (), differences)


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
