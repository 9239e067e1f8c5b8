"""The origin ``test-events``: the function's shareable test events."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from pytest_lambda_rollback.model.recorded import RecordedEvent, Skipped
from pytest_lambda_rollback.recording import json_text
from pytest_lambda_rollback.recording.origins.interface import (
    OriginAccess,
    OriginRequest,
    Reading,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TestEventsOrigin:
    """The events that the Lambda console shares, which EventBridge keeps as a schema."""

    __test__ = False

    def __str__(self) -> str:
        return "the function's test events"

    def events(self, access: OriginAccess) -> Generator[Reading]:
        """Every example of the schema."""
        from pytest_lambda_rollback.aws import shareable_events

        text = shareable_events.document(access.clients.client("schemas"), access.function)
        if text is None:
            return
        try:
            document = json_text.parse(text)
        except ValueError:
            yield Skipped(reason="the schema of test events is not JSON")
            return
        components = document.get("components") if isinstance(document, dict) else None
        examples = components.get("examples") if isinstance(components, dict) else None
        for name, example in (examples if isinstance(examples, dict) else {}).items():
            if isinstance(example, dict) and "value" in example:
                yield RecordedEvent(
                    event=example["value"],
                    source="test-event",
                    function=access.function,
                    origin=name,
                )
            else:
                yield Skipped(reason="a test event without a value")


class TestEvents:
    """``test-events``."""

    __test__ = False
    name = "test-events"
    form = "test-events"
    published = False

    def make(self, value: str, request: OriginRequest) -> TestEventsOrigin | None:  # noqa: ARG002
        """The function's test events."""
        return None if value else TestEventsOrigin()
