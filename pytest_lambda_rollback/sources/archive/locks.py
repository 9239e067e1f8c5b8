"""Lock files: what is known of each function, in small files that belong in version control.

A lock file outlives AWS: versions that were deleted, layers that cannot be asked for any more, and
what an alias pointed at before are known only from here. It holds names of environment variables
and never a value. How the text is made up is `lock_format`; `merging` joins it with
AWS's answers.

Files appear complete or not at all, and are not rewritten if only times changed, so that
a nightly sync makes no noise in a repository.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import PublishedFunction
from pytest_lambda_rollback.packages import descriptors, new_files
from pytest_lambda_rollback.sources.archive import lock_format

IGNORED = """\
# The zips of the archive can be fetched again by `lambda-rollback sync`. The files in locks/ belong
# into version control: they are what is known of versions that AWS no longer has.
/objects/
/locks/.*
/discovered/.*
"""

_SUFFIX = ".json"
_CONFLICT = re.compile(rb"^(<{7}|={7}|>{7})( |\r?$)", re.MULTILINE)
_LIMIT_BYTES = 32 * 1024 * 1024
"""A version needs about one KB."""


class UnusableLock(SourceError):
    """The archive's folder cannot be read or written, whatever its files say."""


def read(root: Path, name: str) -> PublishedFunction | None:
    """The function that a lock file holds; ``None`` if there is no file.

    ``name`` is what the configuration calls the function. Raises SourceError for a file that is
    damaged or that a later release wrote.
    """
    path = _path(root, name)
    try:
        text = _content(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, "cannot be read", error) from error
    try:
        if len(text) > _LIMIT_BYTES:
            raise ValueError(f"it has more than {_LIMIT_BYTES} bytes")
        function = lock_format.decode(json.loads(text, object_pairs_hook=_unique))
        if rb"\ud" in text.lower():  # half of a character, which no file can hold
            json.dumps(lock_format.encode(function), ensure_ascii=False).encode()
    except lock_format.NewerFormat as error:
        raise SourceError(
            f"the lock file {path} was written by a later release of pytest-lambda-rollback",
            why=str(error),
            do="Update pytest-lambda-rollback",
        ) from error
    except (ValueError, OverflowError, RecursionError) as error:
        if _CONFLICT.search(text):
            raise SourceError(
                f"the lock file {path} is damaged",
                why="it holds both sides of a merge conflict",
                do="Take one side from version control, as by `git checkout --theirs`, and run"
                " `lambda-rollback sync`, which adds what AWS still has",
            ) from error
        raise _damaged(path, str(error)) from error
    if function.name != name:
        raise _damaged(path, f'it is about "{function.name}"')
    return function


def write(root: Path, function: PublishedFunction) -> bool:
    """Write the function's lock file if it changed, and return whether it did.

    Raises SourceError for a folder that cannot be written, and for a file there that `read`
    refuses: it may know more than we do.
    """
    path = _path(root, function.name)
    data = lock_format.encode(function)
    written = read(root, function.name)
    if written is not None and lock_format.without_times(data) == lock_format.without_times(
        lock_format.encode(written)
    ):
        return False
    text = json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        make_root(root)
        new_files.write(path, text.encode(), mode=0o644, durable=True)
    except OSError as error:
        raise _unusable(path, "cannot be written", error) from error
    return True


def names(root: Path) -> tuple[str, ...]:
    """The configured names of all functions that have a lock file, sorted. Raises SourceError."""
    folder = root / "locks"
    try:
        return tuple(
            sorted(
                unquote(path.name.removesuffix(_SUFFIX))
                for path in folder.iterdir()
                if path.suffix == _SUFFIX and not path.name.startswith(".")
            )
        )
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _unusable(folder, "cannot be read", error) from error


@contextlib.contextmanager
def held(root: Path) -> Iterator[None]:
    """Hold the archive's lock: other holders wait to read, join and write its lock files.

    It goes with its process, however that ends, and what that was writing is removed by the next
    one. Raises SourceError.
    """
    path = root / "locks" / ".lock"
    try:
        make_root(root)
        flags = os.O_RDWR | os.O_CREAT | descriptors.SAFELY
        file = os.fdopen(os.open(path, flags, 0o666), "r+b")
    except OSError as error:
        raise _unusable(path, "cannot be written", error) from error
    with file:
        descriptors.lock(file.fileno())
        with contextlib.suppress(OSError):
            for folder in (root / "locks", root / "discovered"):
                new_files.remove_unfinished(folder)
        yield


def make_root(root: Path) -> None:
    """Make the archive's folders, and the .gitignore for those to leave out. Raises OSError.

    A link in place of one, which a repository may contain, would redirect writes.
    """
    for folder in (root / "locks", root / "discovered", root / "objects"):
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "it is a symbolic link", str(folder))
    (root / "locks").mkdir(parents=True, exist_ok=True)
    (root / "objects").mkdir(mode=0o700, exist_ok=True)
    with contextlib.suppress(FileExistsError), (root / ".gitignore").open("x") as file:
        file.write(IGNORED)


def _path(root: Path, name: str) -> Path:
    """A name can hold anything; what a file name cannot hold, or would hide it, is quoted."""
    quoted = quote(name, safe=" @+,=")
    return root / "locks" / (re.sub(r"^\.", "%2E", quoted) + _SUFFIX)


def _content(path: Path) -> bytes:
    """The content of a regular file. A link in a repository could lead to any file or device."""
    flags = os.O_RDONLY | descriptors.SAFELY
    descriptor = os.open(path, flags)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        return file.read(_LIMIT_BYTES + 1)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated in one table")
    return found


def _damaged(path: Path, why: str) -> SourceError:
    return SourceError(
        f"the lock file {path} is damaged",
        why=why,
        do="Restore it from version control; without one, delete it and run"
        " `lambda-rollback sync`, which knows only what AWS still has",
    )


def _unusable(path: Path, what: str, error: OSError) -> UnusableLock:
    return UnusableLock(
        f"{path} {what}",
        why="it is a symbolic link" if error.errno == errno.ELOOP else error.strerror or str(error),
        do="Check the permissions and the space of the archive's folder, or set another `store`",
    )
