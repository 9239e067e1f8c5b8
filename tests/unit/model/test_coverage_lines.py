"""Tables of answers, their union, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_lambda_rollback.model.coverage import (
    Coverage,
    CoverageAnswer,
    EventCoverage,
    FileLines,
    Ranges,
    answer_of,
    event_coverage,
    merge,
    ranges,
)
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.reports.coverage_report import (
    coverage_lines,
    event_data,
    merged,
    report_data,
)

REST, SQS = "API Gateway REST", "SQS"


def file(reached: Ranges, executable: Ranges = ((1, 5), (7, 9)), name: str = "app.py") -> FileLines:
    return FileLines(name=name, executable=executable, reached=reached)


def event(*files: FileLines, source: str = SQS, name: str = "one", **answer: Any) -> EventCoverage:
    return EventCoverage(event=name, source=source, answer=CoverageAnswer(files=files, **answer))


def unmeasured(reason: str, *, source: str = SQS, name: str = "one") -> EventCoverage:
    return EventCoverage(event=name, source=source, reason=reason)


def responded(document: Any) -> Outcome:
    return Outcome(kind=OutcomeKind.RESPONSE, payload=json.dumps(document).encode())


ANSWER: dict[str, Any] = {
    "lambda_rollback_coverage": 1,
    "files": {"app.py": {"executable": [[1, 5], [7, 9]], "reached": [[1, 2]]}},
    "error": "KeyError",
    "complete": False,
    "left_out": 2,
}


# --- values ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("executable", "reached", "missed"),
    [
        (((1, 5),), ((1, 5),), ()),
        (((1, 5),), (), ((1, 5),)),
        (((1, 3), (5, 7)), ((1, 1), (7, 7)), ((2, 6),)),
        (((1, 3), (5, 7)), ((2, 2), (6, 6)), ((1, 1), (3, 5), (7, 7))),
        ((), (), ()),
    ],
    ids=["all", "none", "over-blank-lines", "around-what-ran", "no-lines"],
)
def test_missed_ranges_go_on_over_lines_without_code(
    executable: Ranges, reached: Ranges, missed: Ranges
) -> None:
    assert file(reached, executable).missed == missed


def test_ranges_of_lines() -> None:
    assert ranges({7, 3, 1, 2}) == ((1, 3), (7, 7))
    assert ranges(()) == ()


def test_the_answer_of_an_outcome() -> None:
    answer = answer_of(responded(ANSWER))
    assert answer == CoverageAnswer(
        files=(file(((1, 2),)),), error="KeyError", complete=False, left_out=2
    )


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(kind=OutcomeKind.TIMEOUT, detail="timed out after 22 s"),
        Outcome(kind=OutcomeKind.RESPONSE, payload=b"not JSON"),
        responded({"statusCode": 200}),
        responded([1]),
        responded(None),
        responded({**ANSWER, "lambda_rollback_coverage": 2}),
        responded({**ANSWER, "files": [1]}),
        responded({**ANSWER, "files": {"app.py": {"executable": [[1]], "reached": []}}}),
        responded({**ANSWER, "files": {"app.py": {"executable": [["1", 2]], "reached": []}}}),
    ],
)
def test_anything_else_is_no_answer(outcome: Outcome) -> None:
    assert answer_of(outcome) is None
    assert event_coverage(outcome, event="one", source=SQS).reason


def test_the_reason_is_the_outcome_in_words() -> None:
    outcome = Outcome(kind=OutcomeKind.TIMEOUT, detail="timed out after 22 s")
    measured = event_coverage(outcome, event="big", source=SQS)
    assert measured == EventCoverage(event="big", source=SQS, reason="timed out after 22 s")


def test_events_add_up() -> None:
    coverage = merge(
        [
            event(file(((1, 2),)), file(((1, 1),), ((1, 1),), "b.py"), source=REST),
            event(file(((2, 3),), ((1, 9),))),
            event(source=REST, complete=False, left_out=1),
            unmeasured("timed out after 22 s", name="big"),
        ]
    )
    assert coverage == Coverage(
        sources=((REST, 2), (SQS, 2)),
        files=(file(((1, 3),), ((1, 9),)), file(((1, 1),), ((1, 1),), "b.py")),
        unmeasured=(("big", "timed out after 22 s"),),
        complete=False,
        left_out=1,
    )
    assert (coverage.events, coverage.reached_count, coverage.executable_count) == (4, 4, 10)
    assert coverage.percent == 40


def test_percent_is_rounded_down_and_not_made_up() -> None:
    assert merge([event(file(((1, 199),), ((1, 200),)))]).percent == 99
    assert merge([]).percent is None


# --- text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (
            [event(file(((1, 5), (7, 8))), source=REST)] * 3 + [event(file(()))] * 4,
            [
                "evidence for orders:3 by alias: 7 events from API Gateway REST (3), SQS (4); "
                "reached 7 of 8 lines of app.py, not 9"
            ],
        ),
        (
            [event(file(((1, 5), (7, 9))))],
            ["evidence for orders:3 by alias: 1 event from SQS; reached all 8 lines of app.py"],
        ),
        (
            [event(file(((1, 1),)), source="", complete=False)],
            [
                "evidence for orders:3 by alias: 1 event from no known source; reached at least "
                "1 of 8 lines of app.py, not 2-9"
            ],
        ),
        (
            [
                event(
                    file(((1, 5), (7, 9))),
                    file(((1, 7),), ((1, 10),), "a.py"),
                    file((), ((1, 10),), "b.py"),
                    left_out=1,
                ),
                unmeasured("timed out after 22 s", name="big"),
            ],
            [
                "evidence for orders:3 by alias: 2 events from SQS; reached 15 of 28 lines (53 %) "
                "of 3 files",
                "  0 of 10 lines of b.py, not 1-10",
                "  7 of 10 lines of a.py, not 8-10",
                "  excluding 1 event not measured (big: timed out after 22 s)",
                "  1 file not analysed: too large, too many or not compilable",
            ],
        ),
        (
            [unmeasured("lines are measured for Python runtimes only")] * 2,
            [
                "evidence for orders:3 by alias: 2 events from SQS; the lines they reached are "
                "not known: lines are measured for Python runtimes only"
            ],
        ),
        (
            [event(file(tuple((n, n) for n in range(1, 40, 2)), ((1, 40),)))],
            [
                "evidence for orders:3 by alias: 1 event from SQS; reached 20 of 40 lines of "
                "app.py, not 2, 4, 6, 8, 10, 12, 14, 16 and 12 more places"
            ],
        ),
        (
            [
                event(
                    *(file((), ((1, 1),), f"{n}.py") for n in range(10)),
                )
            ],
            [
                "evidence for orders:3 by alias: 1 event from SQS; reached 0 of 10 lines (0 %) "
                "of 10 files",
                *(f"  0 of 1 line of {n}.py, not 1" for n in range(8)),
                "  and 2 more files with lines that were not reached",
            ],
        ),
    ],
    ids=["one-file", "all", "at-least", "files", "not-known", "many-places", "many-files"],
)
def test_the_text(events: list[EventCoverage], text: list[str]) -> None:
    assert coverage_lines(merge(events), of="orders:3 by alias") == text


# --- data -----------------------------------------------------------------------------------

SCHEMA = json.loads((Path(__file__).parent / "coverage.schema.json").read_text())

EVENTS = [
    event(file(((1, 2),)), error="KeyError", source=""),
    event(file(((2, 3),)), complete=False, left_out=3),
    unmeasured("timed out after 22 s", name="big"),
]


def test_parts_that_travelled_as_data_give_the_same() -> None:
    parts = json.loads(json.dumps([event_data(each) for each in EVENTS]))
    assert merged(parts) == merge(EVENTS)


def test_the_data_of_the_report() -> None:
    data = report_data(merge(EVENTS))
    assert data == {
        "events": 3,
        "sources": [{"source": None, "events": 1}, {"source": SQS, "events": 2}],
        "executable_lines": 8,
        "reached_lines": 3,
        "percent": 37,
        "complete": False,
        "files_left_out": 3,
        "unmeasured": [{"event": "big", "reason": "timed out after 22 s"}],
        "files": [
            {
                "file": "app.py",
                "executable_lines": 8,
                "reached_lines": 3,
                "executable": [[1, 5], [7, 9]],
                "reached": [[1, 3]],
                "missed": [[4, 9]],
            }
        ],
    }


@pytest.mark.parametrize("events", [EVENTS, [], EVENTS[2:]], ids=["some", "none", "unmeasured"])
def test_the_data_fits_its_schema(events: list[EventCoverage]) -> None:
    jsonschema.validate(report_data(merge(events)), SCHEMA)
    jsonschema.validate(None, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**report_data(merge(events)), "other": 1}, SCHEMA)
