"""Failures as pytest shows them: our own text, with a file and a line, and no Python traceback."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.config.table_lines import TableLines
from pytest_lambda_rollback.model.findings import CheckResult, Verdict
from pytest_lambda_rollback.reports import terminal


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
    """A failed check as pytest prints it: only the text, no Python traceback.

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


def crash_of(result: CheckResult, text: str, *, file: Path, lines: TableLines) -> Crash:
    """The failure of a check in one line; ``lines`` are those of its configuration ``file``.

    The first line of ``text`` is the answer.
    """
    path, line = _subject(result, file, lines)
    return Crash(
        path=str(path),
        lineno=line,
        message=terminal.short(result),
        headline=text.partition("\n")[0],
    )


def _subject(result: CheckResult, file: Path, lines: TableLines) -> tuple[Path, int]:
    """The line of a file that a failure is about: an event, an acceptance, a version."""
    check = result.check
    if result.stale_accept is not None and check.accept is not None:
        accept = check.accept
        return file, lines.of_acceptance(check.function, accept.target, accept.check)
    if result.verdict is Verdict.BREAKS and check.event is not None:
        return check.event, 1
    if check.target is None:
        return file, lines.of_function(check.function)
    declared = lines.of_version(check.target.function, check.target.version)
    return file, declared or lines.of_function(check.function)


def traceback_of(excinfo: pytest.ExceptionInfo[BaseException]) -> Any:
    """A traceback without variables, whatever ``--showlocals`` says.

    They hold presigned URLs and values of environment variables.
    """
    return excinfo.getrepr(showlocals=False, style="long", funcargs=False)
