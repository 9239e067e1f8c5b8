"""What an error itself says of its origin: frames, modules that its message names. Pure.

Stack traces come as the runtimes format them: Python's with the outermost frame first, and
Node.js's with the innermost first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_lambda_rollback.diagnosis.stacks import own_file
from pytest_lambda_rollback.model.replay import FunctionError

_PYTHON = re.compile(r'File "(?P<file>[^"]+)",? [Ll]ine (?P<line>\d+)')
_NODE = re.compile(r"^\s*at (?:.*\()?(?:file://)?(?P<file>/[^()]*?):(?P<line>\d+)(?::\d+)?\)?\s*$")
_NAMED = tuple(
    re.compile(pattern)
    for pattern in (
        r"No module named '(?P<module>[\w.]+)'",
        r"No module named (?P<module>[\w.]+)",
        r"cannot import name '\w+' from (?:partially initialized module )?'(?P<module>[\w.]+)'",
        r"(?:partially initialized )?module '(?P<module>[\w.]+)' has no attribute '\w+'",
        r"Cannot find (?:module|package) '(?P<module>[@\w][^']*)'",
    )
)
_MISSING = re.compile(
    r"(?:No module named |Cannot find (?:module|package) )'?(?P<module>[@\w./-]+)"
)
_NAME_QUOTED = re.compile(r"'([A-Za-z_][\w.]*)'")
_PATH = re.compile(r"/(?:opt|var/task)/[\w./@+-]+\w")
_ENVIRON = re.compile(r"(?:^<frozen os>|/os\.py)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame of a stack trace."""

    file: str
    line: int
    source: str = ""
    """The line of code, where the runtime shows it."""

    @property
    def own(self) -> str | None:
        """``app.py`` where it is in the function's own code."""
        return own_file(self.file)


def frames(error: FunctionError) -> tuple[Frame, ...]:
    """Every frame, the innermost first."""
    python: list[Frame] = []
    node: list[Frame] = []
    lines = "\n".join(error.stack_trace).splitlines()
    for number, line in enumerate(lines):
        if (match := _PYTHON.search(line)) is not None:
            after = lines[number + 1].strip() if number + 1 < len(lines) else ""
            source = "" if _PYTHON.search(after) else after
            python.append(Frame(file=match["file"], line=int(match["line"]), source=source))
        elif (match := _NODE.match(line)) is not None:
            node.append(Frame(file=match["file"], line=int(match["line"])))
    return (*reversed(python), *node)


def own_location(error: FunctionError | None) -> str | None:
    """``app.py:41``, the innermost frame in the function's own code."""
    own = (f"{frame.own}:{frame.line}" for frame in frames(error) if frame.own) if error else ()
    return next(iter(own), None)


def below_own_code(error: FunctionError) -> tuple[Frame, ...]:
    """What the innermost own frame called, innermost first; every frame where none is own."""
    inner: list[Frame] = []
    for frame in frames(error):
        if frame.own:
            break
        inner.append(frame)
    return tuple(inner)


def own_source(error: FunctionError) -> str:
    """The line of own code that the error came from; empty where it is not shown."""
    return next((frame.source for frame in frames(error) if frame.own), "")


def modules_named(error: FunctionError) -> tuple[str, ...]:
    """Modules that the message says are missing, or lack something."""
    return tuple(dict.fromkeys(_modules(error.message)))


def module_missing(error: FunctionError) -> str | None:
    """The module that is not there at all, by the message."""
    match = _MISSING.search(error.message)
    return match["module"].rstrip(".") if match else None


def files_named(error: FunctionError) -> tuple[str, ...]:
    """Files in code and layers that the message names."""
    return tuple(dict.fromkeys(_PATH.findall(error.message)))


def gist(text: str) -> tuple[str, ...]:
    """Of ``Type: message``, the type and the names in quotes: what stays when values vary."""
    kind, _, message = text.partition(":")
    return kind.strip(), *_NAME_QUOTED.findall(message)


def from_environment(error: FunctionError) -> bool:
    """Whether an environment variable was asked for, and not a key of some mapping."""
    innermost = next(iter(frames(error)), None)
    return innermost is not None and _ENVIRON.search(innermost.file) is not None


def _modules(message: str) -> Iterator[str]:
    for pattern in _NAMED:
        for match in pattern.finditer(message):
            yield match["module"].rstrip(".")
