"""Which event origin `--from` chooses, and what is said where it names none."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.recorded import RecordedEvent, Skipped
from pytest_lambda_rollback.model.settings import FunctionSettings
from pytest_lambda_rollback.recording.origins import registry
from pytest_lambda_rollback.recording.origins.folders import FolderOrigin
from pytest_lambda_rollback.recording.origins.interface import (
    Budget,
    Origin,
    OriginAccess,
    OriginRequest,
    Reading,
)
from pytest_lambda_rollback.recording.origins.logs import LogsOrigin
from pytest_lambda_rollback.recording.origins.objects import ObjectsOrigin
from pytest_lambda_rollback.recording.origins.queues import QueueOrigin
from pytest_lambda_rollback.recording.origins.shareable_events import TestEventsOrigin

KNOWN = {each.name: each for each in registry.BUILT_IN}


def request(tmp_path: Path) -> OriginRequest:
    return OriginRequest(
        function=FunctionSettings(name="orders", current=None),
        into=tmp_path / "events",
        since_s=60.0,
        accept_risks=True,
    )


CHOSEN: dict[str, Origin] = {
    "logs": LogsOrigin(since_s=60.0),
    "logs=/aws/lambda/a=b": LogsOrigin(group="/aws/lambda/a=b", since_s=60.0),
    "sqs=orders": QueueOrigin(queue="orders", accept_risks=True),
    "sqs=https://sqs.eu-west-1.amazonaws.com/1/orders": QueueOrigin(
        queue="https://sqs.eu-west-1.amazonaws.com/1/orders", accept_risks=True
    ),
    "s3://bucket": ObjectsOrigin(bucket="bucket"),
    "s3://bucket/a/b=c": ObjectsOrigin(bucket="bucket", prefix="a/b=c"),
    "test-events": TestEventsOrigin(),
    "folder=/raw": FolderOrigin(path=Path("/raw")),
}


@pytest.mark.parametrize("text", CHOSEN)
def test_from_chooses_an_origin(tmp_path: Path, text: str) -> None:
    assert registry.origin_of(text, KNOWN, request(tmp_path)) == CHOSEN[text]


@pytest.mark.parametrize(
    "text",
    ["kafka", "", "sqs", "sqs=", "s3://", "s3:///", "folder=", "dlq=orders", "test-events=a"],
)
def test_what_no_origin_takes_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.origin_of(text, KNOWN, request(tmp_path))
    assert str(caught.value) == (
        f'--from is "{text}", which is not an event origin. Write one of logs[=GROUP], sqs=QUEUE, '
        "dlq, s3://BUCKET/PREFIX, test-events, folder=PATH."
    )


def test_a_function_without_a_dead_letter_queue(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="orders has no dead-letter queue to record from"):
        registry.origin_of("dlq", KNOWN, request(tmp_path))


@pytest.mark.parametrize("inside", ["events", ".", "events/raw"])
def test_fixtures_and_what_they_are_recorded_from_do_not_overlap(
    tmp_path: Path, inside: str
) -> None:
    with pytest.raises(ConfigError, match=r"overlap: recorded events could not be told"):
        registry.origin_of(f"folder={tmp_path / inside}", KNOWN, request(tmp_path))


class Endless:
    """Yields events without end, and something that is not an event before each."""

    def events(self, access: OriginAccess) -> Generator[Reading]:
        while True:
            yield Skipped(reason="no event")
            yield RecordedEvent(event={}, source="endless", function=access.function)


def test_a_budget_ends_an_origin_that_does_not_ask_for_it() -> None:
    class NoAws:
        def client(self, service: str) -> object:
            raise AssertionError(service)

    budget = Budget(events=3, seconds=60)
    access = OriginAccess(
        function="orders", clients=NoAws(), budget=budget, progress=lambda _: None
    )
    readings = list(registry.read(Endless(), access))
    assert sum(isinstance(each, RecordedEvent) for each in readings) == 3
    assert budget.cut
