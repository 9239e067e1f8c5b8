"""The archive: zips of code and layers exactly as AWS served them, found again by their digest.

It outlives AWS's copies. It decides where a zip comes from (the archive, a bucket behind
it, AWS) and refuses any other zip. How files are kept on disk is
`objects`; which versions need a zip is the lock files' and `syncing`'s; it does not read
their contents.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from pytest_lambda_rollback.aws_lambda.limits import MB, UNZIPPED_BYTES
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import Location, PackageKind, RemotePackage
from pytest_lambda_rollback.packages.members import megabytes
from pytest_lambda_rollback.sources.archive import locks
from pytest_lambda_rollback.sources.archive.objects import Objects, Unfinished

_T = TypeVar("_T")

Progress = Callable[[str], None]
"""Receives one line of progress, in the present tense, without a final full stop."""

Locate = Callable[[RemotePackage], Location]
"""Asks AWS where a package can be downloaded. Raises SourceError."""

_SILENCE_S = 60.0
"""How long a server may send nothing; a whole download may take longer."""

_PAUSES_S = (0.5, 2.0, 5.0)
"""Before each further try of a download that was interrupted."""

_RENEWALS = 2
"""Times that a new URL is requested because the last one expired."""


class Download(Protocol):
    """Streams the content behind a URL, as `aws.locations.download` does.

    Raises its ExpiredLocation and InterruptedDownload, and SourceError for all else.
    """

    def __call__(
        self, url: str, write: Callable[[bytes], object], *, limit_bytes: int, timeout_s: float
    ) -> object:
        """``write`` gets the content in order, piece by piece."""
        ...


class Bucket(Protocol):
    """An archive that several machines share behind their own, as `aws.buckets.Bucket`."""

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``, for messages."""
        ...

    def get(self, sha256: str, write: Callable[[bytes], object], *, limit_bytes: int) -> bool:
        """Stream an object; False if it is not there.

        Raises SourceError, and InterruptedDownload for what is worth another try.
        """
        ...

    def put(self, sha256: str, path: Path) -> None:
        """Keep a file as an object. Raises SourceError."""
        ...

    def objects(self) -> Iterator[tuple[str, int]]:
        """(digest, size in bytes) of all that it has. Raises SourceError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPackage:
    """A zip in the archive, checked."""

    path: Path
    sha256: str
    size_bytes: int
    fetched: bool = False
    """True if it was not there before."""


class Archive:
    """Zips in ``<root>/objects``. Nothing is made on disk before the first one is fetched.

    ``bucket`` is asked before AWS, and is filled only by a sync; an offline run gives none.
    ``limit_bytes`` bounds one zip. ``sleep`` waits between tries.
    """

    def __init__(
        self,
        root: Path,
        *,
        bucket: Bucket | None = None,
        limit_bytes: int = UNZIPPED_BYTES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.root = root.absolute()
        self.bucket = bucket
        self._limit_bytes = limit_bytes
        self._sleep = sleep
        self._objects = Objects(self.root / "objects")
        self.damaged_in_bucket: set[str] = set()
        """Digests of objects that came from the bucket with other content."""

    def held(self, sha256: str) -> Path | None:
        """The path of an object, from its name only; ``None`` if there is none."""
        path = self._objects.path(sha256)
        return path if path.is_file() else None

    def known(self, package: RemotePackage) -> RemotePackage:
        """The package with its digest, where the archive learned it from an earlier fetch."""
        if package.sha256 is not None:
            return package
        return replace(package, sha256=self._objects.learned(package.arn))

    def fetch(
        self,
        package: RemotePackage,
        *,
        locate: Locate | None,
        download: Download,
        progress: Progress,
        go_on: Callable[[], None] = lambda: None,
    ) -> HeldPackage:
        """Return the zip from the archive, else from the bucket, else from AWS.

        ``locate=None`` asks AWS for nothing. ``go_on`` may raise to give up while another process
        fetches the same. A zip that the archive has is read in whole once,
        and again only after its file has changed. Raises SourceError.
        """
        try:
            package, location = self._identified(package, locate)
            found = self._found(package, progress, last=locate is None and self.bucket is None)
            if found is not None:
                return found
            locks.make_root(self.root)
            return self._fetch(package, location, locate, download, progress, go_on)
        except OSError as error:
            raise _disk_error(package, self.root, error) from error

    def _identified(
        self, package: RemotePackage, locate: Locate | None
    ) -> tuple[RemotePackage, Location | None]:
        """The package with its digest, and what AWS said where it had to be asked for that."""
        package = self.known(package)
        if package.sha256 is not None:
            return package, None
        if locate is None:
            raise self._missing(package)
        location = self._located(package, locate)
        package = replace(package, sha256=location.sha256, size_bytes=location.size_bytes)
        self._learn(package)
        return package, location

    def _found(
        self, package: RemotePackage, progress: Progress, *, last: bool
    ) -> HeldPackage | None:
        """The object in the archive. ``last``: it can come from nowhere else."""
        path = self.held(package.sha256 or "")
        if path is None:
            if last:
                raise self._missing(package)
            return None
        if self._objects.intact(path):
            return _held(package, path)
        if last:
            raise SourceError(
                f"{package.name} is damaged in the archive",
                why=f"{path} does not have the content that its name states",
                do="Run `lambda-rollback sync` with access to AWS",
            )
        progress(f"{package.name} is damaged in the archive ({path}), fetching it again")
        return None

    def _fetch(
        self,
        package: RemotePackage,
        location: Location | None,
        locate: Locate | None,
        download: Download,
        progress: Progress,
        go_on: Callable[[], None],
    ) -> HeldPackage:
        path, told = self._objects.path(package.sha256 or ""), False

        def waiting() -> None:
            nonlocal told
            go_on()
            if not told:
                progress(f"waiting for {package.name}, which is being fetched already")
            told = True

        with self._objects.writing(package.sha256 or "", waiting=waiting) as file:
            if path.is_file() and self._objects.intact(path):  # somebody was faster
                return _held(package, path)
            if not self._from_bucket(package, file, progress):
                if locate is None:
                    raise self._missing(package)
                self._from_aws(package, location, locate, download, file)
            file.publish()
        return replace(_held(package, path), fetched=True)

    def _from_bucket(self, package: RemotePackage, file: Unfinished, progress: Progress) -> bool:
        bucket = self.bucket
        if bucket is None:
            return False

        def get() -> bool:
            file.restart()
            return bucket.get(package.sha256 or "", file.write, limit_bytes=self._limit_bytes)

        if not self._patiently(get, what=f"{package.name} cannot be read from {bucket.url}"):
            return False
        if file.sha256 != package.sha256:
            self.damaged_in_bucket.add(package.sha256 or "")
            progress(f"{package.name} is damaged in {bucket.url}")
            return False
        return True

    def _from_aws(
        self,
        package: RemotePackage,
        location: Location | None,
        locate: Locate,
        download: Download,
        file: Unfinished,
    ) -> None:
        from pytest_lambda_rollback.aws.locations import ExpiredLocation, InterruptedDownload

        what = f"{package.name} cannot be downloaded"

        def get(location: Location) -> None:
            file.restart()
            try:
                download(
                    location.url,
                    file.write,
                    limit_bytes=min(location.size_bytes or self._limit_bytes, self._limit_bytes),
                    timeout_s=_SILENCE_S,
                )
            except (ExpiredLocation, InterruptedDownload):
                raise
            except SourceError as error:  # it does not know which package it streams
                raise SourceError(what, why=error.why, do=error.do) from error

        for left in range(_RENEWALS, -1, -1):
            if location is None:
                location = self._located(package, locate)
            said = location
            try:
                self._patiently(partial(get, said), what=what)
                break
            except ExpiredLocation as error:
                location = None
                if not left:
                    raise SourceError(
                        what,
                        why=f"it was located {_RENEWALS + 1} times; finally {error.why}",
                        do=error.do,
                    ) from error
        _check(package, said, file)

    def _patiently(self, get: Callable[[], _T], *, what: str) -> _T:
        """Try again, after a pause, what was interrupted. Raises SourceError at last."""
        from pytest_lambda_rollback.aws.locations import InterruptedDownload

        for pause_s in _PAUSES_S:
            with contextlib.suppress(InterruptedDownload):
                return get()
            self._sleep(pause_s)
        try:
            return get()
        except InterruptedDownload as error:
            raise SourceError(
                what,
                why=f"it was interrupted {len(_PAUSES_S) + 1} times; finally {error.why}",
                do="Check the connection and run it again",
            ) from error

    def _located(self, package: RemotePackage, locate: Locate) -> Location:
        location = locate(package)
        if package.sha256 not in (None, location.sha256):
            raise SourceError(
                f"{package.name} has changed",
                why=f"AWS has SHA-256 {location.sha256}, expected {package.sha256}",
                do=_after_change(package),
            )
        if location.size_bytes > self._limit_bytes:
            raise SourceError(
                f"{package.name} is too large",
                why=f"its zip is {megabytes(location.size_bytes)}, and Lambda"
                f" allows {self._limit_bytes // MB} MB even unzipped",
            )
        return location

    def _learn(self, package: RemotePackage) -> None:
        """A layer version never changes, so its digest is worth keeping."""
        if package.kind is PackageKind.LAYER and package.sha256 is not None:
            with contextlib.suppress(OSError):
                locks.make_root(self.root)
            self._objects.learn(package.arn, package.sha256)

    def _missing(self, package: RemotePackage) -> SourceError:
        where = ""
        if self.bucket is not None:
            damaged = package.sha256 in self.damaged_in_bucket
            where = f"{', and it is damaged' if damaged else ' nor'} in {self.bucket.url}"
        return SourceError(
            f"{package.name} is not in the archive{where}",
            why=f"{self.root} has no zip of it, and AWS is not queried",
            do="Run `lambda-rollback sync`, or this once without --lambda-rollback-offline, with "
            "access to AWS",
        )


def _after_change(package: RemotePackage) -> str:
    if package.kind is PackageKind.LAYER:
        return "A layer version never changes: restore the lock file from version control"
    if package.arn.endswith(":$LATEST"):
        return "It was deployed in between; run again"
    return "Run `lambda-rollback sync` again; if this persists, the function was recreated"


def _held(package: RemotePackage, path: Path) -> HeldPackage:
    return HeldPackage(path=path, sha256=package.sha256 or "", size_bytes=path.stat().st_size)


def _check(package: RemotePackage, location: Location, file: Unfinished) -> None:
    """Raise SourceError if what came is not what AWS said."""
    if location.size_bytes and file.size_bytes != location.size_bytes:
        why = f"{file.size_bytes} bytes were received, but AWS reported {location.size_bytes}"
    elif file.sha256 != location.sha256:
        why = f"the download has SHA-256 {file.sha256}, but AWS reported {location.sha256}"
    else:
        return
    raise SourceError(
        f"the download of {package.name} is damaged",
        why=why,
        do="Run it again; if this persists, check the proxy or firewall between this machine and "
        "AWS",
    )


def _disk_error(package: RemotePackage, root: Path, error: OSError) -> SourceError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return SourceError(
        f"{package.name} could not be stored in the archive",
        why=f"{error.filename or root}: {error.strerror or error}",
        do="Free some space, for instance with `lambda-rollback clean`, or set another `store`"
        if full
        else "Check that the archive's folder is writable, or set another `store`",
    )
