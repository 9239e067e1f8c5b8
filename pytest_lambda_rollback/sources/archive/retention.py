"""Limiting the files on disk, by age and by size: the archive, and the plugin's own cache.

What a lock file names is never dropped: it may be the only copy there is. Nothing that was used
lately is dropped either, because a run may be using it just now. A plan is made first and can be
shown; cleaning looks at each file once more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import PublishedFunction
from pytest_lambda_rollback.model.versions import RemotePackage
from pytest_lambda_rollback.sources.archive import locks, objects

ARCHIVE_GRACE_S = 3_600.0
"""The archive writes down when an object was used, to within ten minutes."""

CACHE_GRACE_S = 25 * 3_600.0
"""For the cache it is the file system that does, and Linux does so once a day (relatime)."""

_DAY_S = 86_400.0
_OBJECT = re.compile(
    rf"[0-9a-f]{{64}}({re.escape(objects.SUFFIX)}|{re.escape(objects.UNFINISHED)})"
)
_PARTS = {
    "artifacts": False,
    "index": False,
    "facts": False,
    "runtimes": True,
    "awslambdaric": True,
}
"""Folders of the cache, and whether what lies in one is used as a whole folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A file, or a folder with all that is in it, that is to go."""

    path: Path
    size_bytes: int
    used_s: float
    """When it was used last, in seconds since 1970."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanPlan:
    """Files to remove, and files that stay."""

    root: Path
    removals: tuple[Removal, ...] = ()
    """The longest unused first."""
    kept: int = 0
    kept_bytes: int = 0
    locked: int = 0
    """How many of those kept are named by a lock file."""
    locked_bytes: int = 0
    over_bytes: int = 0
    """By how much the rest is still over the bound; what may not go is the reason."""

    @property
    def removed_bytes(self) -> int:
        """Bytes that the plan frees."""
        return sum(removal.size_bytes for removal in self.removals)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanReport:
    """The outcome of a clean."""

    removed: int = 0
    removed_bytes: int = 0
    used_again: int = 0
    """Files that stayed because they were used, or removed, since the plan was made."""
    failed: tuple[tuple[Path, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    path: Path
    size_bytes: int
    used_s: float
    locked: bool = False
    leftover: bool = False


def plan_clean(
    root: Path,
    *,
    max_age_days: float | None,
    max_bytes: int | None,
    now: float,
    grace_s: float = ARCHIVE_GRACE_S,
) -> CleanPlan:
    """The zips of an archive to remove: unused for longer than that, or over that size in all.

    ``None`` means no bound. ``now`` is in seconds since 1970. Raises SourceError if a lock file
    cannot be read, because it may name anything.
    """
    known = objects.Index(root / "objects" / "index")
    named = {
        digest
        for name in locks.names(root)
        if (function := locks.read(root, name)) is not None
        for digest in _named(function, known.learned)
    }

    def entries() -> Iterator[_Entry]:
        for path, status in _objects(root / "objects"):
            if path.suffix == objects.SUFFIX:
                locked = path.stem in named
                yield _Entry(path, status.st_size, _used(status), locked=locked)
            elif path.suffix == objects.UNFINISHED:
                with contextlib.suppress(OSError):
                    if objects.abandoned(path):
                        yield _Entry(path, status.st_size, _used(status), leftover=True)

    return _plan(root, entries(), max_age_days, max_bytes, now, grace_s)


def plan_cache_clean(
    cache_root: Path,
    *,
    max_age_days: float | None,
    max_bytes: int | None,
    now: float,
    grace_s: float = CACHE_GRACE_S,
) -> CleanPlan:
    """Files of the plugin's own cache to remove; all can be made again. Raises SourceError."""

    def entries() -> Iterator[_Entry]:
        for part, whole in _PARTS.items():
            for path, status in (
                _children(cache_root / part) if whole else _files(cache_root / part)
            ):
                if stat.S_ISDIR(status.st_mode):
                    size_bytes, used_s = _tree(path)
                    yield _Entry(path, size_bytes, used_s)
                else:
                    yield _Entry(path, status.st_size, _used(status))

    return _plan(cache_root, entries(), max_age_days, max_bytes, now, grace_s)


def clean(plan: CleanPlan) -> CleanReport:
    """Remove what the plan says, but for what was used since. Never raises for one file."""
    removed = removed_bytes = used_again = 0
    failed: list[tuple[Path, str]] = []
    for removal in plan.removals:
        try:
            gone = _remove(removal)
        except FileNotFoundError:
            used_again += 1
        except OSError as error:
            failed.append((removal.path, error.strerror or str(error)))
        else:
            removed += gone
            removed_bytes += removal.size_bytes if gone else 0
            used_again += not gone
    return CleanReport(
        removed=removed,
        removed_bytes=removed_bytes,
        used_again=used_again,
        failed=tuple(failed),
    )


def _plan(
    root: Path,
    entries: Iterable[_Entry],
    max_age_days: float | None,
    max_bytes: int | None,
    now: float,
    grace_s: float,
) -> CleanPlan:
    removals: list[Removal] = []
    kept: list[_Entry] = []

    def remove(entry: _Entry, reason: str) -> None:
        removals.append(
            Removal(
                path=entry.path, size_bytes=entry.size_bytes, used_s=entry.used_s, reason=reason
            )
        )

    try:
        found = sorted(entries, key=lambda entry: (entry.used_s, entry.path))
    except OSError as error:
        raise SourceError(
            f"{root} cannot be cleaned",
            why=f"{error.filename or root}: {error.strerror or error}",
            do="Check that the folder can be read",
        ) from error
    for entry in found:
        idle_s = now - entry.used_s
        old = max_age_days is not None and idle_s > max(grace_s, max_age_days * _DAY_S)
        if entry.leftover:
            remove(entry, "left by an interrupted download")
        elif old and not entry.locked:
            remove(entry, f"not used for {int(idle_s // _DAY_S)} days")
        else:
            kept.append(entry)
    kept_bytes = sum(entry.size_bytes for entry in kept)
    if max_bytes is not None:
        stay = []
        for entry in kept:
            if kept_bytes > max_bytes and not entry.locked and now - entry.used_s > grace_s:
                remove(entry, "the longest unused, to stay within the size")
                kept_bytes -= entry.size_bytes
            else:
                stay.append(entry)
        kept = stay
    locked = [entry for entry in kept if entry.locked]
    return CleanPlan(
        root=root,
        removals=tuple(removals),
        kept=len(kept),
        kept_bytes=kept_bytes,
        locked=len(locked),
        locked_bytes=sum(entry.size_bytes for entry in locked),
        over_bytes=0 if max_bytes is None else max(0, kept_bytes - max_bytes),
    )


def _named(function: PublishedFunction, learned: Callable[[str], str | None]) -> Iterator[str]:
    """Digests of all zips that a lock file names, also of layers that it knows by ARN alone."""
    for version in function.versions:
        for package in (version.code, *version.layers):
            if isinstance(package, RemotePackage):
                digest = package.sha256 or learned(package.arn)
                if digest is not None:
                    yield digest


def _objects(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Files of the archive by their names, and nothing else: `store` may name any folder.

    Raises OSError for a link, which could lead to what is not the archive's.
    """
    if folder.is_symlink():
        raise OSError(
            errno.ELOOP, "it is a symbolic link; set `store` to the folder itself", folder
        )
    for part, status in _children(folder):
        if stat.S_ISDIR(status.st_mode) and len(part.name) == 2:
            for path, inner in _children(part):
                if _OBJECT.fullmatch(path.name) and stat.S_ISREG(inner.st_mode):
                    yield path, inner


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Every file below, also one that another process takes away just then, or does not."""
    for parent, _, names in os.walk(folder, onerror=_unless_missing):
        for name in names:
            path = Path(parent) / name
            with contextlib.suppress(FileNotFoundError):
                yield path, path.lstat()


def _children(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                yield path, path.lstat()


def _tree(folder: Path) -> tuple[int, float]:
    """Size of all files in a folder, and their last use."""
    size_bytes, used_s = 0, folder.lstat().st_mtime
    for _, status in _files(folder):
        size_bytes += status.st_size
        used_s = max(used_s, _used(status))
    return size_bytes, used_s


def _unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _used(status: os.stat_result) -> float:
    if stat.S_ISLNK(status.st_mode):  # merely passing by counts as reading a link
        return status.st_mtime
    return max(status.st_atime, status.st_mtime)


def _remove(removal: Removal) -> bool:
    """False if it was used since the plan was made. Raises OSError."""
    path = removal.path
    if path.suffix == objects.UNFINISHED:
        return objects.abandoned(path, remove=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        if _used(status) > removal.used_s:
            return False
        path.unlink()
        return True
    if _tree(path)[1] > removal.used_s:
        return False
    # Under another name first, so that no process finds half a folder.
    doomed = path.with_name(f".removed-{uuid.uuid4().hex}")
    path.rename(doomed)
    shutil.rmtree(doomed)
    return True
