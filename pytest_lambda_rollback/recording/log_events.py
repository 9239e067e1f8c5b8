"""The events in a function's log: at most one of each invocation, and only if it is certain.

A function logs many objects. The event is what the recorder wrote, what a known logger logged as
the event, what is beside the word, what has the structure of an event source, or, where nothing
else is known, the first thing of an invocation if it is an object. Memory is bounded.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, cast

from pytest_lambda_rollback.aws_lambda.event_sources.interface import UNKNOWN
from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, EventSources
from pytest_lambda_rollback.model.json_values import Json
from pytest_lambda_rollback.model.recorded import LogLine, RecordedEvent, Skipped
from pytest_lambda_rollback.recording import log_lines
from pytest_lambda_rollback.recording.envelopes import (
    ANOTHER_FUNCTION,
    ONLY_POINTERS,
    Unwrapped,
    iso,
    unwrap,
)
from pytest_lambda_rollback.recording.log_lines import Candidate, Certainty
from pytest_lambda_rollback.recording.recorder_lines import RecorderLines

UNCERTAIN: Final = "a logged object may not be the event"

_STREAM = re.compile(r"\d{4}/\d\d/\d\d/(?P<function>[^\[\]]*)\[(?P<version>[^\]]+)\]")
_MAX_STREAMS: Final = 500
_MAX_HELD_CHARS: Final = 32 * 1_048_576
_MAX_OPEN_LINES: Final = 100_000
_MAX_OPEN_CHARS: Final = 8 * 1_048_576


def belongs(stream: str, function: str) -> bool:
    """False for a stream of another function in a shared log group."""
    match = _STREAM.match(stream)
    return not match or match["function"] in ("", function)


@dataclass(slots=True)
class _Stream:
    """The current invocation of a log stream."""

    request_id: str | None = None
    version: str | None = None
    begun: bool = False
    """True if the beginning of the invocation was seen."""
    logged: bool = False
    """True once the function logged something in it."""
    recorded: bool = False
    """True if the recorder wrote its event."""
    doubtful: bool = False
    """True if an object was logged that may be its event, without a sign of it."""
    best: Candidate | None = None
    time_ms: int = 0
    open: list[str] | None = None
    """The lines of an object that is printed over several."""
    open_chars: int = 0


@dataclass(slots=True)
class _Log:
    function: str
    event_sources: EventSources
    streams: OrderedDict[str, _Stream] = field(default_factory=OrderedDict)
    recorder: RecorderLines = field(init=False)
    held_chars: int = 0

    def __post_init__(self) -> None:
        self.recorder = RecorderLines(function=self.function)

    def read(self, line: LogLine) -> Iterator[RecordedEvent | Skipped]:
        stream = self.streams.setdefault(line.stream, _Stream())
        self.streams.move_to_end(line.stream)
        meaning = log_lines.read_line(line.text)
        if stream.open is not None and not isinstance(meaning, log_lines.Start | log_lines.End):
            joined = _joined(stream, line.text)
            if joined is None:
                return
            meaning = log_lines.read_line(joined)
        stream.open = None
        match meaning:
            case log_lines.Start():
                yield from self._ended(line.stream, stream)
                stream.request_id, stream.version = meaning.request_id, meaning.version
                stream.begun = True
            case log_lines.End():
                yield from self._ended(line.stream, stream)
            case log_lines.RecorderLine():
                request_id = meaning.line.get("request_id")
                if isinstance(request_id, str):
                    yield from self._named(line.stream, stream, request_id)
                self._forget(stream)
                stream.recorded = True
                yield from self.recorder.add(meaning.line, origin=line.stream)
            case log_lines.Opening():
                stream.open, stream.open_chars = [line.text], len(line.text)
            case Candidate() | log_lines.Unusable() | log_lines.Other():
                yield from self._logged(line, stream, meaning)
            case None:
                pass
        while len(self.streams) > _MAX_STREAMS or self.held_chars > _MAX_HELD_CHARS:
            name, oldest = self.streams.popitem(last=False)
            yield from self._ended(name, oldest)

    def _logged(
        self,
        line: LogLine,
        stream: _Stream,
        meaning: Candidate | log_lines.Unusable | log_lines.Other,
    ) -> Iterator[RecordedEvent | Skipped]:
        if meaning.request_id is not None:
            yield from self._named(line.stream, stream, meaning.request_id)
        first = stream.begun and not stream.logged
        stream.logged = True
        if stream.recorded:
            return
        if isinstance(meaning, log_lines.Unusable):
            yield Skipped(reason=meaning.reason)
        elif isinstance(meaning, Candidate):
            meaning = self._weighed(meaning)
            record = None if stream.begun else unwrap(meaning.event)
            if record is not None:
                # The log group is a destination's, by way of EventBridge, and no function's.
                yield self._from_record(record, line)
            elif meaning.certainty is Certainty.GUESS:
                stream.doubtful = stream.begun
                if not stream.begun:
                    yield Skipped(reason=UNCERTAIN)
            elif meaning.certainty is Certainty.IF_FIRST and not first:
                if not stream.begun:
                    yield Skipped(reason=UNCERTAIN)
            elif stream.best is None or meaning.certainty > stream.best.certainty:
                self._forget(stream)
                stream.best, stream.time_ms = meaning, line.time_ms
                self.held_chars += meaning.chars
                if not stream.begun:
                    yield from self._ended(line.stream, stream)

    def _weighed(self, candidate: Candidate) -> Candidate:
        """The candidate, more certain if an event source is known to send such events."""
        if candidate.certainty >= Certainty.LIKELY:
            return candidate
        source = self.event_sources.source_of(cast("Json", candidate.event))
        return candidate if source is UNKNOWN else replace(candidate, certainty=Certainty.LIKELY)

    def _named(
        self, name: str, stream: _Stream, request_id: str
    ) -> Iterator[RecordedEvent | Skipped]:
        """Start another invocation where the request id changes: Lambda's lines can be off."""
        if request_id != stream.request_id:
            yield from self._ended(name, stream)
            stream.request_id, stream.begun = request_id, True

    def _from_record(self, record: Unwrapped, line: LogLine) -> RecordedEvent | Skipped:
        if record.only_pointers:
            return Skipped(reason=ONLY_POINTERS)
        if record.function not in (None, self.function):
            return Skipped(reason=ANOTHER_FUNCTION)
        return RecordedEvent(
            event=record.event,
            source="cloudwatch",
            function=self.function,
            version=record.version,
            time=record.time or iso(line.time_ms),
            origin=line.stream,
        )

    def _ended(self, name: str, stream: _Stream) -> Iterator[RecordedEvent | Skipped]:
        """Forgets the invocation; its event, if it had one."""
        best = stream.best
        if best is None and stream.doubtful and not stream.recorded:
            yield Skipped(reason=UNCERTAIN)
        if best is not None:
            yield RecordedEvent(
                event=best.event,
                source="cloudwatch",
                function=self.function,
                version=stream.version or _version(name),
                time=iso(stream.time_ms),
                origin=name,
                guessed=best.certainty is Certainty.IF_FIRST,
            )
        self._forget(stream)
        stream.request_id = stream.version = None
        stream.begun = stream.logged = stream.recorded = stream.doubtful = False
        stream.open = None

    def _forget(self, stream: _Stream) -> None:
        if stream.best is not None:
            self.held_chars -= stream.best.chars
            stream.best = None

    def rest(self) -> Iterator[RecordedEvent | Skipped]:
        for name, stream in self.streams.items():
            yield from self._ended(name, stream)
        yield from self.recorder.rest()


def events(
    lines: Iterable[LogLine], *, function: str, event_sources: EventSources = BUILT_IN
) -> Iterator[RecordedEvent | Skipped]:
    """The events in lines that come in order of time within each log stream."""
    log = _Log(function=function, event_sources=event_sources)
    for line in lines:
        if belongs(line.stream, function):
            yield from log.read(line)
    yield from log.rest()


def _joined(stream: _Stream, text: str) -> str | None:
    """The whole object once the line that closes it is there; ``None`` while it is open."""
    lines = stream.open or []
    lines.append(text)
    stream.open_chars += len(text)
    closed = text.rstrip() == "}"
    if closed or len(lines) > _MAX_OPEN_LINES or stream.open_chars > _MAX_OPEN_CHARS:
        return "\n".join(lines) if closed else text
    return None


def _version(stream: str) -> str | None:
    """The function version in the name of a log stream, ``2026/11/23/[4]0f1e…``."""
    match = _STREAM.match(stream)
    return match["version"] if match else None
