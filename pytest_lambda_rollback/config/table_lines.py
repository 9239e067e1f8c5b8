"""Line numbers of tables in a configuration file, for messages that point into the file.

The parser gives no positions, so headers are read again, one line at a time. Never raises: what
cannot be located is on line 1.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Keys = tuple[str, ...]
_PYPROJECT_PREFIX = ("tool", "lambda-rollback")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLines:
    """First lines of the tables of one configuration file; lines count from 1."""

    headers: tuple[tuple[Keys, int], ...] = ()
    """The keys and the line of each table header, in the order of the file."""
    accepted: tuple[tuple[str, str, str], ...] = ()
    """Function, target and check of each acceptance, in the order of the file."""

    @classmethod
    def read(cls, path: Path) -> TableLines:
        """Read the headers of one file."""
        try:
            text = path.read_text(encoding="utf-8")
            document = tomllib.loads(text)
        except (OSError, ValueError, RecursionError):
            return cls()
        prefix = _PYPROJECT_PREFIX if path.name == "pyproject.toml" else ()
        for key in prefix:
            document = document.get(key, {})
        headers = (
            (keys[len(prefix) :], number)
            for number, line in enumerate(text.splitlines(), start=1)
            if (keys := _keys(line))[: len(prefix)] == prefix and len(keys) > len(prefix)
        )
        return cls(headers=tuple(headers), accepted=tuple(_accepted(document)))

    def of_function(self, name: str) -> int:
        """The function's table, or the first table below it."""
        return self._first(("functions", name)) or 1

    def of_version(self, function: str, version: str) -> int | None:
        """The table of a version; ``None`` if the file does not declare it in one."""
        return self._first(("functions", function, "versions", version))

    def of_acceptance(self, function: str, target: str, check: str) -> int:
        """The table of an acceptance; the function's if it is written in another way."""
        lines = [n for keys, n in self.headers if keys == ("functions", function, "accept")]
        declared = [(t, c) for of, t, c in self.accepted if of == function]
        if len(lines) == len(declared) and (target, check) in declared:
            return lines[declared.index((target, check))]
        return self.of_function(function)

    def _first(self, wanted: Keys) -> int | None:
        """The table of these keys, else the first one that holds a part of it."""
        exact = (number for keys, number in self.headers if keys == wanted)
        below = (number for keys, number in self.headers if keys[: len(wanted)] == wanted)
        return next(exact, None) or next(below, None)


def _keys(line: str) -> Keys:
    """The keys of a table header; empty for any other line."""
    if not line.lstrip().startswith("["):
        return ()
    try:
        value: Any = tomllib.loads(line)
    except (ValueError, RecursionError):
        return ()
    keys = []
    while value:
        if isinstance(value, list):
            (value,) = value
            continue
        ((key, value),) = value.items()
        keys.append(key)
    return tuple(keys)


def _accepted(document: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    functions = document.get("functions")
    for name, function in functions.items() if isinstance(functions, dict) else ():
        entries = function.get("accept") if isinstance(function, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                yield name, str(entry.get("target")), str(entry.get("check"))
