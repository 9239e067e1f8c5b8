"""Finding the place in a function's own code where an error arose. Pure.

Stack traces come as the runtimes format them: Python's, outermost frame first, and Node.js's,
innermost first. Where a version's code and layers are unpacked depends on the engine: /var/task
and /opt in a container, folders named ``task`` and ``opt`` below another one elsewhere.
"""

from __future__ import annotations

import re

_PYTHON = re.compile(r'File "(?P<file>[^"]+)",? [Ll]ine (?P<line>\d+)')
_NODE = re.compile(r"^\s*at (?:.*\()?(?:file://)?(?P<file>/[^()]*?):(?P<line>\d+)(?::\d+)?\)?\s*$")
_CODE = re.compile(r"^(?:.*/)?task/(?P<name>.+)$")
_LAYER = re.compile(
    r"^(?:.*/)?opt/(?:python/(?:lib/python[\d.]+/site-packages/)?|nodejs/)?(?P<name>.+)$"
)
_INSTALLED = re.compile(r"(?:^|/)(?:site-packages|dist-packages|node_modules)/")


def own_location(stack_trace: tuple[str, ...]) -> str | None:
    """``app.py:41``, the innermost frame in the function's code, or else in its layers.

    Packages that were installed into the code (site-packages, node_modules) are not its own.
    """
    frames = _frames(stack_trace)
    for root in (_CODE, _LAYER):
        for file, line in frames:
            match = root.match(file)
            if match is not None and not _INSTALLED.search(match["name"]):
                return f"{match['name']}:{line}"
    return None


def _frames(stack_trace: tuple[str, ...]) -> list[tuple[str, str]]:
    """(file, line) of every frame, innermost first."""
    python: list[tuple[str, str]] = []
    node: list[tuple[str, str]] = []
    for line in "\n".join(stack_trace).splitlines():
        if (match := _PYTHON.search(line)) is not None:
            python.append((match["file"], match["line"]))
        elif (match := _NODE.match(line)) is not None:
            node.append((match["file"], match["line"]))
    return [*reversed(python), *node]
