"""The nodes of pytest's tree: configuration files, what groups checks in ids, and the checks.

They know pytest and values. What a run does and remembers is the plugin's, which `ActiveRun`
describes and `items` implements.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pytest

from pytest_lambda_rollback.config.files import CommandLine
from pytest_lambda_rollback.config.table_lines import TableLines
from pytest_lambda_rollback.model.findings import Check, CheckResult, Verdict
from pytest_lambda_rollback.model.settings import Settings, Strategy
from pytest_lambda_rollback.model.text import printable
from pytest_lambda_rollback.model.versions import TargetRef
from pytest_lambda_rollback.reports import json_report, sentences, terminal
from pytest_lambda_rollback.session.plan import checks_of

if TYPE_CHECKING:
    from typing import Self

ACTIVE = "lambda-rollback-active"
"""Name of the plugin object that is registered while the plugin is switched on."""


@runtime_checkable
class ActiveRun(Protocol):
    """What nodes ask the plugin of their run."""

    @property
    def command_line(self) -> CommandLine:
        """What the options said."""
        ...

    @property
    def has_several_files(self) -> bool:
        """True where a function's name may not tell which configuration file it is of."""
        ...

    def note_collected(self, path: Path) -> None:
        """Remember a configuration file that is part of this run."""
        ...

    def settings_of(self, path: Path) -> Settings | None:
        """Load a configuration once; ``None`` where it is wrong, and the error is kept."""
        ...

    def first_like(self, result: CheckResult, nodeid: str) -> str | None:
        """The id of the check that failed for the same reason before; ``None`` for the first."""
        ...

    def run(self, item: RollbackCheck) -> CheckResult:
        """Make the item's check; the session starts with the first one."""
        ...


def active_plugin(config: pytest.Config) -> ActiveRun:
    """Return the plugin object of this run."""
    plugin = config.pluginmanager.getplugin(ACTIVE)
    if not isinstance(plugin, ActiveRun):
        raise pytest.UsageError("--lambda-rollback is not switched on")
    return plugin


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """A failure in one line, and the line of a file that it is about, as pytest wants both."""

    path: str
    lineno: int
    """Counts from 1."""
    message: str
    """For a line that begins with the id."""
    headline: str
    """For a line that begins with the path."""

    def __str__(self) -> str:
        return f"{self.path}:{self.lineno}: {self.headline}"


class CheckFailedError(AssertionError):
    """A check that is not safe; carries the finished text, and the answer in one line."""

    def __init__(self, text: str, crash: Crash) -> None:
        super().__init__(text)
        self.text = text
        self.crash = crash


class FailureText:
    """What pytest prints for a failed check: the text alone, no Python traceback.

    With ``--tb=line`` pytest prints `reprcrash` itself, and nothing else is wanted.
    """

    def __init__(self, text: str, crash: Crash, *, style: str) -> None:
        self.text = text
        self.reprcrash = crash
        self._style = style

    def __str__(self) -> str:
        return self.text

    def toterminal(self, writer: Any) -> None:
        """Write the text with its first line, the answer, marked."""
        if self._style == "line":
            return
        first, _, rest = self.text.partition("\n")
        writer.line(first, red=True, bold=True)
        if rest:
            writer.line(rest)


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
        result = active_plugin(self.config).run(self)
        if result.verdict is Verdict.SAFE and result.stale_accept is None:
            return
        if result.verdict is Verdict.ACCEPTED:
            broken = sentences.of_finding(result.findings[0])
            pytest.xfail(printable(f"{result.reason}: {broken}"))
        if result.verdict is Verdict.UNKNOWN and self.settings.unknown == "skip":
            pytest.skip(printable(terminal.headline(result)))
        like = active_plugin(self.config).first_like(result, self.nodeid)
        text = terminal.failure(result, repeat=_repeat_command(self), like=like)
        path, line = self._subject(result)
        crash = Crash(
            path=str(path),
            lineno=line,
            message=terminal.short(result),
            headline=text.partition("\n")[0],
        )
        raise CheckFailedError(text, crash)

    def _subject(self, result: CheckResult) -> tuple[Path, int]:
        """The line of a file that a failure is about: an event, an acceptance, a version."""
        check = self.check
        if result.stale_accept is not None and check.accept is not None:
            accept = check.accept
            return self.path, self.lines.of_acceptance(check.function, accept.target, accept.check)
        if result.verdict is Verdict.BREAKS and check.event is not None:
            return check.event, 1
        if check.target is None:
            return self.path, self.lines.of_function(check.function)
        declared = self.lines.of_version(check.target.function, check.target.version)
        return self.path, declared or self.lines.of_function(check.function)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ARG002 (pytest's signature)
    ) -> Any:
        """Return our own text for our own failures, a traceback for anything else."""
        if isinstance(excinfo.value, CheckFailedError):
            error = excinfo.value
            return FailureText(error.text, error.crash, style=self.config.getoption("tbstyle"))
        return _traceback(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """The function's table; the title names the file where there are several."""
        title = f"{self.check.function}::{self.check.group}::{self.check.name}"
        if active_plugin(self.config).has_several_files:
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
        """Return a traceback for what nobody expected."""
        return _traceback(excinfo)

    def collect(self) -> Iterator[pytest.Collector]:
        """Yield one collector for each function; a wrong configuration is kept for later."""
        active = active_plugin(self.config)
        active.note_collected(self.path)
        settings = active.settings_of(self.path)
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


def _traceback(excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
    """A traceback without variables, whatever ``--showlocals`` says.

    They hold presigned URLs and values of environment variables.
    """
    return excinfo.getrepr(showlocals=False, style="long", funcargs=False)


def _repeat_command(item: RollbackCheck) -> str:
    """Return the shell command that makes this one check again, from where pytest was called."""
    path = os.path.relpath(item.path, item.config.invocation_params.dir)
    _, *names = item.nodeid.split("::")
    if item.check.reason is not None:
        # Once it is mended its place is taken by other checks: name what holds all of them.
        names = names[: 1 if item.check.target is None else 2]
    line = active_plugin(item.config).command_line
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
