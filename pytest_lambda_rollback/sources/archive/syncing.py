"""Filling the archive: AWS's facts about functions go into lock files, their zips beside them.

Only missing parts are fetched: a zip is fetched once, however many versions and
functions use it, and what was finished before an interruption is not asked for again. A failure is
a value with a reason and does not stop the others. Who the functions are, and how AWS is asked, is
not known here.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace

from pytest_lambda_rollback.errors import RollbackError, SourceError
from pytest_lambda_rollback.model.published import PublishedFunction, PublishedVersion
from pytest_lambda_rollback.model.text import counted
from pytest_lambda_rollback.model.versions import ContainerImage, RemotePackage
from pytest_lambda_rollback.sources.archive import locks
from pytest_lambda_rollback.sources.archive.archive import (
    Archive,
    Download,
    HeldPackage,
    Locate,
    Progress,
)
from pytest_lambda_rollback.sources.archive.merging import recorded
from pytest_lambda_rollback.sources.daemon_threads import DaemonThreads, daemon_threads

LocateFor = Callable[[PublishedFunction], Locate]
"""Gives what asks AWS for the packages of one function, in its account and region.

The same object for functions of one account: what it could not give is not asked for again.
"""

_TOLD_BY_NAME = 50
"""Packages that progress names; after these it counts, each time there are so many more."""

_PATIENCE_S = 3.0
"""How long an interrupted sync waits for downloads to end tidily."""

_WAITING_PER_WORKER = 8
"""Packages that are lined up, so that memory does not grow with the number of functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncedFunction:
    """The outcome for one function."""

    name: str
    versions: int
    """Versions that its lock file names."""
    images: int = 0
    """Versions that are container images: recorded by digest, not fetched."""
    lock_changed: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """Something that a sync could not bring up to date."""

    name: str
    """Of the package, function, version or bucket."""
    reason: str
    used_by: tuple[str, ...] = ()
    """The versions that a layer is bound to, as ``function:version``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """The outcome of a sync, each package counted once."""

    functions: tuple[SyncedFunction, ...] = ()
    fetched: int = 0
    """Packages that came from AWS or from the bucket."""
    held: int = 0
    """Packages that were there."""
    shared: int = 0
    """Packages that were put into the bucket."""
    bytes: int = 0
    """Of what was fetched."""
    failed: tuple[Missed, ...] = ()
    """Failures and losses, which need a look."""
    lost: tuple[Missed, ...] = ()
    """Packages that only a lock file knows: AWS has them no more, and the archive never had them
    or has lost them. No sync can mend that."""


class _Stopped(Exception):
    """Thrown into downloads when the sync is given up."""


def sync(
    functions: Iterable[PublishedFunction],
    archive: Archive,
    *,
    locate_for: LocateFor,
    download: Download,
    workers: int,
    progress: Progress,
) -> SyncReport:
    """Bring lock files and zips of all functions up to date; ``functions`` may be a generator.

    AWS is asked once for each package that is not held, and never for one that is. A lock file
    is written before its zips are fetched, because what AWS says of versions is what it may
    forget first, and again with the digests of its layers. ``progress`` is called by several
    threads, one at a time. Raises what ``functions`` raises; all else is in the report.
    """
    lock = threading.Lock()

    def say(line: str) -> None:
        with lock:
            progress(line)

    run = _Run(archive, download, say, locate_for)
    with daemon_threads(workers, name="sync", patience_s=_PATIENCE_S) as pool:
        run.pool = pool
        try:
            waiting: deque[_Work] = deque()
            for function in functions:
                if (work := run.begin(function)) is not None:
                    waiting.append(work)
                while waiting and run.unfinished() > max(1, workers) * _WAITING_PER_WORKER:
                    run.finish(waiting.popleft())
            while waiting:
                run.finish(waiting.popleft())
            run.share()
        except BaseException:
            run.stopped.set()
            raise
    return run.report()


@dataclass(frozen=True, slots=True)
class _Work:
    """A function whose packages are under way."""

    function: PublishedFunction
    keys: tuple[str, ...]
    notes: tuple[str, ...]
    changed: bool


class _Run:
    """One sync. The calling thread decides and counts; the pool's threads fetch."""

    pool: DaemonThreads

    def __init__(
        self, archive: Archive, download: Download, progress: Progress, locate_for: LocateFor
    ) -> None:
        self._archive = archive
        self._download = download
        self._progress = progress
        self._locate_for = locate_for
        self.stopped = threading.Event()
        self._results: dict[str, Future[HeldPackage | RollbackError]] = {}
        """By digest, or by ARN for a layer whose digest is not known yet."""
        self._names: dict[str, str] = {}
        self._used_by: dict[str, list[str]] = {}
        self._tried: dict[str, list[Locate | None]] = {}
        """AWS's answer for each package; ``None`` only for one that AWS no longer has."""
        self._pending: deque[str] = deque()
        self._functions: list[SyncedFunction] = []
        self._failed: list[Missed] = []
        self._shared = 0
        self._counting = threading.Lock()
        self._fetched = 0

    def begin(self, function: PublishedFunction) -> _Work | None:
        """Write down what AWS said and begin to fetch; ``None`` if that cannot be done."""
        try:
            function, notes, changed = self._record(function)
            locate = self._locate_for(function)
        except RollbackError as error:
            self._failed.append(Missed(name=function.name, reason=str(error)))
            return None
        keys = []
        for version, package, gone in _packages(function):
            keys.append(key := self._submit(package, None if gone else locate))
            if package is not version.code:
                self._used_by.setdefault(key, []).append(f"{function.name}:{version.version}")
        return _Work(function, tuple(dict.fromkeys(keys)), notes, changed)

    def unfinished(self) -> int:
        """How many packages are lined up or being fetched."""
        while self._pending and self._results[self._pending[0]].done():
            self._pending.popleft()
        return len(self._pending)

    def finish(self, work: _Work) -> None:
        """Wait for a function's packages and write the digests of its layers down."""
        for key in work.keys:
            self._results[key].result()
        function = work.function
        images = sum(
            isinstance(each.code, ContainerImage) and bool(each.code.uri)
            for each in function.versions
        )
        notes = work.notes
        if images:
            notes += (
                f"{function.name}: {counted(images, 'version')} with a container"
                " image, recorded by digest; images stay in their registry",
            )
        changed = work.changed
        if any(layer.sha256 is None for each in function.versions for layer in each.layers):
            try:
                changed = self._record(function)[2] or changed
            except RollbackError as error:
                self._failed.append(Missed(name=function.name, reason=str(error)))
        for note in notes:
            self._progress(note)
        self._functions.append(
            SyncedFunction(
                name=function.name,
                versions=len(function.versions),
                images=images,
                lock_changed=changed,
                notes=notes,
            )
        )

    def share(self) -> None:
        """Put what the bucket behind the archive does not have into it."""
        bucket = self._archive.bucket
        if bucket is None:
            return
        mine = {held.sha256: held for _, held in self._outcomes() if isinstance(held, HeldPackage)}

        def put(held: HeldPackage) -> RollbackError | None:
            if self.stopped.is_set():
                return None
            try:
                bucket.put(held.sha256, held.path)
            except RollbackError as error:
                return error
            return None

        try:
            for digest, size_bytes in bucket.objects():
                good = digest not in self._archive.damaged_in_bucket
                if good and digest in mine and mine[digest].size_bytes == size_bytes:
                    del mine[digest]
        except RollbackError as error:
            self._failed.append(Missed(name=bucket.url, reason=str(error)))
            return
        if mine:
            self._progress(f"putting {counted(len(mine), 'package')} into {bucket.url}")
        errors = [error for error in self.pool.map(put, mine.values()) if error is not None]
        self._shared = len(mine) - len(errors)
        self._failed += dict.fromkeys(
            Missed(name=bucket.url, reason=str(error)) for error in errors
        )

    def report(self) -> SyncReport:
        """The changes that were made."""
        from pytest_lambda_rollback.aws.locations import GoneLocation

        fetched = held = size_bytes = 0
        failed, lost = list(self._failed), list[Missed]()
        for key, outcome in self._outcomes():
            if isinstance(outcome, RollbackError):
                gone = self._tried[key] == [None] or isinstance(outcome, GoneLocation)
                (lost if gone else failed).append(
                    Missed(
                        name=self._names[key],
                        reason=str(outcome),
                        used_by=tuple(self._used_by.get(key, ())),
                    )
                )
            elif outcome.fetched:
                fetched += 1
                size_bytes += outcome.size_bytes
            else:
                held += 1
        return SyncReport(
            functions=tuple(self._functions),
            fetched=fetched,
            held=held,
            shared=self._shared,
            bytes=size_bytes,
            failed=tuple(failed),
            lost=tuple(lost),
        )

    def _outcomes(self) -> Iterator[tuple[str, HeldPackage | RollbackError]]:
        """Each package once: a layer whose digest came late may be a code that is held too."""
        seen: set[str] = set()
        for key, future in self._results.items():
            outcome = future.result()
            if isinstance(outcome, HeldPackage):
                if outcome.sha256 in seen:
                    continue
                seen.add(outcome.sha256)
            yield key, outcome

    def _record(
        self, function: PublishedFunction
    ) -> tuple[PublishedFunction, tuple[str, ...], bool]:
        """Join with the lock file and write it. Raises RollbackError."""
        root = self._archive.root
        function = replace(
            function,
            versions=tuple(
                replace(version, layers=tuple(map(self._archive.known, version.layers)))
                for version in function.versions
            ),
        )
        with locks.held(root):
            joined = recorded(function, locks.read(root, function.name))
            return joined.function, joined.notes, locks.write(root, joined.function)

    def _submit(self, package: RemotePackage, locate: Locate | None) -> str:
        key = package.sha256 or package.arn
        tried = self._tried.setdefault(key, [])
        if tried and (locate is None or locate in tried):
            return key
        tried.append(locate)
        self._names[key] = package.name
        self._results[key] = self.pool.submit(self._fetch, package, locate, self._results.get(key))
        self._pending.append(key)
        return key

    def _fetch(
        self,
        package: RemotePackage,
        locate: Locate | None,
        before: Future[HeldPackage | RollbackError] | None,
    ) -> HeldPackage | RollbackError:
        """Fetch it, unless what another account was asked for ``before`` has come."""
        if before is not None and isinstance(held := before.result(), HeldPackage):
            return held

        def go_on() -> None:
            if self.stopped.is_set():
                raise _Stopped

        def download(
            url: str, write: Callable[[bytes], object], *, limit_bytes: int, timeout_s: float
        ) -> None:
            def unless_stopped(content: bytes) -> None:
                go_on()
                write(content)

            self._download(url, unless_stopped, limit_bytes=limit_bytes, timeout_s=timeout_s)

        try:
            go_on()
            held = self._archive.fetch(
                package, locate=locate, download=download, progress=self._progress, go_on=go_on
            )
        except RollbackError as error:
            if locate is None:
                return SourceError(
                    f"{package.name} is known only from the lock file",
                    why=f"AWS no longer has it, and {_lower(error.what)}",
                    do="Copy the object from an archive that has it, for instance through a "
                    "`bucket`"
                    " that both use",
                )
            return error
        if held.fetched:
            self._tell(held, package.name)
        return held

    def _tell(self, held: HeldPackage, name: str) -> None:
        """Report what was fetched, by name while the list is short."""
        with self._counting:
            self._fetched += 1
            number = self._fetched
        if number <= _TOLD_BY_NAME:
            self._progress(f"fetched {name} ({held.size_bytes:,} bytes)")
        elif number % _TOLD_BY_NAME == 0:
            self._progress(f"fetched {number:,} packages")


def _packages(
    function: PublishedFunction,
) -> Iterator[tuple[PublishedVersion, RemotePackage, bool]]:
    """Each package of each version, and whether AWS has no version any more that uses it."""

    def of(version: PublishedVersion) -> Iterator[RemotePackage]:
        if isinstance(version.code, RemotePackage):
            yield version.code
        yield from version.layers

    for gone in (False, True):
        for version in function.versions:
            if version.gone is gone:
                for package in of(version):
                    # A layer lives on its own, whatever becomes of the versions that use it.
                    yield version, package, gone and package is version.code


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
