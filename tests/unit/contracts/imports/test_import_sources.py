"""The imports contract on small sources: each file below ``sources/`` is one case.

A case is the target's ``app.py``. A line that the contract must report ends in ``# expect: KIND``
for a finding and ``# warn: KIND`` for a warning; all other lines must pass. The target was built
on layer ``shared 1`` and would run on ``shared 2``, which has neither ``to_text`` nor
``acme.extra``. Further files follow the first:

- ``# file: code PATH`` begins another file of the target's code,
- ``# file: shared-1 PATH`` or ``shared-2`` a file of that layer, below ``python/``,
- ``# empty: shared-1`` or ``shared-2`` takes the usual files out of that layer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from helpers.made_sources import MONEY_1, MONEY_2, Workbench, in_python
from helpers.subjects import said
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.settings import Strategy

SOURCES = Path(__file__).parent / "sources"
CASES = tuple(
    path.relative_to(SOURCES).with_suffix("").as_posix() for path in sorted(SOURCES.rglob("*.py"))
)
BREAKING = tuple(case for case in CASES if case.startswith("breaks/"))
BINARIES = {".so": b"\x7fELF", ".pyc": b"\0"}

_HEADER = re.compile(r"^# (file|empty): (code|shared-1|shared-2)(?: (\S+))?\n", re.MULTILINE)
_MARK = re.compile(r"  # (expect|warn): (\S+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The files of each part, and what must be reported as (kind, location)."""

    code: dict[str, str | bytes]
    older: dict[str, str | bytes]
    newer: dict[str, str | bytes]
    findings: tuple[tuple[str, str], ...]
    warnings: tuple[tuple[str, str], ...]


def read(name: str) -> Case:
    """Read a case; raises where a part is not of the format above."""
    app, *rest = _HEADER.split((SOURCES / f"{name}.py").read_text(encoding="utf-8"))
    parts: dict[str, dict[str, str | bytes]] = {
        "code": {"app.py": app},
        "shared-1": dict(MONEY_1),
        "shared-2": dict(MONEY_2),
    }
    for action, part, path, content in zip(*(rest[at::4] for at in range(4)), strict=True):
        if action == "empty":
            parts[part].clear()
        else:
            parts[part][path] = BINARIES.get(Path(path).suffix, content)
    marks = [
        (mark[1], (mark[2], f"{path}:{number}"))
        for path, content in parts["code"].items()
        for number, line in enumerate(str(content).splitlines(), start=1)
        if (mark := _MARK.search(line))
    ]
    return Case(
        code=parts["code"],
        older=parts["shared-1"],
        newer=parts["shared-2"],
        findings=tuple(where for word, where in marks if word == "expect"),
        warnings=tuple(where for word, where in marks if word == "warn"),
    )


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def reported(judgement: Judgement) -> tuple[list[object], list[object]]:
    """Kind and location of the findings, and of the warnings."""
    return (
        [(each.kind, each.location) for each in judgement.findings],
        [(each.kind, each.location) for each in judgement.warnings],
    )


@pytest.mark.parametrize("name", CASES)
def test_a_redeploy_reports_the_marked_lines_alone(workbench: Workbench, name: str) -> None:
    case = read(name)

    judgement = workbench.rollback(case.code, case.older, case.newer)

    assert reported(judgement) == (list(case.findings), list(case.warnings))
    for warning in judgement.warnings:
        assert said(warning).endswith("it uses its fallback")


@pytest.mark.parametrize("name", CASES)
def test_on_its_own_layers_nothing_is_found(workbench: Workbench, name: str) -> None:
    case = read(name)

    judgement = workbench.rollback(case.code, case.older, case.newer, strategy=Strategy.ALIAS)

    assert [said(finding) for finding in judgement.findings] == []
    if case.findings:
        assert judgement.warnings == ()


@pytest.mark.parametrize("name", BREAKING)
def test_the_same_layers_on_both_sides_break_nothing(workbench: Workbench, name: str) -> None:
    case = read(name)

    assert reported(workbench.rollback(case.code, case.older, case.older)) == ([], [])
    # An import that fails in the current version as well is no reason against a rollback.
    layer = {"shared 2": in_python(case.newer)}
    target, current = (workbench.version(number, case.code, layer) for number in "24")
    judgement = workbench.judge(target, current, Strategy.REDEPLOY)
    assert reported(judgement) == ([], [])


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_marked_as_its_folder_says(name: str) -> None:
    case = read(name)

    folder = name.partition("/")[0]
    if folder == "breaks":
        assert len(case.findings) == 1
    else:
        assert (len(case.findings), len(case.warnings)) == {"optional": (0, 1), "harmless": (0, 0)}[
            folder
        ]
