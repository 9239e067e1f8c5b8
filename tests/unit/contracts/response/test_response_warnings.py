"""What an event source's rules warn of: told beside the verdict, and never a break."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from helpers.judged_responses import found, judged
from helpers.subjects import said
from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    EventSource,
)
from pytest_lambda_rollback.model.json_values import Json

SCHEMA = '{"type": "object"}'


class _Rules:
    """Warns of each header of the current version that the target does not send."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        for index, name in enumerate(("date", "server-timing")):
            differences.warn(
                ("headers", index, "name"),
                "lost-header",
                "TARGET answers without the header at PLACE that CURRENT sends",
                name,
                None,
                note="; nothing depends on it",
            )
        return Compared(current=tuple(current), target=target)


EVENT = Event(
    source=EventSource(
        name="a proxy", slug="proxy", recognises=lambda event: True, answers=_Rules()
    )
)


@pytest.mark.parametrize("mode", ["shape", "exact", "schema"])
def test_a_warning_is_no_break_in_any_mode(mode: str) -> None:
    schema = {"schema": SCHEMA} if mode == "schema" else {}
    judgement = judged([{"a": 1}] * 2, {"a": 1}, mode=mode, event=EVENT, **schema)
    assert found(judgement) == []
    (warning,) = judgement.warnings
    assert said(warning) == (
        "orders:2 answers without the header at /headers/0/name that orders:4 sends; nothing "
        "depends on it (and so in 1 more element)"
    )


def test_a_warning_stands_beside_a_break() -> None:
    judgement = judged([{"a": 1}] * 2, {}, event=EVENT)
    assert found(judgement) == [("lost-key", "/a")]
    assert [warning.kind for warning in judgement.warnings] == ["lost-header"]


def test_an_ignored_place_is_not_warned_of() -> None:
    assert judged([{"a": 1}] * 2, {"a": 1}, "/headers", event=EVENT).warnings == ()


def test_mode_none_does_not_warn() -> None:
    assert judged([{"a": 1}] * 2, {"a": 1}, mode="none", event=EVENT).warnings == ()
