"""One recording from its origins to fixture files, in this order: read, redact, cluster, write.

An event is redacted in memory as soon as it is read, so that no original is clustered or written.
The options of the command line are not known here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, EventSources
from pytest_lambda_rollback.aws_lambda.limits import EVENT_BYTES
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.recorded import RecordedEvent, Shape, Skipped
from pytest_lambda_rollback.model.text import counted
from pytest_lambda_rollback.recording.clusters import cluster
from pytest_lambda_rollback.recording.envelopes import ANOTHER_FUNCTION, renew_digests
from pytest_lambda_rollback.recording.fixture_files import FixtureFolder
from pytest_lambda_rollback.recording.origins.interface import (
    Budget,
    Clients,
    Origin,
    OriginAccess,
    Progress,
    Reading,
)
from pytest_lambda_rollback.recording.origins.registry import read
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.sources import downstream_files, json_texts

NOT_REDACTABLE: Final = "an event could not be redacted"
TOO_LARGE: Final = "an event is larger than Lambda accepts"
NO_ENTRIES: Final = "they are not in the form of recorded answers"
NO_FIXTURE: Final = "an event is not a valid fixture"

_REASONS_SHOWN: Final = 5
_VERSION: Final = re.compile(r"\$LATEST|[0-9]{1,20}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.,]{0,20}(?:Z|[+-]\d\d:?\d\d)?", re.A)
_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9 _-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """The function, the origins and the limits of a recording."""

    function: str
    """The function's name in AWS, which fixtures record."""
    into: Path
    """The folder of fixtures; created if it does not exist."""
    origins: tuple[Origin, ...]
    per_shape: int = 1
    """Fixtures for each shape."""
    max_events: int = 1000
    """Most events to read from each origin."""
    max_s: float = 300.0
    """Most seconds to spend on each origin."""
    remove_stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeReport:
    """One shape of events and its fixtures."""

    shape: str
    """Its name in words."""
    fixtures: tuple[str, ...]
    """Names of files below the folder."""
    seen: int
    """The number of events of this recording that had it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReport:
    """The result of a recording."""

    function: str
    into: Path
    read: tuple[tuple[str, int], ...]
    """(origin, events) in the order of reading."""
    existing: int = 0
    """The number of fixtures that existed before."""
    new: tuple[ShapeReport, ...] = ()
    """Shapes that had no fixture; their files were written."""
    known: tuple[ShapeReport, ...] = ()
    """Shapes that had fixtures before and were seen again."""
    added: tuple[str, ...] = ()
    """Files that were written for known shapes with fewer fixtures than asked for."""
    stale: tuple[str, ...] = ()
    """Fixtures whose shape was not seen; they are still there."""
    removed: tuple[str, ...] = ()
    skipped: tuple[tuple[str, int], ...] = ()
    """(reason, how often), the most frequent first."""
    replaced: tuple[tuple[str, int], ...] = ()
    """(detector, places) of values that redaction replaced, the most frequent first."""
    failed: tuple[str, ...] = ()
    """One message for each origin that could not be read, if others could."""
    notes: tuple[str, ...] = ()

    @property
    def events(self) -> int:
        """The number of events that were read."""
        return sum(number for _, number in self.read)

    @property
    def written(self) -> tuple[str, ...]:
        """All files that were written, sorted."""
        return tuple(sorted((*self.added, *(name for each in self.new for name in each.fixtures))))


def record_function(
    options: RecordOptions,
    *,
    clients: Clients,
    redactor: Redactor,
    progress: Progress = lambda _: None,
    event_sources: EventSources = BUILT_IN,
) -> RecordReport:
    """Record one function's events.

    Raises ConfigError for contradictory options and unusable folders, and
    SourceError where none of the origins could be read; nothing is written then.
    """
    _check(options)
    folder = FixtureFolder.open(options.into)
    recording = _Recording(
        options=options,
        clients=clients,
        redactor=redactor,
        progress=progress,
        event_sources=event_sources,
    )
    existing = (
        RecordedEvent(
            event=each.event, source="fixture", function=options.function, fixture=each.name
        )
        for each in folder.existing
    )
    selection = cluster(
        _chained(existing, recording.events()),
        per_shape=options.per_shape,
        sources=event_sources,
    )
    return recording.written(folder, selection.shapes)


def _check(options: RecordOptions) -> None:
    if not options.origins:
        raise ConfigError(
            f"no origin to record events of {options.function} from",
            do="Name a log group, queue, S3 prefix or folder",
        )
    if options.per_shape < 1 or options.max_events < 1 or options.max_s <= 0:
        raise ConfigError(
            "a recording must allow at least one event",
            do="Give numbers above zero",
        )


def _well_formed(text: str | None, form: re.Pattern[str]) -> str | None:
    """The text about an invocation, if it has that form.

    It is not redacted, and any code of the function can write such a line, with a secret or a page
    of text in place of a time.
    """
    return text if text is not None and form.fullmatch(text) else None


def _too_large(event: object) -> bool:
    return len(json_texts.text_of(event, indent=0).encode("utf-8")) > EVENT_BYTES


def _chained(*parts: Iterable[RecordedEvent]) -> Iterator[RecordedEvent]:
    for part in parts:
        yield from part


class _Recording:
    """The state of one recording: what was read, skipped and left unread."""

    def __init__(
        self,
        *,
        options: RecordOptions,
        clients: Clients,
        redactor: Redactor,
        progress: Progress,
        event_sources: EventSources,
    ) -> None:
        self._event_sources = event_sources
        self._options = options
        self._clients = clients
        self._redactor = redactor
        self._progress = progress
        self._read: list[tuple[str, int]] = []
        self._skipped: Counter[str] = Counter()
        self._replaced: Counter[str] = Counter()
        self._failed: list[SourceError] = []
        self._notes: list[str] = []
        self._complete = True
        self._no_downstream: Counter[str] = Counter()
        """Why events have no answers of services although the recorder keeps them."""
        self._unknown = 0
        """The number of skipped items that may be events of this function."""

    def events(self) -> Iterator[RecordedEvent]:
        """The redacted events of all origins."""
        for origin in self._options.origins:
            budget = Budget(events=self._options.max_events, seconds=self._options.max_s)
            number = guessed = 0
            try:
                for event in self._redacted(
                    read(
                        origin,
                        OriginAccess(
                            function=self._options.function,
                            clients=self._clients,
                            budget=budget,
                            progress=self._progress,
                            event_sources=self._event_sources,
                        ),
                    )
                ):
                    number += 1
                    guessed += event.guessed
                    yield event
            except SourceError as error:
                self._failed.append(error)
                self._complete = False
            else:
                self._progress(f"{counted(number, 'event')} from {origin}")
            self._read.append((str(origin), number))
            if guessed:
                self._notes.append(
                    f"{guessed:,} of {number:,} events from {origin} are guesses: the first object "
                    "that an invocation logged. Check their fixtures"
                )
            if budget.cut:
                self._complete = False
                self._notes.append(f"{origin} may have more events than were read")
        if self._failed and len(self._failed) == len(self._options.origins):
            raise self._failed[0]

    def _redacted(self, readings: Iterable[Reading]) -> Iterator[RecordedEvent]:
        for reading in readings:
            if isinstance(reading, Skipped):
                self._skip(reading.reason)
                continue
            if _too_large(reading.event):
                self._skip(TOO_LARGE)
                continue
            try:
                event, client_context, identity, downstream = self._redact(reading)
                redacted = replace(
                    reading,
                    event=renew_digests(event),
                    client_context=client_context,
                    identity=identity,
                    downstream=self._valid(downstream, reading.no_downstream),
                    version=_well_formed(reading.version, _VERSION),
                    time=_well_formed(reading.time, _TIME),
                    source=_well_formed(reading.source, _SOURCE) or "unknown",
                    origin="",
                )
            except SourceError:
                self._skip(NOT_REDACTABLE)
                continue
            yield redacted

    def _skip(self, reason: str) -> None:
        """Count a skipped item: it may be an event of a shape that was not seen otherwise."""
        self._skipped[reason] += 1
        self._unknown += reason != ANOTHER_FUNCTION

    def _redact(self, reading: RecordedEvent) -> tuple[object, ...]:
        """Event, client context, identity and downstream."""
        parts = (reading.event, reading.client_context, reading.identity)
        if reading.downstream is None:
            made = [self._redacted_alone(each) for each in parts]
            return (*made, None)
        redacted, found = self._redactor.redact_together(
            [*(((), each) for each in parts), (("downstream",), reading.downstream)]
        )
        self._replaced.update(each.detector for each in found)
        return redacted

    def _redacted_alone(self, value: object | None) -> object | None:
        if value is None:
            return None
        redacted, found = self._redactor.redact(value)
        self._replaced.update(each.detector for each in found)
        return redacted

    def _valid(self, downstream: object, missing: str) -> object | None:
        """The entries as a fixture has them; ``None`` without any, and for what are none."""
        if missing:
            self._no_downstream[missing] += 1
        if downstream is None:
            return None
        try:
            return downstream_files.entries(downstream_files.read(downstream, "a recording"))
        except ConfigError:
            self._no_downstream[NO_ENTRIES] += 1
            return None

    def written(self, folder: FixtureFolder, shapes: tuple[Shape, ...]) -> RecordReport:
        """Write new fixtures, find stale ones, and report."""
        new: list[ShapeReport] = []
        known: list[ShapeReport] = []
        added: list[str] = []
        stale: list[str] = []
        for shape in sorted(shapes, key=lambda each: (each.name, each.key)):
            if not shape.seen:
                stale += shape.fixtures
                continue
            room = self._options.per_shape - len(shape.fixtures)
            names = tuple(self._add(folder, shape, max(0, room)))
            fixtures = (*shape.fixtures, *names)
            report = ShapeReport(shape=shape.name, fixtures=fixtures, seen=shape.seen)
            if shape.fixtures:
                known.append(report)
                added += names
            else:
                new.append(report)
        stale, removed = self._stale(folder, sorted(stale))
        self._notes += [f"{name} is not JSON and was ignored" for name in folder.unreadable]
        self._notes += [
            f"answers of services are missing for {counted(number, 'event')}: {reason}"
            for reason, number in self._no_downstream.most_common(_REASONS_SHOWN)
        ]
        return RecordReport(
            function=self._options.function,
            into=self._options.into,
            read=tuple(self._read),
            existing=len(folder.existing),
            new=tuple(new),
            known=tuple(known),
            added=tuple(added),
            stale=tuple(stale),
            removed=tuple(removed),
            skipped=tuple(self._skipped.most_common()),
            replaced=tuple(self._replaced.most_common()),
            failed=tuple(str(error) for error in self._failed),
            notes=tuple(self._notes),
        )

    def _add(self, folder: FixtureFolder, shape: Shape, room: int) -> Iterator[str]:
        for event in shape.events[:room]:
            try:
                yield folder.add(event, name=shape.name)
            except ConfigError as error:
                if isinstance(error.__cause__, OSError):
                    raise
                self._skipped[NO_FIXTURE] += 1

    def _stale(self, folder: FixtureFolder, stale: list[str]) -> tuple[list[str], list[str]]:
        """(still there, removed) of the fixtures whose shape was not seen."""
        if not any(number for _, number in self._read):
            if stale:
                self._notes.append("no events were read, so no fixture counts as stale")
            return [], []
        if not self._options.remove_stale:
            return stale, []
        if not self._complete:
            if stale:
                self._notes.append("nothing was removed because not all events were read")
            return stale, []
        if self._unknown:
            if stale:
                items = "item" if self._unknown == 1 else "items"
                self._notes.append(
                    f"nothing was removed because {self._unknown:,} skipped {items} may have been "
                    "events of these shapes"
                )
            return stale, []
        removed = [name for name in stale if folder.remove(name)]
        return [name for name in stale if name not in removed], removed
