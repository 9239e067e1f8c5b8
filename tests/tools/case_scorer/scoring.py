"""Scores reports against the truth about cases.

A break that is not found is missed; a safe strategy that is called anything else is a false
alarm, as is a broken check of an event that works, and a platform check that finds what the case
does not expect of AWS: no other finding may hide that. A cause is right when what the case names is
named, and nothing else is blamed beside it. README.md words the rules for people.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.case_scorer.loader import Case, Expectation

CAUSES_WANTED = 0.9
"""Share of right causes that is good enough."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy of one case."""

    case: str
    strategy: str
    expected: str
    got: str
    """The verdict, or ``no report``."""
    contracts: tuple[str, ...]
    """Of all findings."""
    contract_right: bool | None = None
    """``None`` where nothing breaks."""
    cause_right: bool | None = None
    """``None`` where nothing breaks."""
    missed: bool = False
    false_alarm: bool = False
    remarks: tuple[str, ...] = ()
    """Each mistake and what was reported instead, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """All rows together."""

    breaks: int
    found: int
    safe: int
    false_alarms: int
    """Rows with one; a row that breaks as it should may hold one for another event."""
    right_contracts: int
    right_causes: int

    @property
    def recall(self) -> float:
        """Share of the breaks that were found; 1 where there are none."""
        return self.found / self.breaks if self.breaks else 1.0

    @property
    def causes(self) -> float:
        """Share of the breaks whose cause is right; 1 where there are none."""
        return self.right_causes / self.breaks if self.breaks else 1.0

    @property
    def passed(self) -> bool:
        """True if every figure is good enough."""
        return self.recall == 1.0 and not self.false_alarms and self.causes >= CAUSES_WANTED


def rows_of(case: Case, report: Json | None, trouble: str = "") -> tuple[Row, ...]:
    """Compare a JSON report of one case with what is true; ``None`` for a run without one."""
    functions = report["functions"] if report else []
    targets = {
        target["strategy"]: target for function in functions for target in function["targets"]
    }
    return tuple(
        _row(case, strategy, expectation, targets.get(strategy), trouble)
        for strategy, expectation in case.expect
    )


def score(rows: Iterable[Row]) -> Score:
    """Count the rows."""
    found = list(rows)
    breaks = [row for row in found if row.expected == "breaks"]
    return Score(
        breaks=len(breaks),
        found=sum(not row.missed for row in breaks),
        safe=len(found) - len(breaks),
        false_alarms=sum(row.false_alarm for row in found),
        right_contracts=sum(row.contract_right is True for row in breaks),
        right_causes=sum(row.cause_right is True for row in breaks),
    )


def _row(
    case: Case, strategy: str, expected: Expectation, target: Json | None, trouble: str
) -> Row:
    checks = target["checks"] if target else []
    findings = [finding for check in checks for finding in check["findings"]]
    got = target["verdict"] if target else "no report"
    contracts = tuple(sorted({finding["contract"] for finding in findings}))
    remarks = [trouble] if trouble else []
    remarks += [f"unknown: {check['reason']}" for check in checks if check["verdict"] == "unknown"]
    if expected.verdict == "safe":
        false_alarm = got != "safe" and not (got == "unknown" and expected.or_unknown)
        remarks += [f"found: {finding['message']}" for finding in findings]
        return Row(
            case=case.name, strategy=strategy, expected="safe", got=got, contracts=contracts,
            false_alarm=false_alarm, remarks=tuple(remarks) if false_alarm else (),
        )  # fmt: skip
    silent, loud = _events(expected, checks)
    refused = _platform_alarms(expected, checks)
    # What AWS would refuse is no proof that the break itself was found.
    missed = got != "breaks" or bool(silent) or (bool(refused) and set(contracts) == {"platform"})
    contract_right = not missed and set(expected.contracts) <= set(contracts)
    unnamed = _not_named(expected, findings)
    contract_right = contract_right and not unnamed
    cause_right = not missed and _cause_right(dict(expected.cause), findings)
    remarks += [f"event {name} breaks and was not found" for name in silent]
    remarks += [f"event {name} is safe and was not called so" for name in loud]
    remarks += [f"platform is safe and was called {verdict}" for verdict in refused]
    remarks += [f"state: no finding names {each}" for each in unnamed]
    if not set(expected.contracts) <= set(contracts):
        remarks.append(f"contract: expected {', '.join(expected.contracts)}")
    if not cause_right:
        remarks.append(f"cause: expected {json.dumps(dict(expected.cause))}")
    if remarks:
        remarks += [f"found: {_told(finding)}" for finding in findings]
    return Row(
        case=case.name, strategy=strategy, expected="breaks", got=got, contracts=contracts,
        contract_right=contract_right, cause_right=cause_right, missed=missed,
        false_alarm=bool(loud or refused), remarks=tuple(remarks),
    )  # fmt: skip


def _events(expected: Expectation, checks: Iterable[Json]) -> tuple[list[str], list[str]]:
    """Events that break and were not found, and those that do not and were called anything."""
    if expected.events is None:
        return [], []
    verdicts = {check["event"]: check["verdict"] for check in checks if check["event"]}
    silent = [name for name in expected.events if verdicts.get(name) != "breaks"]
    loud = [
        name
        for name, verdict in verdicts.items()
        if name not in expected.events and verdict != "safe"
    ]
    return silent, loud


def _platform_alarms(expected: Expectation, checks: Iterable[Json]) -> list[str]:
    """Verdicts of the platform check that are not safe where nothing of AWS is in the way."""
    if "platform" in expected.contracts:
        return []
    return [
        check["verdict"]
        for check in checks
        if check["contract"] == "platform" and check["verdict"] != "safe"
    ]


def _not_named(expected: Expectation, findings: Iterable[Json]) -> list[str]:
    """Passes, item and attribute of a state check that no finding names."""
    state = [finding for finding in findings if finding["contract"] == "state"]
    passes = {str(finding["replay_pass"]) for finding in state}
    told = [finding["message"] for finding in state]
    return [
        *(f"the pass {each}" for each in expected.passes if each not in passes),
        *(
            each
            for each in (expected.item, expected.attribute)
            if each and not any(each in message for message in told)
        ),
    ]


# --- causes ---------------------------------------------------------------------------------


def _cause_right(expected: Json, findings: list[Json]) -> bool:
    named = [finding["cause"] for finding in findings if _blames(finding["cause"])]
    if "distribution" in expected or "layer" in expected:
        return any(_same(expected, cause) for cause in named) and all(
            _same_thing(expected, cause) for cause in named
        )
    if named:
        return False
    told = "\n".join(
        f"{finding['message']}\n{json.dumps(finding['cause'])}" for finding in findings
    )
    if "event" in expected:
        text = re.sub(r"/[0-9]+(?=/)", "/*", told)
        return any(_mentions(text, _any_index(pointer)) for pointer in expected["event"])
    if "runtime" in expected:
        version = expected["runtime"].removeprefix("python")
        return re.search(rf"\bpython ?{re.escape(version)}\b", told, re.IGNORECASE) is not None
    return True


def _blames(cause: Json | None) -> bool:
    """True if a cause names a layer or a package; Python itself, by whatever key, is neither."""
    if cause is None or str(cause.get("distribution")).lower() == "python":
        return False
    return bool(cause.get("layer") or cause.get("distribution"))


def _same(expected: Json, cause: Json) -> bool:
    """True if a cause has all that is expected of it."""
    return all(
        _canonical(key, cause.get(key)) == _canonical(key, expected[key]) for key in expected
    )


def _same_thing(expected: Json, cause: Json) -> bool:
    """True if a cause is, as far as it goes, about the same distribution in the same layer."""
    return all(
        not cause.get(key) or _canonical(key, cause[key]) == _canonical(key, expected[key])
        for key in ("layer", "distribution")
        if key in expected
    )


def _canonical(key: str, value: object) -> object:
    if key == "distribution" and isinstance(value, str):
        return re.sub(r"[-_.]+", "-", value).lower()
    if key == "layer" and isinstance(value, str):
        return value.partition(" ")[0]  # "third-party 2" names the layer's version as well
    return value


def _any_index(pointer: str) -> str:
    return re.sub(r"/[0-9]+(?=/)", "/*", pointer)


def _mentions(text: str, pointer: str) -> bool:
    return re.search(rf"(?<![\w/]){re.escape(pointer)}(?![\w/])", text) is not None


def _told(finding: Json) -> str:
    cause = finding["cause"]
    return f"{finding['message']} (cause: {json.dumps(cause) if cause else 'none'})"
