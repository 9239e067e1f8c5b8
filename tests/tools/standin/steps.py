"""Runs the programs that make an image, and says what to do where one fails."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path


class BuildError(Exception):
    """The image could not be made; the message is one paragraph that says what to do."""


def run(
    command: list[str],
    say: Callable[[str], None],
    *,
    advice: str,
    directory: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run a command, handing on each line it prints; BuildError with ``advice`` if it fails.

    ``environment`` is added to this process's own variables.
    """
    lines: list[str] = []
    with subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
    ) as process:
        for line in process.stdout or ():
            if line.strip():
                lines.append(line.strip())
                say(line.strip())
    if process.returncode:
        last = " | ".join(lines[-3:]) or "no output"
        raise BuildError(
            f"{Path(command[0]).name} ended with exit code {process.returncode}: {last}. {advice}"
        )
