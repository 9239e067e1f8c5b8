"""Lines that events reached, as values: answers of the agent, and their union for one target.

Whoever calls says which source an event is from; nothing is known here of engines, of contracts
or of how the result is shown. Line ranges are ``(first, last)``, both inclusive, counted from 1.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind

FORMAT = 1
"""Of the agent's answer."""

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLines:
    """One file of the function's own code, named as below the task root."""

    name: str
    executable: Ranges
    """Lines that have code: no comments, docstrings, blank lines."""
    reached: Ranges
    """Executable lines that ran."""

    @property
    def missed(self) -> Ranges:
        """Lines that did not run. A range may span lines without code, but none that ran."""
        reached = set(_lines(self.reached))
        found = []
        for ran, lines in groupby(_lines(self.executable), key=reached.__contains__):
            if not ran:
                run = list(lines)
                found.append((run[0], run[-1]))
        return tuple(found)

    @property
    def executable_count(self) -> int:
        """Number of executable lines."""
        return sum(1 for _ in _lines(self.executable))

    @property
    def reached_count(self) -> int:
        """Number of executable lines that ran."""
        return sum(1 for _ in _lines(self.reached))


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageAnswer:
    """The agent's answer to one event: all that its environment reached until then."""

    files: tuple[FileLines, ...]
    """The handler's module first."""
    error: str | None = None
    """Type of what the function raised."""
    complete: bool = True
    """False if the function took the tracer away: more may have been reached."""
    left_out: int = 0
    """Own files that are too large or too many to report, or that Python cannot compile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCoverage:
    """One event's part in the evidence."""

    event: str
    source: str
    """The event source, as ``SQS``; empty if it was not recognised."""
    answer: CoverageAnswer | None = None
    reason: str | None = None
    """Why there is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The evidence that a target's events are: their sources, and the lines that they reached."""

    sources: tuple[tuple[str, int], ...]
    """(source, number of events), as the events came."""
    files: tuple[FileLines, ...] = ()
    """The handler's module first; none where nothing could be measured."""
    unmeasured: tuple[tuple[str, str], ...] = ()
    """(event, why) for each event whose lines are not known."""
    complete: bool = True
    left_out: int = 0

    @property
    def events(self) -> int:
        """Number of events."""
        return sum(number for _, number in self.sources)

    @property
    def executable_count(self) -> int:
        """Executable lines of all files."""
        return sum(file.executable_count for file in self.files)

    @property
    def reached_count(self) -> int:
        """Reached lines of all files."""
        return sum(file.reached_count for file in self.files)

    @property
    def percent(self) -> int | None:
        """Reached lines of a hundred, rounded down; ``None`` if there are no lines."""
        lines = self.executable_count
        return 100 * self.reached_count // lines if lines else None


def answer_of(outcome: Outcome) -> CoverageAnswer | None:
    """The agent's answer in a replay's outcome, ``None`` if the replay gave none."""
    if outcome.kind is not OutcomeKind.RESPONSE or outcome.payload is None:
        return None
    try:
        document = json.loads(outcome.payload)
        if document["lambda_rollback_coverage"] != FORMAT:
            return None
        return CoverageAnswer(
            files=tuple(
                FileLines(
                    name=name,
                    executable=_read(file["executable"]),
                    reached=_read(file["reached"]),
                )
                for name, file in document["files"].items()
            ),
            error=document["error"],
            complete=bool(document["complete"]),
            left_out=int(document["left_out"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def event_coverage(outcome: Outcome, *, event: str, source: str) -> EventCoverage:
    """One event's part in the evidence, from the outcome of its replay for coverage."""
    answer = answer_of(outcome)
    reason = None if answer is not None else outcome.detail or "the coverage agent did not answer"
    return EventCoverage(event=event, source=source, answer=answer, reason=reason)


def merge(events: Iterable[EventCoverage]) -> Coverage:
    """The union of what events reached on one target."""
    events = tuple(events)
    answers = [each.answer for each in events if each.answer is not None]
    files: dict[str, tuple[set[int], set[int]]] = {}
    for answer in answers:
        for file in answer.files:
            executable, reached = files.setdefault(file.name, (set(), set()))
            executable.update(_lines(file.executable))
            reached.update(_lines(file.reached))
    return Coverage(
        sources=tuple(Counter(each.source for each in events).items()),
        files=tuple(
            FileLines(name=name, executable=ranges(executable), reached=ranges(reached))
            for name, (executable, reached) in files.items()
        ),
        unmeasured=tuple((each.event, each.reason or "") for each in events if each.answer is None),
        complete=all(answer.complete for answer in answers),
        left_out=max((answer.left_out for answer in answers), default=0),
    )


def ranges(lines: Iterable[int]) -> Ranges:
    """``{1, 2, 3, 7}`` as ``((1, 3), (7, 7))``."""
    found: list[tuple[int, int]] = []
    for line in sorted(lines):
        if found and line == found[-1][1] + 1:
            found[-1] = (found[-1][0], line)
        else:
            found.append((line, line))
    return tuple(found)


def _lines(of: Ranges) -> Iterator[int]:
    for first, last in of:
        yield from range(first, last + 1)


def _read(value: Any) -> Ranges:
    found = tuple((first, last) for first, last in value)
    if not all(type(line) is int for pair in found for line in pair):
        raise ValueError("not line numbers")
    return found
