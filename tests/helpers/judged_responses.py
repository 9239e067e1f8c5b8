"""The response contract's judgement of values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from helpers.subjects import subject
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Event
from pytest_lambda_rollback.contracts import response
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import ResponseRule

Found = list[tuple[str, str | None]]


def answer(value: object, content_type: str = "application/json") -> Outcome:
    """A response; bytes are a payload as it is, anything else is written as JSON."""
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Outcome(kind=OutcomeKind.RESPONSE, payload=payload, content_type=content_type)


def judged(
    baseline: Iterable[object],
    target: object,
    *ignore: str,
    mode: str = "shape",
    event: Event | None = None,
    **rule: Any,
) -> Judgement:
    """Judge version 2's answer by the current version's; ``rule`` holds more of a ResponseRule."""
    return response.judge(
        tuple(answer(value) for value in baseline),
        answer(target),
        ResponseRule(mode=mode, ignore=ignore, **rule),
        subject=subject("2"),
        event=event,
    )


def found(judgement: Judgement) -> Found:
    """Kind and location of every finding of a check that is known."""
    assert judgement.reason is None
    return [(finding.kind, finding.location) for finding in judgement.findings]
