"""Messages of an SQS queue, read and left in it.

SQS has no reading without receiving. A message that is received is hidden from others for a
while and counts one receive more, which cannot be taken back; a queue with a redrive policy moves
a message to its dead-letter queue when it was received too often. So messages are hidden for a
minute at most, made visible again as soon as reading ends, never deleted, and `risks` says
beforehand what reading would do to a queue ("Amazon SQS visibility timeout" and "Using
dead-letter queues in Amazon SQS" in the SQS developer guide).
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Generator
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from pytest_lambda_rollback.aws.failures import reading
from pytest_lambda_rollback.model.recorded import QueueFacts

HIDDEN_S: Final = 60
READING_S: Final = 45
"""Reading ends well before messages come back by themselves, so that none counts twice."""
_BATCH: Final = 10
_EMPTY_ANSWERS: Final = 2
"""A receive asks few of SQS's servers; one empty answer is not the end of the queue."""

_ARN = re.compile(r"arn:[^:]+:sqs:([^:]*):([^:]*):(.+)")


def facts(client: Any, queue: str) -> QueueFacts:
    """The facts of a queue; ``queue`` is its URL, ARN or name. Raises SourceError."""
    url = queue if "://" in queue else _url(client, queue)
    with reading(what=f"queue {_name(url)} cannot be read", action="sqs:GetQueueAttributes"):
        attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    found = attributes.get("Attributes", {})
    arn = found.get("QueueArn", "")
    try:
        redrive = json.loads(found.get("RedrivePolicy") or "{}")
    except ValueError:
        redrive = {}
    receives = redrive.get("maxReceiveCount")
    return QueueFacts(
        url=url,
        arn=arn,
        region=arn.split(":")[3] if arn.count(":") >= 5 else "",
        fifo=found.get("FifoQueue") == "true",
        max_receives=int(receives) if receives is not None else None,
        dead_letter_arn=redrive.get("deadLetterTargetArn"),
    )


def risks(queue: QueueFacts) -> tuple[str, ...]:
    """The effects of reading on the queue beyond a minute's hiding, one fragment each."""
    found: list[str] = []
    if queue.max_receives is not None:
        target = (queue.dead_letter_arn or "its dead-letter queue").rpartition(":")[2]
        if queue.max_receives <= 1:
            found.append(
                f"SQS moves a message to {target} after one receive, so each message that is read "
                "goes there and its consumer never gets it"
            )
        else:
            found.append(
                f"each read counts as one of the {queue.max_receives} receives after which SQS "
                f"moves a message to {target}, so messages that were tried before may go there"
            )
    if queue.fifo:
        found.append("consumers wait for up to a minute for each message group that is read")
    return tuple(found)


def messages(client: Any, queue: QueueFacts, *, at_most: int) -> Generator[dict[str, Any]]:
    """Messages as SQS gives them, each once; all are visible again when the iterator is closed.

    Reading ends at ``at_most`` messages, after 45 seconds, or when SQS has no more.
    """
    handles: dict[str, str] = {}
    until = time.monotonic() + READING_S
    empty = 0
    try:
        while len(handles) < at_most and empty < _EMPTY_ANSWERS and time.monotonic() < until:
            received = _received(client, queue, min(_BATCH, at_most - len(handles)))
            new = [message for message in received if message["MessageId"] not in handles]
            handles |= {each["MessageId"]: each["ReceiptHandle"] for each in received}
            empty = 0 if new else empty + 1
            yield from new
    finally:
        _release(client, queue, tuple(handles.values()))


def _received(client: Any, queue: QueueFacts, number: int) -> list[dict[str, Any]]:
    with reading(what=f"queue {_name(queue.url)} cannot be read", action="sqs:ReceiveMessage"):
        answer = client.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=number,
            VisibilityTimeout=HIDDEN_S,
            WaitTimeSeconds=1,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
    return list(answer.get("Messages", ()))


def _release(client: Any, queue: QueueFacts, handles: tuple[str, ...]) -> None:
    """Makes messages visible at once. Where that fails, they are after a minute anyway."""
    for start in range(0, len(handles), _BATCH):
        entries = [
            {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for number, handle in enumerate(handles[start : start + _BATCH])
        ]
        try:
            client.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)
        except (ClientError, BotoCoreError):
            return


def _url(client: Any, queue: str) -> str:
    match = _ARN.fullmatch(queue)
    name, owner = (match.group(3), match.group(2)) if match else (queue, "")
    with reading(what=f"queue {name} cannot be found", action="sqs:GetQueueUrl"):
        answer = client.get_queue_url(
            QueueName=name, **({"QueueOwnerAWSAccountId": owner} if owner else {})
        )
    return str(answer["QueueUrl"])


def _name(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]
