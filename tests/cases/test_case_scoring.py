"""Scoring as a table: what a report is worth against what is true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.case_scorer.loader import Case, Expectation, Version
from tools.case_scorer.scoring import Row, rows_of, score

VERSION = Version(code="current", layers=(), vendored=None, files=(), settings=())
PYJWT = {
    "layer": "third-party",
    "distribution": "PyJWT",
    "current_version": "2.8.0",
    "target_version": "1.7.1",
}


def case_of(expectation: Expectation) -> Case:
    return Case(
        name="case", folder=Path(), description="A case.", harmless=False, current=VERSION,
        target=VERSION, layers=(), function=(), events=(), expect=(("redeploy", expectation),),
    )  # fmt: skip


def breaks(cause: dict[str, Any], **more: Any) -> Expectation:
    return Expectation(
        verdict="breaks", contracts=("invocation",), cause=tuple(cause.items()), **more
    )


def check(
    verdict: str,
    *causes: dict[str, Any] | None,
    event: str | None = "e",
    message: str = "it fails",
    contract: str = "invocation",
    replay_pass: str | None = None,
) -> dict[str, Any]:
    return {
        "contract": contract,
        "event": event,
        "verdict": verdict,
        "findings": [
            {"contract": contract, "message": message, "cause": each, "replay_pass": replay_pass}
            for each in causes
        ],
        "reason": "flaky" if verdict == "unknown" else None,
    }


def platform(verdict: str) -> dict[str, Any]:
    causes = (None,) if verdict == "breaks" else ()
    return check(verdict, *causes, event=None, message="AWS refuses it", contract="platform")


def row_of(expectation: Expectation, verdict: str, *checks: dict[str, Any]) -> Row:
    target = {"strategy": "redeploy", "verdict": verdict, "checks": list(checks)}
    (row,) = rows_of(case_of(expectation), {"functions": [{"targets": [target]}]})
    return row


@pytest.mark.parametrize(
    ("cause", "right"),
    [
        (PYJWT, True),
        (PYJWT | {"layer": "third-party 2", "distribution": "pyjwt"}, True),
        (PYJWT | {"layer": "telemetry"}, False),
        (PYJWT | {"distribution": "attrs"}, False),
        (PYJWT | {"target_version": "2.8.0"}, False),
        (PYJWT | {"distribution": None}, False),
        (None, False),
    ],
)
def test_a_cause_is_right_when_all_that_is_expected_is_named(
    cause: dict[str, Any] | None, right: bool
) -> None:
    row = row_of(breaks(PYJWT), "breaks", check("breaks", cause))
    assert not row.missed
    assert row.cause_right is right


def test_blaming_another_package_beside_the_right_one_is_wrong() -> None:
    row = row_of(breaks(PYJWT), "breaks", check("breaks", PYJWT, PYJWT | {"distribution": "idna"}))
    assert row.cause_right is False


@pytest.mark.parametrize(
    ("expected", "cause", "message", "right"),
    [
        ({"event": ["/detail/amount"]}, {"event_path": "/detail/amount"}, "", True),
        ({"event": ["/detail/amount"]}, None, "asks the event for /detail/amount", True),
        ({"event": ["/detail/amount"]}, None, "asks the event for /detail/amounts", False),
        ({"event": ["/Records/1/body/id"]}, {"event_path": "/Records/0/body/id"}, "", True),
        ({"event": ["/detail/amount"]}, PYJWT, "/detail/amount", False),
        ({"runtime": "python3.13"}, None, "Python 3.13 does not have cgi", True),
        ({"runtime": "python3.13"}, {"distribution": "python"}, "python3.13", True),
        ({"runtime": "python3.13"}, None, "Python 3.12 does not have cgi", False),
        ({"code": True}, None, "raises", True),
        ({"code": True}, {"event_path": "/currency"}, "raises", True),
        ({"code": True}, PYJWT, "raises", False),
    ],
)
def test_causes_that_are_no_package(
    expected: dict[str, Any], cause: dict[str, Any] | None, message: str, right: bool
) -> None:
    row = row_of(breaks(expected), "breaks", check("breaks", cause, message=message))
    assert row.cause_right is right


@pytest.mark.parametrize("verdict", ["safe", "unknown", "accepted"])
def test_a_break_that_is_called_anything_else_is_missed(verdict: str) -> None:
    row = row_of(breaks(PYJWT), verdict, check(verdict))
    assert row.missed
    assert row.cause_right is False


def test_every_event_that_is_named_must_break_and_no_other() -> None:
    expectation = breaks(PYJWT, events=("new",))
    other = row_of(
        expectation, "breaks", check("safe", event="new"), check("breaks", PYJWT, event="old")
    )
    assert other.missed
    assert other.false_alarm
    static = row_of(
        expectation,
        "breaks",
        check("breaks", PYJWT, event="new"),
        check("breaks", PYJWT, event=None),
    )
    assert not static.missed
    assert not static.false_alarm


@pytest.mark.parametrize(
    ("verdict", "or_unknown", "alarm"),
    [
        ("safe", "", False),
        ("breaks", "", True),
        ("unknown", "", True),
        ("unknown", "needs an arm64 machine", False),
        ("breaks", "needs an arm64 machine", True),
    ],
)
def test_what_is_safe_and_called_anything_else_is_a_false_alarm(
    verdict: str, or_unknown: str, alarm: bool
) -> None:
    expectation = Expectation(verdict="safe", or_unknown=or_unknown)
    assert row_of(expectation, verdict, check(verdict)).false_alarm is alarm


@pytest.mark.parametrize("verdict", ["breaks", "unknown"])
def test_a_platform_alarm_is_not_hidden_by_a_break(verdict: str) -> None:
    row = row_of(breaks(PYJWT), "breaks", check("breaks", PYJWT), platform(verdict))
    assert not row.missed
    assert row.false_alarm
    assert f"platform is safe and was called {verdict}" in row.remarks


def test_a_platform_alarm_alone_finds_no_break_of_another_contract() -> None:
    row = row_of(breaks({"code": True}), "breaks", check("safe"), platform("breaks"))
    assert row.missed
    assert row.false_alarm


def test_a_platform_check_that_is_safe_or_expected_is_no_alarm() -> None:
    assert not row_of(breaks(PYJWT), "breaks", check("breaks", PYJWT), platform("safe")).false_alarm
    refused = Expectation(verdict="breaks", contracts=("platform",), cause=(("code", True),))
    row = row_of(refused, "breaks", platform("breaks"))
    assert not row.missed
    assert not row.false_alarm


def test_a_platform_alarm_on_a_safe_strategy_is_a_false_alarm() -> None:
    row = row_of(Expectation(verdict="safe"), "breaks", check("safe"), platform("breaks"))
    assert row.false_alarm
    assert row.remarks == ("found: AWS refuses it",)


@pytest.mark.parametrize(
    ("replay_pass", "message", "remark"),
    [
        ("rollback", 'drops note of orders {"id": "A-1"}', None),
        (
            "mixed",
            'drops note of orders {"id": "A-1"}',
            "state: no finding names the pass rollback",
        ),
        ("rollback", "drops note", 'state: no finding names orders {"id": "A-1"}'),
        ("rollback", 'changes orders {"id": "A-1"}', "state: no finding names note"),
    ],
)
def test_a_break_of_state_names_pass_item_and_attribute(
    replay_pass: str, message: str, remark: str | None
) -> None:
    expectation = Expectation(
        verdict="breaks", contracts=("state",), events=(), cause=(("code", True),),
        passes=("rollback",), item='orders {"id": "A-1"}', attribute="note",
    )  # fmt: skip
    state = check(
        "breaks", None, event=None, message=message, contract="state", replay_pass=replay_pass
    )
    row = row_of(expectation, "breaks", check("safe"), state)
    assert not row.missed
    assert not row.false_alarm
    assert row.contract_right is (remark is None)
    assert remark is None or remark in row.remarks
    assert row_of(expectation, "breaks", check("unknown"), state).false_alarm


def test_a_run_without_a_report_finds_nothing_and_says_why() -> None:
    (row,) = rows_of(case_of(breaks(PYJWT)), None, "pytest ended with 4")
    assert row.missed
    assert row.remarks[0] == "pytest ended with 4"
    (safe,) = rows_of(case_of(Expectation(verdict="safe")), None, "pytest ended with 4")
    assert safe.false_alarm


def test_the_score_wants_all_breaks_no_alarm_and_nine_causes_in_ten() -> None:
    good = row_of(breaks(PYJWT), "breaks", check("breaks", PYJWT))
    causeless = row_of(breaks(PYJWT), "breaks", check("breaks", None))
    missed = row_of(breaks(PYJWT), "safe", check("safe"))
    alarm = row_of(Expectation(verdict="safe"), "breaks", check("breaks", None))
    assert score([good] * 9 + [causeless]).passed
    assert score([good] * 9 + [causeless]).causes == 0.9
    assert not score([good] * 8 + [causeless]).passed
    assert not score([good] * 20 + [missed]).passed
    assert not score([good] * 20 + [alarm]).passed
