"""Partial batch responses: which records of a batch Lambda's pollers take for failed.

Lambda reads ``batchItemFailures``. A record that the current version handles and the target
reports as failed is a break, although nothing raised. A record that both report is not, and
neither is one that only the current version reports. An event does not show whether its event
source mapping has partial batch responses enabled; a target that reports a failure has failed
either way, because without them the record would be lost.

Null, ``{}``, and missing or null failures mean success of the whole batch; an entry whose
``itemIdentifier`` is empty, null or misspelt fails the whole batch. Of a stream, Lambda retries
all records from the lowest sequence number that is reported. See "Success and failure
conditions" in
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
    records,
)
from pytest_lambda_rollback.model.json_values import Json, canonical, short_text

FAILURES = "batchItemFailures"


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAnswers:
    """How Lambda reads the answer to a batch of one service's records."""

    is_polled: bool = False
    """True when a poller surely sent the event: it reads nothing but the failures."""
    is_stream: bool = False
    """Records are retried from the first that failed, and may lie in a tumbling window."""
    item: str = "message"
    """A record in messages."""
    identifier: Callable[[Object], Json] | None = None
    """A record's ``itemIdentifier``; ``None`` if the event does not show it."""
    group: Callable[[Object], str | None] | None = None
    """A record's message group, in which order is kept."""
    takes_objects: bool = False
    """An ``itemIdentifier`` may be an object."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Note records that a target reports as failed and the current version does not.

        Where values are compared (``exact``), the failures stay in the values, to be compared
        like any other value. Else only they are compared for an event that a poller surely sent:
        nobody reads the rest, except the ``state`` of a tumbling window.
        """
        runs = [_batch(value) for value in current]
        is_batch = all(run is not None for run in runs) and any(
            isinstance(value, dict) and FAILURES in value for value in current
        )
        noted = self._failures(current, target, differences, event)
        if self.is_polled and not exact:
            return self._read_by_poller(current, target, event, is_batch=is_batch)
        other = _batch(target)
        if not is_batch or other is None:
            return Compared(current=tuple(current), target=target, settled=noted and not is_batch)
        values = [run for run in runs if run is not None]
        if noted or not exact:
            for value in (*values, other):
                value.pop(FAILURES, None)
        return Compared(current=tuple(values), target=other)

    def _read_by_poller(
        self, current: Sequence[Json], target: Json, event: Event, *, is_batch: bool
    ) -> Compared:
        """The parts of the responses whose form matters to Lambda, without what was noted.

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
        has_window = self.is_stream and isinstance(event.value.get("window"), dict)
        if has_window and all(isinstance(value, dict) for value in (*current, target)):
            # "Stateful processing of streams": the state goes into the window's next event.
            states = tuple(map(_state, current))
            return Compared(current=states, target=_state(target))
        return Compared(current=tuple(current), target=target, settled=True)

    def _failures(
        self, current: Sequence[Json], target: Json, differences: Differences, event: Event
    ) -> bool:
        """Note failures that the current version does not report; True when there are any."""
        if not isinstance(target, dict) or not isinstance(entries := target.get(FAILURES), list):
            return False
        names = self._names(event)
        reported = [self._reported(value) for value in current]
        known = {identifier for run in reported for identifier in run}
        if names and not known <= set(names):
            return False  # the whole batch fails today: an identifier is missing or wrong
        allowed = known | self._retried(event, names, reported)
        before = len(differences)
        for index, identifier in enumerate(self._reported(target)):
            if identifier in allowed:
                continue
            kind = "batch-item-failure"
            says = f"TARGET reports a {self.item} as failed that CURRENT handles"
            if identifier is None:
                says = "TARGET reports a failure without itemIdentifier: the whole batch fails"
            elif names and identifier not in names:
                kind = "unknown-batch-item"
                says = "TARGET reports a failure of a record that is not in the batch"
            differences.rule(
                (FAILURES, index), kind, says, "not reported as failed", short_text(entries[index])
            )
        return len(differences) > before

    def _reported(self, value: Json) -> list[str | None]:
        """The identifiers of failed records; ``None`` for an entry that Lambda cannot read."""
        failures = value.get(FAILURES) if isinstance(value, dict) else None
        found: list[str | None] = []
        for entry in failures if isinstance(failures, list) else ():
            identifier = entry.get("itemIdentifier") if isinstance(entry, dict) else None
            if self.takes_objects and isinstance(identifier, dict) and identifier:
                identifier = canonical(identifier)
            found.append(identifier if isinstance(identifier, str) and identifier else None)
        return found

    def _names(self, event: Event) -> tuple[str, ...]:
        """The identifiers of the event's records, in order; empty if they are unknown."""
        if self.identifier is None:
            return ()
        found = [self.identifier(record) for record in records(event.value)]
        names = tuple(name for name in found if isinstance(name, str) and name)
        return names if len(names) == len(found) else ()

    def _retried(
        self, event: Event, names: tuple[str, ...], reported: Sequence[Sequence[str | None]]
    ) -> set[str | None]:
        """Records that Lambda retries with those that the current version reports.

        Of a stream, these are all after the first that failed; of a FIFO queue, those of the
        same message group.
        """
        failed = {names.index(each) for run in reported for each in run if each in names}
        if not failed:
            return set()
        if self.is_stream:
            return set(names[min(failed) :])
        if self.group is None:
            return set()
        groups = [self.group(record) for record in records(event.value)]
        return {
            name
            for position, name in enumerate(names)
            if groups[position] is not None
            and any(groups[at] == groups[position] and at < position for at in failed)
        }


def _state(value: Json) -> Json:
    return {k: v for k, v in value.items() if k == "state"} if isinstance(value, dict) else {}


def _batch(value: Json) -> Object | None:
    """A batch response with its failures as a list; ``None`` for another kind of response."""
    if value is None or value == {}:
        return {FAILURES: []}
    if isinstance(value, dict) and isinstance(value.get(FAILURES, ""), list | None):
        return {**value, FAILURES: value[FAILURES] or []}
    return None
