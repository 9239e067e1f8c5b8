"""The nodes of pytest's tree: configuration files, what groups checks in ids, and the checks.

They know pytest and values. What a run does and remembers is the plugin's, which `ActiveRun`
describes and `items` implements.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pytest

from pytest_lambda_rollback.config.files import CommandLine
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


class CheckFailedError(Exception):
    """A check that is not safe; carries the finished text, and the answer in one line."""

    def __init__(self, text: str, short: str) -> None:
        super().__init__(text)
        self.text = text
        self.short = short


class FailureText:
    """What pytest prints for a failed check: the text alone, no Python traceback."""

    def __init__(self, text: str, short: str) -> None:
        self.text = text
        self.reprcrash = SimpleNamespace(message=short, path="", lineno=0)

    def __str__(self) -> str:
        return self.text

    def toterminal(self, writer: Any) -> None:
        """Write the text with its first line, the answer, marked."""
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.settings = settings
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
        raise CheckFailedError(text, terminal.short(result))

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ARG002 (pytest's signature)
    ) -> Any:
        """Return our own text for our own failures, a traceback for anything else."""
        if isinstance(excinfo.value, CheckFailedError):
            return FailureText(excinfo.value.text, excinfo.value.short)
        return _traceback(excinfo)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where pytest says the item is; the title names the file where there are several."""
        title = f"{self.check.function}::{self.check.group}::{self.check.name}"
        if active_plugin(self.config).has_several_files:
            title = f"{self.nodeid.partition('::')[0]}::{title}"
        return self.path, None, title


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
            )


class ConfigFile(pytest.File):
    """A ``lambda-rollback.toml``, or a pyproject.toml with our table."""

    settings: Settings

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
