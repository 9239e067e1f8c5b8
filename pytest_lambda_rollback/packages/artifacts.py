"""The local store of code and layer packages: every package once, under the digest of its content.

A package is read (`folders`, `zips`), checked (`members`) and written as an uncompressed tar
whose bytes depend on nothing but names, modes and content. Engines get the tar, never the folder
or zip that it came from. What a package means to a function version, and where it was downloaded
from, is not known here.

Several threads and processes may use one store at once: files appear complete or not at all.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
import tarfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from pytest_lambda_rollback.aws_lambda.limits import MB, UNZIPPED_BYTES
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import Artifact
from pytest_lambda_rollback.packages.folders import FolderPackage
from pytest_lambda_rollback.packages.members import (
    Kind,
    Member,
    megabytes,
    refusal,
)
from pytest_lambda_rollback.packages.new_files import new_file
from pytest_lambda_rollback.packages.package import Package, Signature, special_file
from pytest_lambda_rollback.packages.trees import unpack_tar
from pytest_lambda_rollback.packages.zips import ZipPackage

_MTIME_S = 315_532_800
"""1980-01-01, the first moment that a zip can name, so that no tool stumbles over it."""

_INDEX_VERSION = 1
"""Part of every index key: raise it when the tar of the same source becomes another one."""

_RACY_NS = 2_000_000_000
"""File times may be as coarse as this (FAT), so a younger file can change and look the same."""

_EMPTY_TAR = hashlib.sha256(bytes(2 * tarfile.BLOCKSIZE)).hexdigest()

_TYPES = {Kind.FILE: tarfile.REGTYPE, Kind.FOLDER: tarfile.DIRTYPE, Kind.SYMLINK: tarfile.SYMTYPE}


class ArtifactStore:
    """Packages as deterministic tars in ``<root>/artifacts``, found again by ``<root>/index``.

    ``use_cache=False`` reads every source again, and refreshes the index by what it finds.
    ``limit_bytes`` bounds one package unzipped. ``clock`` gives the wall clock in nanoseconds,
    which is what file times are compared with.

    Raises SourceError when the folder could not be created.
    """

    def __init__(
        self,
        root: Path,
        *,
        use_cache: bool = True,
        limit_bytes: int = UNZIPPED_BYTES,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._root = root.absolute()
        self._artifacts = self._root / "artifacts"
        self._index = self._root / "index"
        self._use_cache = use_cache
        self._limit_bytes = limit_bytes
        self._clock = clock
        try:
            self._root.parent.mkdir(parents=True, exist_ok=True)
            for folder in (self._root, self._artifacts, self._index):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise SourceError(
                f"the artefact store {self._root} could not be created",
                why=_reason(error),
                do="Choose a writable cache folder",
            ) from error

    def load(self, path: Path, *, label: str, root_dir: str) -> Artifact:
        """Read a folder or .zip into the store, or find it there unchanged.

        ``root_dir`` is where Lambda unpacks it, ``/var/task`` or ``/opt``. Zips keep their modes,
        folders get 0755 and 0644, and ``__pycache__`` folders are only left out of folders
        (see its class). Equal content gives an equal digest.

        Raises SourceError, and leaves nothing behind, for a package that is missing, damaged, too
        large, or holds what must not be unpacked.
        """
        path = path.absolute()
        try:
            started_ns = self._clock()
            with _open(path, label=label, skip=self._root) as package:
                key = self._index / _index_name(path, root_dir)
                artifact = self._find(key, package.signature, label) if self._use_cache else None
                if artifact is None:
                    artifact = self._store(package, label=label, root_dir=root_dir)
                    if package.signature.newest_ns < started_ns - _RACY_NS:
                        self._remember(key, package.signature, artifact)
                return artifact
        except OSError as error:
            raise SourceError(
                f"{label} cannot be read into the artefact store",
                why=_reason(error),
                do=f"Check that {path} can be read and that {self._root} can be written",
            ) from error

    def empty(self, label: str) -> Artifact:
        """An artefact without a file, for code that is inside a container image.

        Its digest is the label's, so that two images are never taken for equal code. Raises
        SourceError.
        """
        digest = hashlib.sha256(label.encode()).hexdigest()
        tar = self._artifacts / f"{digest}.tar"
        try:
            if not tar.exists():
                with new_file(self._artifacts) as (file, publish):
                    file.write(bytes(2 * tarfile.BLOCKSIZE))
                    publish(tar)
        except OSError as error:
            raise SourceError(
                f"{self._artifacts} cannot be written", why=_reason(error), do="Make it writable"
            ) from error
        return Artifact(label=label, digest=digest, size_bytes=0, tar=tar)

    def unpack(self, artifact: Artifact, into: Path) -> None:
        """Unpack over what is in ``into`` already, as a later layer goes over an earlier one.

        A file replaces a folder of its name, and the reverse; folders are merged. Nothing is
        written through a symlink. Permission bits are kept, but a folder always stays open to
        its owner, so that the next layer can be written and the tree be removed.

        The tar's content is checked before, so that what changed it is not run under its name.
        Raises SourceError.
        """
        try:
            if not intact(artifact):
                raise SourceError(
                    f"{artifact.label} has changed in the artefact store",
                    why=f"the content of {artifact.tar} is not what its name says",
                    do="Delete that file and run again",
                )
            unpack_tar(artifact.tar, into)
        except (OSError, tarfile.TarError) as error:
            raise SourceError(
                f"{artifact.label} cannot be unpacked",
                why=_reason(error),
                do=f"Check that {into} can be written; if so, delete {self._root} and run again",
            ) from error

    def _store(self, package: Package, *, label: str, root_dir: str) -> Artifact:
        members = package.members(root_dir=root_dir, limit_bytes=self._limit_bytes)
        with new_file(self._artifacts) as (file, publish):
            digest = _write_tar(package, members, file)
            tar = self._artifacts / f"{digest}.tar"
            publish(tar)
        size_bytes = sum(member.size for member in members)
        return Artifact(label=label, digest=digest, size_bytes=size_bytes, tar=tar)

    def _find(self, key: Path, signature: Signature, label: str) -> Artifact | None:
        """The entry of an unchanged package in the index; ``None`` for anything unexpected."""
        try:
            entry = json.loads(key.read_bytes())
            digest, size_bytes = entry["digest"], entry["size_bytes"]
            if entry["signature"] != signature.digest or type(size_bytes) is not int:
                return None
            if not re.fullmatch(r"[0-9a-f]{64}", digest):
                return None
            tar = self._artifacts / f"{digest}.tar"
            if tar.stat().st_size != entry["tar_size_bytes"]:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Artifact(label=label, digest=digest, size_bytes=size_bytes, tar=tar)

    def _remember(self, key: Path, signature: Signature, artifact: Artifact) -> None:
        entry = {
            "signature": signature.digest,
            "digest": artifact.digest,
            "size_bytes": artifact.size_bytes,
            "tar_size_bytes": artifact.tar.stat().st_size,
        }
        with new_file(self._index) as (file, publish):
            file.write(json.dumps(entry).encode())
            publish(key)


def intact(artifact: Artifact) -> bool:
    """True if an artefact's tar has the content that its digest names. Raises OSError."""
    with artifact.tar.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest == artifact.digest:
        return True
    return artifact.size_bytes == 0 and digest == _EMPTY_TAR


def check_total(
    artifacts: Sequence[Artifact], *, of: str = "", limit_bytes: int = UNZIPPED_BYTES
) -> None:
    """Raise SourceError when code and layers together are more than Lambda takes unzipped.

    ``artifacts`` are the code first and then the layers; ``of`` names the function version for
    the message, which names the size of each part.
    """
    total_bytes = sum(artifact.size_bytes for artifact in artifacts)
    if total_bytes <= limit_bytes:
        return
    parts = ", ".join(f"{part.label} {megabytes(part.size_bytes)}" for part in artifacts)
    prefix = f"{of}: " if of else ""
    raise SourceError(
        f"{prefix}code and layers together are {megabytes(total_bytes)} unzipped",
        why=f"Lambda allows {limit_bytes // MB} MB; {parts}",
        do="Remove what the function does not need, starting with the largest part",
    )


def _open(path: Path, *, label: str, skip: Path | None = None) -> Package:
    """Open a folder or zip; ``skip`` is a folder that is never part of a package.

    Raises SourceError when there is neither at ``path``, and OSError.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise SourceError(
            f"{label} is missing",
            why=f"there is no file or folder {path}",
            do="Build or download it, or correct the path",
        ) from error
    if stat.S_ISDIR(status.st_mode):
        return FolderPackage(path, label=label, skip=skip)
    if stat.S_ISREG(status.st_mode):
        return ZipPackage(path, label=label)
    raise refusal(label, f"{path} is {special_file(status.st_mode)}", "Give a folder or a .zip")


def _write_tar(package: Package, members: tuple[Member, ...], file: IO[bytes]) -> str:
    """Write the tar and return its SHA-256. GNU format: long names without a pax header."""
    sha256 = hashlib.sha256()

    def put(content: bytes) -> None:
        sha256.update(content)
        file.write(content)

    for member in members:
        info = tarfile.TarInfo(member.name)
        info.type = _TYPES[member.kind]
        info.mode = member.mode
        info.size = member.size
        info.linkname = member.target
        info.mtime = _MTIME_S
        put(info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape"))
        if member.kind is Kind.FILE:
            for chunk in package.chunks(member):
                put(chunk)
            put(bytes(-member.size % tarfile.BLOCKSIZE))
    put(bytes(2 * tarfile.BLOCKSIZE))
    return sha256.hexdigest()


def _index_name(path: Path, root_dir: str) -> str:
    key = f"{_INDEX_VERSION}\0{root_dir}\0{path}".encode("utf-8", "surrogateescape")
    return f"{hashlib.sha256(key).hexdigest()}.json"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
