"""What Lambda's pollers make of a response to a batch: which records have failed. Pure.

For SQS, Kinesis, DynamoDB and Kafka, Lambda reads ``batchItemFailures``. A record that the
current version handles and the target reports as failed is a break though nothing raised; one
that both refuse is none, and neither is one that only the current version refuses. Whether an
event source mapping has partial batch responses enabled does not show in an event. A target that
reports a failure has failed either way: without them the record would be lost.

The rules are those of "Handling errors for an SQS event source in Lambda" and "Configuring
partial batch response with Kinesis Data Streams (DynamoDB) and Lambda", each under "Success and
failure conditions": null, ``{}``, and no or null failures are success of the whole batch, and an
entry whose ``itemIdentifier`` is empty, null or misspelt is failure of the whole batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.recognition import (
    FAILURES,
    POLLED,
    STREAMS,
    Event,
    Object,
    Source,
)
from pytest_lambda_rollback.contracts.response.comparison import Compared
from pytest_lambda_rollback.contracts.response.differences import Differences
from pytest_lambda_rollback.model.json_values import Json, canonical, short_text


def read_batch(
    current: Sequence[Json], target: Json, differences: Differences, *, event: Event, exact: bool
) -> Compared:
    """Note records that a target reports as failed and the current version does not.

    Where values are compared (``exact``), the failures stay in the values, to be compared as any
    other value. Else, for an event that a poller surely sent, nothing but them is compared:
    nobody reads the rest, except the ``state`` of a tumbling window.
    """
    runs = [_batch(value) for value in current]
    is_batch = all(run is not None for run in runs) and any(
        isinstance(value, dict) and FAILURES in value for value in current
    )
    noted = _failures(current, target, differences, event)
    if event.source in POLLED and not exact:
        return _what_a_poller_reads(current, target, event, is_batch=is_batch)
    other = _batch(target)
    if not is_batch or other is None:
        return Compared(current=tuple(current), target=target, settled=noted and not is_batch)
    values = [run for run in runs if run is not None]
    if noted or not exact:
        for value in (*values, other):
            value.pop(FAILURES, None)
    return Compared(current=tuple(values), target=other)


def _what_a_poller_reads(
    current: Sequence[Json], target: Json, event: Event, *, is_batch: bool
) -> Compared:
    """The parts of the responses whose form matters to Lambda, emptied of what was noted.

    A response that cannot be read at all fails the batch. An object without failures can: it
    reports none.
    """
    if isinstance(target, dict):
        failures = target.get(FAILURES)
        readable = failures is None or isinstance(failures, list)
        read: Object = {FAILURES: [] if readable else failures}
    else:
        readable = target is None
        read = {}
    if is_batch and not readable:
        form: Json = {FAILURES: []}
        return Compared(current=(form,) * len(current), target=read or target)
    has_window = event.source in STREAMS and isinstance(event.value.get("window"), dict)
    if has_window and all(isinstance(value, dict) for value in (*current, target)):
        # "Stateful processing of streams": the state goes into the next event of the window.
        states = tuple(map(_state, current))
        return Compared(current=states, target=_state(target))
    return Compared(current=tuple(current), target=target, settled=True)


def _state(value: Json) -> Json:
    return {k: v for k, v in value.items() if k == "state"} if isinstance(value, dict) else {}


def _batch(value: Json) -> Object | None:
    """A batch response with its failures as a list; ``None`` for another kind of response."""
    if value is None or value == {}:
        return {FAILURES: []}
    if isinstance(value, dict) and isinstance(value.get(FAILURES, ""), list | None):
        return {**value, FAILURES: value[FAILURES] or []}
    return None


def _identifiers(value: Json, event: Event) -> list[str | None]:
    """The identifiers of failed records; ``None`` for an entry that Lambda cannot read."""
    failures = value.get(FAILURES) if isinstance(value, dict) else None
    found: list[str | None] = []
    for entry in failures if isinstance(failures, list) else ():
        identifier = entry.get("itemIdentifier") if isinstance(entry, dict) else None
        if event.source is Source.KAFKA and isinstance(identifier, dict) and identifier:
            identifier = canonical(identifier)
        found.append(identifier if isinstance(identifier, str) and identifier else None)
    return found


def _names(event: Event) -> tuple[str, ...]:
    """The identifiers of the event's records, in order; empty where they are not known."""
    match event.source:
        case Source.SQS:
            found = [record.get("messageId") for record in event.records]
        case Source.KINESIS | Source.DYNAMODB:
            key = event.source.value.lower()
            inner = [record.get(key) for record in event.records]
            objects = [each if isinstance(each, dict) else {} for each in inner]
            found = [each.get("SequenceNumber", each.get("sequenceNumber")) for each in objects]
        case _:
            found = []
    names = tuple(name for name in found if isinstance(name, str) and name)
    return names if len(names) == len(found) else ()


def _failures(
    current: Sequence[Json], target: Json, differences: Differences, event: Event
) -> bool:
    """Note failures that the current version does not report; True when there are any."""
    if not isinstance(target, dict) or not isinstance(entries := target.get(FAILURES), list):
        return False
    names = _names(event)
    reported = [_identifiers(value, event) for value in current]
    known = {identifier for run in reported for identifier in run}
    if names and not known <= set(names):
        return False  # the whole batch fails today, for want of an identifier or by a wrong one
    allowed = known | _follow(event, names, reported)
    before = len(differences)
    item = "record" if event.source in POLLED - {Source.SQS} else "message"
    for index, identifier in enumerate(_identifiers(target, event)):
        if identifier in allowed:
            continue
        kind, says = "batch-item-failure", f"TARGET reports a {item} as failed that CURRENT handles"
        if identifier is None:
            says = "TARGET reports a failure without itemIdentifier, by which the whole batch fails"
        elif names and identifier not in names:
            kind = "unknown-batch-item"
            says = "TARGET reports a failure of what is not in the batch, where CURRENT does not"
        differences.other(
            (FAILURES, index), kind, says, "not reported as failed", short_text(entries[index])
        )
    return len(differences) > before


def _follow(
    event: Event, names: tuple[str, ...], reported: Sequence[Sequence[str | None]]
) -> set[str | None]:
    """Records that are retried anyhow when those fail that the current version reports.

    Of a stream, Lambda retries all from the lowest sequence number that is reported on. Of a FIFO
    queue, a function is to report all messages after the first that failed, to keep their order
    ("Implementing partial batch responses"): those of the same message group.
    """
    failed = {names.index(each) for run in reported for each in run if each in names}
    if not failed:
        return set()
    if event.source in STREAMS:
        return set(names[min(failed) :])
    groups = [_group(record) for record in event.records]
    return {
        name
        for position, name in enumerate(names)
        if groups[position] is not None
        and any(groups[at] == groups[position] and at < position for at in failed)
    }


def _group(record: Object) -> str | None:
    """The message group of a message in a FIFO queue."""
    attributes = record.get("attributes")
    group = attributes.get("MessageGroupId") if isinstance(attributes, dict) else None
    is_fifo = str(record.get("eventSourceARN")).endswith(".fifo")
    return group if is_fifo and isinstance(group, str) else None
