"""The origins ``sqs`` and ``dlq``: messages of a queue, which stay in it."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.recorded import RecordedEvent, Skipped
from pytest_lambda_rollback.model.settings import FunctionSettings
from pytest_lambda_rollback.recording import envelopes
from pytest_lambda_rollback.recording.origins.interface import (
    OriginAccess,
    OriginRequest,
    Reading,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOrigin:
    """An SQS queue: an event source, a dead-letter queue or a destination."""

    queue: str
    """URL, ARN or name."""
    accept_risks: bool = False
    """Read it even where that may move messages to its dead-letter queue or hold consumers up."""

    def __str__(self) -> str:
        return f"queue {re.split('[/:]', self.queue.rstrip('/'))[-1]}"

    def events(self, access: OriginAccess) -> Generator[Reading]:
        """The event of each message."""
        from pytest_lambda_rollback.aws import queues

        client = access.clients.client("sqs")
        facts = queues.facts(client, self.queue)
        risks = queues.risks(facts)
        if risks and not self.accept_risks:
            raise ConfigError(
                f"{self} was not read",
                why="; ".join(risks),
                do="Record from another origin, such as --from logs, or take the risk with "
                "--accept-risks",
            )
        # SQS never says that a queue is empty, and withholds messages that others hold now.
        access.budget.left()
        number = 0
        messages = queues.messages(client, facts, at_most=access.budget.events)
        with closing(messages):
            for message in messages:
                number += 1
                found = envelopes.from_message(message, facts)
                if found.only_pointers:
                    yield Skipped(reason=envelopes.ONLY_POINTERS)
                elif found.function not in (None, access.function):
                    yield Skipped(reason=envelopes.ANOTHER_FUNCTION)
                else:
                    yield RecordedEvent(
                        event=found.event,
                        source="sqs",
                        function=access.function,
                        version=found.version,
                        time=found.time,
                        origin=str(message.get("MessageId", "")),
                    )
        if number:
            access.progress(
                f"{number} messages of {self} read; all stay in it, and the receive count of each "
                "grew by one"
            )


class Queue:
    """``sqs=QUEUE``: a queue by its URL, ARN or name."""

    name = "sqs"
    form = "sqs=QUEUE"
    published = False

    def make(self, value: str, request: OriginRequest) -> QueueOrigin | None:
        """The queue."""
        return QueueOrigin(queue=value, accept_risks=request.accept_risks) if value else None


class DeadLetters:
    """``dlq``: the dead-letter queue that the function's configuration names."""

    name = "dlq"
    form = "dlq"
    published = True

    def make(self, value: str, request: OriginRequest) -> QueueOrigin | None:
        """The queue. Raises ConfigError if the function has none."""
        if value:
            return None
        queue = _dead_letter_queue(request.function)
        return QueueOrigin(queue=queue, accept_risks=request.accept_risks)


def _dead_letter_queue(function: FunctionSettings) -> str:
    versions = function.published.versions if function.published is not None else ()
    named = [version.dead_letter_arn for version in versions if version.dead_letter_arn]
    queues = [arn for arn in named if ":sqs:" in arn]
    if queues:
        return queues[0]
    why = "it sends failed events to a topic" if named else "no version has one configured"
    raise ConfigError(
        f"{function.name} has no dead-letter queue to record from",
        why=function.reason or why,
        do="Name the queue, as in --from sqs=QUEUE",
    )
