"""Stack traces as Lambda's runtimes report them, and the packages that their files lie in.

Python's runtime puts the outermost frame first, Node.js's the innermost. Code and layers are
unpacked in /var/task and /opt; without a container, in folders named ``task`` and ``opt`` below
another one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.search_path import Place

_PYTHON = re.compile(r'File "(?P<file>[^"]+)",? [Ll]ine (?P<line>\d+)')
_NODE = re.compile(r"^\s*at (?:.*\()?(?:file://)?(?P<file>/[^()]*?):(?P<line>\d+)(?::\d+)?\)?\s*$")
_UNPACKED = re.compile(r"(?:/var/task|/opt|/.*?/(?:opt|task))/(?P<name>.+)")
_LAYER_FOLDERS = re.compile(r"^(?:python/(?:lib/python[\d.]+/site-packages/)?|nodejs/)")
_INSTALLED = re.compile(r"(?:^|/)(?:site-packages|dist-packages|node_modules)/")


def place_of(file: str) -> tuple[Place, str] | None:
    """The code or the layers, and the path below /var/task or /opt; ``None`` elsewhere."""
    match = _UNPACKED.fullmatch(file)
    if match is None:
        return None
    is_code = file[: match.start("name")].endswith("/task/")
    return (Place.CODE if is_code else Place.LAYERS), match["name"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame of a stack trace."""

    file: str
    line: int
    source: str = ""
    """The line of code, where the runtime shows it."""

    @property
    def own(self) -> str | None:
        """``app.py`` for the function's own code, without packages installed into it."""
        place = place_of(self.file)
        if place is None or place[0] is not Place.CODE or _INSTALLED.search(place[1]):
            return None
        return place[1]

    @property
    def in_layer(self) -> str | None:
        """``acme/api.py`` for a file of a layer, as it is imported."""
        place = place_of(self.file)
        if place is None or place[0] is not Place.LAYERS:
            return None
        name = _LAYER_FOLDERS.sub("", place[1])
        return None if _INSTALLED.search(name) else name


def frames(trace: Sequence[str]) -> tuple[Frame, ...]:
    """Every frame, the innermost first."""
    python: list[Frame] = []
    node: list[Frame] = []
    lines = "\n".join(trace).splitlines()
    for number, line in enumerate(lines):
        if (match := _PYTHON.search(line)) is not None:
            after = lines[number + 1].strip() if number + 1 < len(lines) else ""
            source = "" if _PYTHON.search(after) else after
            python.append(Frame(file=match["file"], line=int(match["line"]), source=source))
        elif (match := _NODE.match(line)) is not None:
            node.append(Frame(file=match["file"], line=int(match["line"])))
    return (*reversed(python), *node)


def own_location(trace: Sequence[str]) -> str | None:
    """``app.py:41``, the innermost frame in the function's own code."""
    own = (f"{frame.own}:{frame.line}" for frame in frames(trace) if frame.own)
    return next(own, None)


def location(trace: Sequence[str]) -> str | None:
    """``app.py:41``, the innermost frame in the function's own code, or else in its layers."""
    layer = (f"{frame.in_layer}:{frame.line}" for frame in frames(trace) if frame.in_layer)
    return own_location(trace) or next(layer, None)


def below_own_code(trace: Sequence[str]) -> tuple[Frame, ...]:
    """The frames that own code called, innermost first; every frame if none is own."""
    inner: list[Frame] = []
    for frame in frames(trace):
        if frame.own:
            break
        inner.append(frame)
    return tuple(inner)


def own_source(trace: Sequence[str]) -> str:
    """The line of own code that the error came from; empty if it is not shown."""
    return next((frame.source for frame in frames(trace) if frame.own), "")


def without_frames(text: str) -> list[str]:
    """The lines of a trace that are not the head of one of Python's frames: sources, messages."""
    return [line for line in text.splitlines() if not _PYTHON.match(line.lstrip())]
