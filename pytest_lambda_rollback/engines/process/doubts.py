"""Reasons why a function may behave otherwise in Lambda than as a process of this machine.

Code and layers are looked through once for paths that are Lambda's there and this machine's here.
That is a guess on the safe side: a check that rests on such a function is unknown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.limits import MB

_LAMBDA = "opt|tmp|var/task"
_ROOT_WRITES = "boot|etc|home|lib|media|mnt|root|run|srv|usr|var"
_END = r"""(?=[/"'\s\\]|$)"""
_TEXT = (".cfg", ".conf", ".env", ".ini", ".json", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml")
_FILE_LIMIT = 4 * MB
_SKIPPED_FOLDERS = re.compile(r"(\.dist-info|\.egg-info)$|^__pycache__$")


def doubt_of_paths(
    folders: Iterable[tuple[Path, str]], environment: Iterable[tuple[str, str]], *, as_root: bool
) -> str:
    """A clause about the first path of Lambda's that a function names, or an empty text.

    ``folders`` are the trees, each with its name in Lambda. ``as_root`` is true where the function
    may write what only root may.
    """
    for name, value in environment:
        path = _path_in(value, quoted=False, as_root=as_root)
        if path:
            return _clause(f"its variable {name}", path)
    for folder, seen_as in folders:
        for file in _text_files(folder):
            text = file.read_bytes()[:_FILE_LIMIT].decode("utf-8", "replace")
            path = _path_in(text, quoted=file.suffix == ".py", as_root=as_root)
            if path:
                return _clause(f"{seen_as}/{file.relative_to(folder).as_posix()}", path)
    return ""


def doubt_of_storage(folder: Path, limit_mb: int) -> str:
    """A clause if what lies in ``folder`` would not fit into Lambda's /tmp, or an empty text."""
    size = 0
    for root, _folders, files in os.walk(folder):
        for name in files:
            try:
                size += Path(root, name).lstat().st_size
            except OSError:  # it is gone meanwhile
                continue
    if size <= limit_mb * MB:
        return ""
    return f"it keeps {size // MB:,} MB of temporary files, more than Lambda's {limit_mb:,} MB"


def _clause(where: str, path: str) -> str:
    if re.match(rf"/(?:{_LAMBDA})", path):
        return f"{where} names {path}, which is another folder in a process of this machine"
    return f"{where} names {path}, which root may write here and Lambda's user may not"


def _path_in(text: str, *, quoted: bool, as_root: bool) -> str:
    """The first telling path, with ``quoted`` only one in a string literal."""
    roots = f"{_LAMBDA}|{_ROOT_WRITES}" if as_root else _LAMBDA
    path = rf"(?<![\w.\-])(?P<path>/(?:{roots}){_END})"
    before = r"""(?P<quote>["'])(?:(?!(?P=quote))[^\n])*?""" if quoted else ""
    found = re.search(before + path, text)
    return found["path"] if found else ""


def _text_files(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _SKIPPED_FOLDERS.search(name))
        for name in sorted(files):
            path = Path(root, name)
            if path.suffix in _TEXT and path.is_file() and not path.is_symlink():
                yield path
