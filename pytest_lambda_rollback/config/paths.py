"""Files behind the paths of a configuration: packages and event fixtures.

It checks names and kinds of files and reads only the few bytes
that identify a zip archive. It raises ConfigError that names the place the path was written
at (``where``) and the absolute path it resolves to.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.downstream import FILE_SUFFIX
from pytest_lambda_rollback.model.text import nearest

_MAGIC = frozenset("*?[")
_NAMES_SHOWN = 8


def absolute(text: str | Path, base: Path) -> Path:
    """The path as an absolute one without ``..``; symbolic links are kept as they are."""
    return Path(os.path.normpath(base / text))


_RECORD = "record events with `lambda-rollback record`"


def located(text: str, *, base: Path, where: str, make: str = "build it first") -> Path:
    """The absolute path of something that exists. Raises ConfigError with near names.

    ``make`` says how it comes to be, for the message.
    """
    path = absolute(text, base)
    if path.exists():
        return path
    raise ConfigError(
        f'{where} names "{text}", which does not exist',
        why=f"looked for {path}",
        do=_nearby(path, make),
    )


def _nearby(missing: Path, make: str) -> str:
    """The last part of the path that exists, for the ``do`` of a message."""
    folder, part = missing.parent, missing.name
    while not folder.exists() and folder != folder.parent:
        folder, part = folder.parent, folder.name
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        names = []
    near = nearest(part, names)
    if near:
        return f'Did you mean "{near}"? {folder} has that'
    if not names:
        return f"Correct the path, or {make}; {folder} is empty"
    some = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    return f"Correct the path, or {make}; {folder} has {some}"


def package(text: str, *, base: Path, where: str) -> Path:
    """The absolute path of a folder or a .zip file. Raises ConfigError."""
    path = located(text, base=base, where=where)
    if path.is_dir():
        return path
    if path.suffix.lower() != ".zip":
        raise ConfigError(
            f'{where} names "{text}", which is neither a folder nor a .zip file',
            why=f"it resolves to {path}",
            do="Name the folder that holds the package, or its .zip file",
        )
    if not zipfile.is_zipfile(path):
        raise ConfigError(
            f'{where} names "{text}", which is not a zip archive',
            why=f"{path} ends in .zip but its content is something else or is truncated",
            do="Build the package again",
        )
    return path


def event_files(
    patterns: Sequence[str], *, base: Path, where: str, must_exist: bool = True
) -> tuple[tuple[Path, ...], Path]:
    """The event fixtures that folders, files and globs name, and the folder of their names.

    A folder means every ``*.json`` in it and below; files of recorded answers are never among
    them. Files come absolute and sorted by their name, which is the path below the returned
    folder: the folder itself, the fixed part of a glob, or what several of them have in common.
    Raises ConfigError for a folder that does not exist, unless ``must_exist`` is false; a folder
    without a file is not an error here.
    """
    if not patterns:
        return (), base
    found: set[Path] = set()
    roots: list[Path] = []
    for pattern in patterns:
        root, files = _matches(pattern, base=base, where=where, must_exist=must_exist)
        roots.append(root)
        found.update(path for path in files if _is_event(path))
    root = Path(os.path.commonpath(roots))
    return tuple(sorted(found, key=lambda path: path.relative_to(root).as_posix())), root


def _is_event(path: Path) -> bool:
    return path.suffix == ".json" and not path.name.endswith(FILE_SUFFIX) and not path.is_dir()


def _matches(pattern: str, *, base: Path, where: str, must_exist: bool) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and all that the pattern matches."""
    if absolute(pattern, base).exists() or not _MAGIC & set(pattern):
        path = absolute(pattern, base)
        if not must_exist and not path.exists():
            return (path.parent if path.suffix == ".json" else path), []
        path = located(pattern, base=base, where=where, make=_RECORD)
        return (path, list(path.rglob("*.json"))) if path.is_dir() else (path.parent, [path])
    parts = Path(pattern).parts
    fixed = next(index for index, part in enumerate(parts) if _MAGIC & set(part))
    folder = str(Path(*parts[:fixed]))
    if not must_exist and not absolute(folder, base).exists():
        return absolute(folder, base), []
    root = located(folder, base=base, where=where, make=_RECORD)
    try:
        return root, list(root.glob(str(Path(*parts[fixed:]))))
    except (ValueError, NotImplementedError) as error:
        raise ConfigError(
            f'{where} is "{pattern}", which is not a valid glob',
            why=str(error),
            do='Write it like "events/*.json" or "events/**/*.json"',
        ) from error
