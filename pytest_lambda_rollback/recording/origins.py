"""Where recorded events come from: logs, queues, objects, test events, folders.

Each origin is read as far as a budget of events and time goes, the newest events first where the
origin can tell, and gives events one by one. AWS is asked through the edge room; what is found is
understood by the pure modules beside this one. Nothing here writes a file.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.recorded import LogLine, RecordedEvent, Skipped, StoredObject
from pytest_lambda_rollback.recording import envelopes, event_files, json_text, log_events

Progress = Callable[[str], None]
Reading = RecordedEvent | Skipped

DAY_S: Final = 86_400.0
_MAX_FILE_BYTES: Final = 48 * 1_048_576
_ENDINGS: Final = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
_LINES_A_MESSAGE: Final = 20_000


class Clients(Protocol):
    """Who can give clients of AWS services: `aws.clients.Account`."""

    def client(self, service: str) -> Any:
        """The botocore client of a service, as ``logs``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsOrigin:
    """The function's log group in CloudWatch Logs."""

    group: str | None = None
    """``None`` for the group that the function logs to."""
    since_s: float = 7 * DAY_S
    """How far to go back from now."""

    def __str__(self) -> str:
        return f"log group {self.group}" if self.group else "the function's log group"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOrigin:
    """An SQS queue: an event source, a dead-letter queue or a destination."""

    queue: str
    """URL, ARN or name."""
    accept_risks: bool = False
    """Read it even where that may move messages to its dead-letter queue or hold consumers up."""

    def __str__(self) -> str:
        return f"queue {re.split('[/:]', self.queue.rstrip('/'))[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsOrigin:
    """Objects below a prefix in S3: events, or invocation records of a destination."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestEventsOrigin:
    """The function's shareable test events."""

    __test__ = False

    def __str__(self) -> str:
        return "the function's test events"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderOrigin:
    """JSON files in a folder and the folders below it."""

    path: Path

    def __str__(self) -> str:
        return f"folder {self.path}"


Origin = LogsOrigin | QueueOrigin | ObjectsOrigin | TestEventsOrigin | FolderOrigin


@dataclass(slots=True)
class Budget:
    """How many events are read from an origin, and for how long."""

    events: int
    seconds: float
    began: float = field(default_factory=time.monotonic)
    cut: bool = False
    """True once something was left unread."""

    def spent(self) -> bool:
        """True, and remembered, when no more is to be read."""
        spent = self.events <= 0 or time.monotonic() - self.began > self.seconds
        if spent:
            self.left()
        return spent

    def left(self) -> None:
        """Remember that something was left unread."""
        self.cut = True


def read(
    origin: Origin, *, function: str, clients: Clients, budget: Budget, progress: Progress
) -> Generator[Reading]:
    """The events of one origin, and what could not be used of it.

    Raises SourceError where it cannot be read, ConfigError where reading it would do harm.
    """
    match origin:
        case LogsOrigin():
            readings = _logs(origin, function, clients, budget, progress)
        case QueueOrigin():
            readings = _queue(origin, function, clients, budget, progress)
        case ObjectsOrigin():
            readings = _objects(origin, function, clients, budget)
        case TestEventsOrigin():
            readings = _test_events(function, clients)
        case FolderOrigin():
            readings = _folder(origin, function)
    with closing(readings) as found:
        for reading in found:
            if isinstance(reading, RecordedEvent):
                if budget.spent():
                    return
                budget.events -= 1
            yield reading


# --- AWS ------------------------------------------------------------------------------------


def _logs(
    origin: LogsOrigin, function: str, clients: Clients, budget: Budget, progress: Progress
) -> Generator[Reading]:
    from pytest_lambda_rollback.aws import logs

    group = origin.group or logs.group_of(clients.client("lambda"), function)
    now_ms = int(time.time() * 1000)
    lines = logs.lines(
        clients.client("logs"),
        group,
        start_ms=max(0, now_ms - int(origin.since_s * 1000)),
        end_ms=now_ms,
        enough=budget.spent,
    )
    with closing(lines):
        yield from log_events.events(_counted(lines, group, progress), function=function)


def _counted(lines: Iterator[LogLine], group: str, progress: Progress) -> Iterator[LogLine]:
    for number, line in enumerate(lines, start=1):
        if number % _LINES_A_MESSAGE == 0:
            progress(f"{number:,} lines of log group {group} read")
        yield line


def _queue(
    origin: QueueOrigin, function: str, clients: Clients, budget: Budget, progress: Progress
) -> Generator[Reading]:
    from pytest_lambda_rollback.aws import queues

    client = clients.client("sqs")
    facts = queues.facts(client, origin.queue)
    risks = queues.risks(facts)
    if risks and not origin.accept_risks:
        raise ConfigError(
            f"{origin} was not read",
            why="; ".join(risks),
            do="Record from another origin, as --from logs, or take that risk with --accept-risks",
        )
    # No answer of SQS says that a queue is empty, and what others receive now is not given.
    budget.left()
    number = 0
    with closing(queues.messages(client, facts, at_most=budget.events)) as messages:
        for message in messages:
            number += 1
            found = envelopes.from_message(message, facts)
            if found.only_pointers:
                yield Skipped(reason=envelopes.ONLY_POINTERS)
            elif found.function not in (None, function):
                yield Skipped(reason=envelopes.ANOTHER_FUNCTION)
            else:
                yield RecordedEvent(
                    event=found.event,
                    source="sqs",
                    function=function,
                    version=found.version,
                    time=found.time,
                    origin=str(message.get("MessageId", "")),
                )
    if number:
        progress(
            f"{number} messages of {origin} read; all stay in it, and each counts one receive more"
        )


def _objects(
    origin: ObjectsOrigin, function: str, clients: Clients, budget: Budget
) -> Generator[Reading]:
    from pytest_lambda_rollback.aws import event_objects

    stored = event_objects.objects(
        clients.client("s3"),
        origin.bucket,
        origin.prefix,
        at_most=max(budget.events, 1),
        unlisted=budget.left,
    )
    number, at_most = 0, budget.events
    with closing(stored):
        for each in stored:
            if budget.spent():
                return
            number += 1
            yield from event_files.events(each, source="s3", function=function)
    if number >= at_most:
        budget.left()


def _test_events(function: str, clients: Clients) -> Generator[Reading]:
    from pytest_lambda_rollback.aws import shareable_events

    text = shareable_events.document(clients.client("schemas"), function)
    if text is None:
        return
    try:
        document = json_text.parsed(text)
    except ValueError:
        yield Skipped(reason="the schema of test events is not JSON")
        return
    components = document.get("components") if isinstance(document, dict) else None
    examples = components.get("examples") if isinstance(components, dict) else None
    for name, example in (examples if isinstance(examples, dict) else {}).items():
        if isinstance(example, dict) and "value" in example:
            yield RecordedEvent(
                event=example["value"], source="test-event", function=function, origin=name
            )
        else:
            yield Skipped(reason="a test event without a value")


# --- files ----------------------------------------------------------------------------------


def _folder(origin: FolderOrigin, function: str) -> Generator[Reading]:
    if not origin.path.is_dir():
        raise ConfigError(
            f"{origin} cannot be read",
            why="it is not there or is a file",
            do="Name a folder with JSON files",
        )
    for path in sorted(origin.path.rglob("*")):
        if not path.name.endswith(_ENDINGS) or path.name.startswith(".") or not path.is_file():
            continue
        try:
            large = path.stat().st_size > _MAX_FILE_BYTES
            content = b"" if large else path.read_bytes()
        except OSError:
            yield Skipped(reason="a file that cannot be read")
            continue
        stored = StoredObject(name=str(path), content=content, too_large=large)
        yield from event_files.events(stored, source="folder", function=function)
