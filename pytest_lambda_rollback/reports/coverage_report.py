"""Fixture coverage as plain data for the JSON report, and as lines for the terminal.

An event's part travels, as plain data, with its check's record, so that a distributed run reports
the same. What was reached is evidence for a verdict and never one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pytest_lambda_rollback.model.coverage import (
    Coverage,
    CoverageAnswer,
    EventCoverage,
    FileLines,
    Ranges,
    merge,
)
from pytest_lambda_rollback.model.text import counted

_RANGES_SHOWN = 8
_FILES_SHOWN = 8
_EVENTS_SHOWN = 3

Data = dict[str, Any]


def event_data(event: EventCoverage) -> Data:
    """One event's part as plain data, for the record of its check."""
    answer = event.answer
    return {
        "event": event.event,
        "source": event.source,
        "reason": event.reason,
        "answer": None
        if answer is None
        else {
            "files": [
                {
                    "file": file.name,
                    "executable": _pairs(file.executable),
                    "reached": _pairs(file.reached),
                }
                for file in answer.files
            ],
            "error": answer.error,
            "complete": answer.complete,
            "left_out": answer.left_out,
        },
    }


def merged(parts: Iterable[Data]) -> Coverage:
    """The evidence for one target, from the `event_data` of its events."""
    return merge(
        EventCoverage(
            event=part["event"],
            source=part["source"],
            reason=part["reason"],
            answer=None
            if part["answer"] is None
            else CoverageAnswer(
                files=tuple(
                    FileLines(
                        name=file["file"],
                        executable=_tuples(file["executable"]),
                        reached=_tuples(file["reached"]),
                    )
                    for file in part["answer"]["files"]
                ),
                error=part["answer"]["error"],
                complete=part["answer"]["complete"],
                left_out=part["answer"]["left_out"],
            ),
        )
        for part in parts
    )


def report_data(coverage: Coverage) -> Data:
    """The ``coverage`` object of a target in the JSON report."""
    return {
        "events": coverage.events,
        "sources": [
            {"source": source or None, "events": events} for source, events in coverage.sources
        ],
        "executable_lines": coverage.executable_count,
        "reached_lines": coverage.reached_count,
        "percent": coverage.percent,
        "complete": coverage.complete,
        "files_left_out": coverage.left_out,
        "unmeasured": [{"event": event, "reason": why} for event, why in coverage.unmeasured],
        "files": [
            {
                "file": file.name,
                "executable_lines": file.executable_count,
                "reached_lines": file.reached_count,
                "executable": _pairs(file.executable),
                "reached": _pairs(file.reached),
                "missed": _pairs(file.missed),
            }
            for file in coverage.files
        ],
    }


def coverage_lines(coverage: Coverage, *, of: str) -> list[str]:
    """The evidence for a target that messages call ``of`` ("orders:3 by alias").

    The first line says it all for a function of one file; several files have a line each, those
    with the most missed lines first.
    """
    known = bool(coverage.files)
    line = f"evidence for {of}: {_events(coverage)}; "
    details: list[str] = []
    if not known:
        line += _not_known(coverage)
    elif len(coverage.files) == 1:
        line += f"reached {_reached(coverage, coverage.files[0])}"
    else:
        at_least = "" if coverage.complete else "at least "
        line += (
            f"reached {at_least}{coverage.reached_count} of {coverage.executable_count} lines "
            f"({coverage.percent} %) of {len(coverage.files)} files"
        )
        details = list(_by_file(coverage))
    if known and coverage.unmeasured:
        details.append(_unmeasured(coverage))
    if coverage.left_out:
        details.append(
            f"{counted(coverage.left_out, 'file')} not analysed: too large, too many or "
            "not compilable"
        )
    return [line, *(f"  {detail}" for detail in details)]


def _events(coverage: Coverage) -> str:
    names = [(source or "no known source", number) for source, number in coverage.sources]
    text = counted(coverage.events, "event")
    if not names:
        return text
    if len(names) == 1:
        return f"{text} from {names[0][0]}"
    return f"{text} from " + ", ".join(f"{source} ({number})" for source, number in names)


def _reached(coverage: Coverage, file: FileLines) -> str:
    if not file.missed:
        return f"all {counted(file.executable_count, 'line')} of {file.name}"
    at_least = "" if coverage.complete else "at least "
    return (
        f"{at_least}{file.reached_count} of {counted(file.executable_count, 'line')} of "
        f"{file.name}, not {_spelt(file.missed)}"
    )


def _by_file(coverage: Coverage) -> Iterable[str]:
    incomplete = [file for file in coverage.files if file.missed]
    incomplete.sort(key=lambda file: file.reached_count - file.executable_count)
    for file in incomplete[:_FILES_SHOWN]:
        yield _reached(coverage, file)
    more = len(incomplete) - _FILES_SHOWN
    if more > 0:
        yield f"and {counted(more, 'more file')} with lines that were not reached"


def _not_known(coverage: Coverage) -> str:
    reasons = list(dict.fromkeys(why for _, why in coverage.unmeasured if why))
    text = "the lines they reached are not known"
    return f"{text}: {reasons[0]}" if reasons else text


def _unmeasured(coverage: Coverage) -> str:
    shown = "; ".join(f"{event}: {why}" for event, why in coverage.unmeasured[:_EVENTS_SHOWN])
    more = len(coverage.unmeasured) - _EVENTS_SHOWN
    tail = f"; and {more} more" if more > 0 else ""
    return f"excluding {counted(len(coverage.unmeasured), 'event')} not measured ({shown}{tail})"


def _spelt(ranges: Ranges) -> str:
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in ranges[:_RANGES_SHOWN]]
    more = len(ranges) - _RANGES_SHOWN
    return ", ".join(shown) + (f" and {counted(more, 'more place')}" if more > 0 else "")


def _pairs(ranges: Ranges) -> list[list[int]]:
    return [list(pair) for pair in ranges]


def _tuples(pairs: list[list[int]]) -> Ranges:
    return tuple((first, last) for first, last in pairs)
