"""Files on disk under the SHA-256 of their content, complete and checked or not there.

A process writes an object into ``<digest>.part`` and holds a lock on that very file, which
goes with its process; the finished file is renamed. Others wait for the lock and then find the
object. What a file is for, and where it comes from, is not known here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.packages import descriptors

SUFFIX = ".zip"
UNFINISHED = ".part"

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
_USED_S = 600
"""The resolution of an object's last use."""
_POLL_S = 0.05
"""Between two checks whether another process has finished."""


def path_of(folder: Path, sha256: str) -> Path:
    """The path of an object. Raises SourceError for an invalid digest: it could lead elsewhere."""
    if not _SHA256.fullmatch(sha256):
        raise SourceError(
            "a package has no valid digest",
            why=f"{sha256[:80]!r} is not a SHA-256 in hexadecimal",
            do="Restore the lock file that names it from version control",
        )
    return folder / sha256[:2] / f"{sha256}{SUFFIX}"


class Unfinished:
    """An object that is being written: others see nothing of it before it is published."""

    def __init__(self, file: IO[bytes], final: Path) -> None:
        self._file = file
        self._final = final
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0
        self.published = False

    @property
    def sha256(self) -> str:
        """Of the bytes written so far."""
        return self._sha256.hexdigest()

    def restart(self) -> None:
        """Forget what was written so far."""
        self._file.seek(0)
        self._file.truncate()
        self._sha256 = hashlib.sha256()
        self.size_bytes = 0

    def write(self, content: bytes) -> None:
        """Append. Raises OSError."""
        self._file.write(content)
        self._sha256.update(content)
        self.size_bytes += len(content)

    def publish(self) -> None:
        """Put it in its place, on the disk for good. Raises OSError."""
        self._file.flush()
        os.fsync(self._file.fileno())
        _part(self._final).replace(self._final)
        self.published = True
        descriptors.sync_folder(self._final.parent)


class Objects:
    """The objects in one folder. Safe to use from several threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._index = Index(folder / "index")

    def path(self, sha256: str) -> Path:
        """The path of the object, there or not. Raises SourceError for an invalid digest."""
        return path_of(self._folder, sha256)

    def intact(self, path: Path) -> bool:
        """True if a file that is there has the content that its name says.

        It is read in whole unless it was before and has not changed since. Raises OSError.
        """
        sha256 = path.name.removesuffix(SUFFIX)
        before = path.stat()
        if self._index.stamp(sha256) != _stamp(before):
            with path.open("rb") as file:
                digest = hashlib.sha256()
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
            if digest.hexdigest() != sha256:
                return False
            self._index.checked(sha256, before)
        now = time.time()
        if before.st_atime < now - _USED_S:
            with contextlib.suppress(OSError):  # of another owner, or on a read-only disk
                os.utime(path, ns=(int(now * 1e9), before.st_mtime_ns))
        return True

    @contextlib.contextmanager
    def writing(self, sha256: str, *, waiting: Callable[[], None]) -> Iterator[Unfinished]:
        """An object to write, held; ``waiting`` is called while another process holds it.

        It is called again and again, and may raise to give up. Check again whether it is there:
        the other one may have finished it. What is not published at the end leaves nothing
        behind. Raises OSError.
        """
        final = self.path(sha256)
        final.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = _part(final)
        with _locked(part, waiting) as file:
            unfinished = Unfinished(file, final)
            unfinished.restart()
            try:
                yield unfinished
            finally:
                if not unfinished.published:
                    part.unlink(missing_ok=True)
        self._index.checked(sha256, final.stat())

    def learn(self, name: str, sha256: str) -> None:
        """Remember the digest of something that never changes."""
        self._index.learn(name, sha256)

    def learned(self, name: str) -> str | None:
        """The remembered value of that name, or ``None``."""
        return self._index.learned(name)


class Index:
    """Findings about objects, one line each; the last line on an object counts.

    Lines are appended, so that processes do not disturb one another. It saves work and nothing
    else: damaged lines are skipped, and failures to write are ignored.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamps: dict[str, tuple[int, ...]] | None = None
        self._learned: dict[str, str] = {}

    def stamp(self, sha256: str) -> tuple[int, ...] | None:
        """Size, time and inode of the file when it was read in whole."""
        with self._lock:
            return self._load().get(sha256)

    def checked(self, sha256: str, status: os.stat_result) -> None:
        """Remember that the file of that status has the content that its name says."""
        stamp = _stamp(status)
        with self._lock:
            self._load()[sha256] = stamp
            self._append("object", sha256, *map(str, stamp))

    def learn(self, name: str, sha256: str) -> None:
        """Remember a digest under a name without white space."""
        with self._lock:
            if self._load() is not None and self._learned.get(name) != sha256:
                self._learned[name] = sha256
                self._append("name", name, sha256)

    def learned(self, name: str) -> str | None:
        """The digest under that name, or ``None``."""
        with self._lock:
            self._load()
            return self._learned.get(name)

    def _load(self) -> dict[str, tuple[int, ...]]:
        if self._stamps is None:
            self._stamps = {}
            with contextlib.suppress(OSError, ValueError), self._path.open() as lines:
                for line in lines:
                    self._take(line.split(), self._stamps)
        return self._stamps

    def _take(self, words: list[str], stamps: dict[str, tuple[int, ...]]) -> None:
        match words:
            case ["object", sha256, size, mtime_ns, inode] if _SHA256.fullmatch(sha256):
                with contextlib.suppress(ValueError):
                    stamps[sha256] = (int(size), int(mtime_ns), int(inode))
            case ["name", name, sha256] if _SHA256.fullmatch(sha256):
                self._learned[name] = sha256

    def _append(self, *words: str) -> None:
        line = f"\n{' '.join(words)}\n".encode()  # begins anew after a line that was cut off
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | descriptors.CLOSE_ON_EXEC
            descriptor = os.open(self._path, flags, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)


def abandoned(part: Path, *, remove: bool = False) -> bool:
    """True if no process writes that unfinished object any more; ``remove`` takes it away then.

    Raises OSError.
    """
    with part.open("rb+") as file:
        if not _lock(file):
            return False
        if not os.path.samestat(os.fstat(file.fileno()), part.stat()):
            return False
        if remove:
            part.unlink()
        return True


@contextlib.contextmanager
def _locked(part: Path, waiting: Callable[[], None]) -> Iterator[IO[bytes]]:
    """The file of that name, open and exclusively ours."""
    while True:
        flags = os.O_RDWR | os.O_CREAT | descriptors.CLOSE_ON_EXEC | descriptors.NO_FOLLOW
        with os.fdopen(os.open(part, flags, 0o600), "r+b") as file:
            if not _lock(file):
                waiting()
                time.sleep(_POLL_S)
                continue
            if _is(file, part):
                yield file
                return


def _lock(file: IO[bytes]) -> bool:
    """Lock a file if no other process has it locked; False if one has."""
    return descriptors.try_lock(file.fileno())


def _is(file: IO[bytes], part: Path) -> bool:
    """False if the file got its final name since it was opened, or was taken away."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), part.stat())
    except FileNotFoundError:
        return False


def _part(final: Path) -> Path:
    return final.with_suffix(UNFINISHED)


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_size, status.st_mtime_ns, status.st_ino)
