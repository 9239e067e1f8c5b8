"""The nodes of pytest's tree: configuration files, the levels that group ids, and the checks."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from pytest_lambda_rollback.config.table_lines import TableLines
from pytest_lambda_rollback.model.findings import Check, CheckResult, Verdict
from pytest_lambda_rollback.model.settings import Settings, Strategy
from pytest_lambda_rollback.model.text import printable
from pytest_lambda_rollback.model.versions import TargetRef
from pytest_lambda_rollback.pytest_run.failures import (
    CheckFailedError,
    FailureText,
    crash_of,
    traceback_of,
)
from pytest_lambda_rollback.pytest_run.run_state import run_of
from pytest_lambda_rollback.reports import json_report, sentences, terminal
from pytest_lambda_rollback.session.plan import checks_of

if TYPE_CHECKING:
    from typing import Self


class Checker(Protocol):
    """Makes checks; nodes find it in the stash of pytest's configuration."""

    def check(self, item: RollbackCheck) -> CheckResult:
        """Make the item's check and keep its record on the item."""
        ...

    def first_like(self, result: CheckResult, nodeid: str) -> str | None:
        """The id of the check that failed for the same reason before; ``None`` for the first."""
        ...


CHECKER = pytest.StashKey[Checker]()


class RollbackCheck(pytest.Item):
    """One check of one rollback target."""

    def __init__(
        self,
        *,
        settings: Settings,
        check: Check,
        order: int,
        planned: int,
        targets: tuple[tuple[TargetRef, Strategy], ...],
        lines: TableLines,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
        self.lines = lines
        self.check = check
        self.order = order
        self.planned = planned
        self.targets = targets
        self.record: json_report.Record | None = None
        self.add_marker("lambda_rollback")

    @classmethod
    def make(cls, parent: pytest.Collector, **kwargs: Any) -> Self:
        """Make an item the way pytest wants nodes made."""
        return cls.from_parent(parent, **kwargs)

    def runtest(self) -> None:
        """Make the check and turn its verdict into pytest's outcome."""
        checker = self.config.stash[CHECKER]
        result = checker.check(self)
        if result.verdict is Verdict.SAFE and result.stale_accept is None:
            return
        if result.verdict is Verdict.ACCEPTED:
            broken = sentences.of_finding(result.findings[0])
            pytest.xfail(printable(f"{result.reason}: {broken}"))
        if result.verdict is Verdict.UNKNOWN and self.settings.unknown == "skip":
            pytest.skip(printable(terminal.headline(result)))
        like = checker.first_like(result, self.nodeid)
        text = terminal.failure(result, repeat=_repeat_command(self), like=like)
        raise CheckFailedError(text, crash_of(result, text, file=self.path, lines=self.lines))

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ARG002 (pytest's signature)
    ) -> Any:
        """Our own text for a check that is not safe, a traceback for anything else."""
        if isinstance(excinfo.value, CheckFailedError):
            error = excinfo.value
            return FailureText(error.text, error.crash, style=self.config.getoption("tbstyle"))
        if isinstance(excinfo.value, pytest.fail.Exception) and not excinfo.value.pytrace:
            return str(excinfo.value)
        return traceback_of(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The function's table; the title names the file if there are several."""
        title = f"{self.check.function}::{self.check.group}::{self.check.name}"
        if len(run_of(self.config).files.collected) > 1:
            title = f"{self.nodeid.partition('::')[0]}::{title}"
        return self.path, self.lines.of_function(self.check.function) - 1, title


class LambdaFunction(pytest.Collector):
    """A level of the id that only groups: all checks of a function."""

    def __init__(self, *, members: list[tuple[int, Check]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members = members

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield each target by each strategy."""
        for group in dict.fromkeys(check.group for _, check in self.members):
            members = [(n, check) for n, check in self.members if check.group == group]
            yield RollbackTarget.from_parent(
                self, name=group, members=members, targets=self._targets()
            )

    def _targets(self) -> tuple[tuple[TargetRef, Strategy], ...]:
        """All targets of the function, whatever is selected of them."""
        named = (
            (check.target, check.strategy)
            for _, check in self.members
            if check.target is not None and check.strategy is not None
        )
        return tuple(dict.fromkeys(named))


class RollbackTarget(pytest.Collector):
    """A level of the id that only groups: the checks of a target by one strategy."""

    def __init__(
        self,
        *,
        members: list[tuple[int, Check]],
        targets: tuple[tuple[TargetRef, Strategy], ...],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.members = members
        self.targets = targets

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the checks."""
        file = self.getparent(ConfigFile)
        if file is None:  # pragma: no cover - made below one alone
            return
        for order, check in self.members:
            yield RollbackCheck.make(
                self,
                name=check.name,
                settings=file.settings,
                check=check,
                order=order,
                planned=len(self.members),
                targets=self.targets,
                lines=file.lines,
            )


class ConfigFile(pytest.File):
    """A ``lambda-rollback.toml``, or a pyproject.toml with our table."""

    settings: Settings
    lines: TableLines

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ARG002 (pytest's signature)
    ) -> Any:
        """A traceback for an unexpected error."""
        return traceback_of(excinfo)

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield one collector for each function; mistakes are kept for later."""
        files = run_of(self.config).files
        files.add_collected(self.path)
        settings = files.settings_of(self.path)
        if settings is None:
            return
        self.settings = settings
        self.lines = TableLines.read(self.path)
        checks = list(enumerate(self._as_asked(checks_of(settings))))
        for function in dict.fromkeys(check.function for _, check in checks):
            members = [(n, check) for n, check in checks if check.function == function]
            yield LambdaFunction.from_parent(self, name=function, members=members)

    def _as_asked(self, checks: tuple[Check, ...]) -> Iterator[Check]:
        """All checks, and those that are asked for by id and can't be planned.

        So a job that names ``orders::3-alias::create`` hears why orders is not known, and not that
        there is no such test.
        """
        for check in checks:
            yield check
            if check.group != "versions":
                continue
            for argument in dict.fromkeys(self.config.args):
                file, *names = argument.split("::")
                path = self.config.invocation_params.dir / file
                asked = names[1:] or [check.group]
                if names[:1] != [check.function] or asked[0] == check.group or len(asked) > 2:
                    continue
                if path.resolve() == self.path.resolve():
                    yield replace(check, group=asked[0], name=(*asked, check.name)[1])


def _repeat_command(item: RollbackCheck) -> str:
    """The shell command that makes this one check again, from where pytest was called."""
    path = os.path.relpath(item.path, item.config.invocation_params.dir)
    _, *names = item.nodeid.split("::")
    if item.check.reason is not None:
        # Once it is mended its place is taken by other checks: name what holds all of them.
        names = names[: 1 if item.check.target is None else 2]
    line = run_of(item.config).command_line
    options = ["--lambda-rollback"]
    if line.engine:
        options.append(f"--lambda-rollback-engine={line.engine}")
    if line.offline:
        options.append("--lambda-rollback-offline")
    if line.last:
        options.append(f"--lambda-rollback-last={line.last}")
    options += [f"--lambda-rollback-candidate={each}" for each in line.candidates]
    options += [f"--lambda-rollback-base-image={each}" for each in line.base_images]
    return shlex.join(["pytest", *options, "::".join([path, *names])])
