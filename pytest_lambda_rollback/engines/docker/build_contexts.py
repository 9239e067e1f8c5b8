"""The build context of a link: a tar, streamed piece by piece, whose package is verified by digest.

Some daemons, rootless ones among them, find out what a layer adds by size and modification time
alone, and lose a file that differs from an earlier layer's in neither. The files of all packages
have one time in the store, so here each package gets one of its own, by its digest.

The last piece of a package is sent only when its digest is right, so that no daemon ever has
a whole context with a package that was changed. Nothing here talks to Docker.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from pytest_lambda_rollback.engines.docker.image_chain import (
    ARTIFACT_NAME,
    CARRIER_TAR,
    AddedFile,
    ImageLink,
)
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import Artifact

_CHUNK_BYTES: Final = 1024 * 1024
_BLOCK_BYTES: Final = 512
_SIZE: Final = slice(124, 136)
_TIME: Final = slice(136, 148)
_CHECKSUM: Final = slice(148, 156)
"""Fields of a tar's header: https://www.gnu.org/software/tar/manual/html_node/Standard.html."""
_FIRST_TIME_S: Final = 315_532_800
_TIMES: Final = 1 << 28
"""Times of packages are from 1980 to 1988."""


def build_context(link: ImageLink) -> Iterator[bytes]:
    """The build context of a link as a tar: at most 2 MB of it are held in memory.

    Raises EngineError if the package's own tar is gone or is not the one of its digest.
    """
    yield from _member("Dockerfile", link.dockerfile.encode())
    if link.files:
        yield from _member(CARRIER_TAR, files_tar(link.files))
    if link.artifact is not None:
        yield from _artifact(link.artifact)
    yield bytes(2 * _BLOCK_BYTES)


def files_tar(files: tuple[AddedFile, ...]) -> bytes:
    """Files as a tar to unpack at the root of an image."""
    parts = [part for each in files for part in _member(each.path, each.content, each.mode)]
    return b"".join(parts) + bytes(2 * _BLOCK_BYTES)


def _artifact(artifact: Artifact) -> Iterator[bytes]:
    path = artifact.tar
    try:
        file = path.open("rb")
    except OSError as error:
        raise EngineError(
            f"the unpacked copy of {artifact.label} is gone",
            why=f"{path} no longer exists",
            do="Run again with --lambda-rollback-no-cache",
        ) from error
    with file:
        left = size = path.stat().st_size
        yield _header(ARTIFACT_NAME, size, 0o644)
        digest = sha256()
        times = _Times(_FIRST_TIME_S + int(artifact.digest[:16], 16) % _TIMES)
        held = b""
        while left and (piece := file.read(min(left, _CHUNK_BYTES))):
            yield held
            digest.update(piece)
            left -= len(piece)
            held = times.set_in(piece)
    if left or digest.hexdigest() != artifact.digest:
        raise EngineError(
            f"the unpacked copy of {artifact.label} is not used",
            why=f"{path} is not what was unpacked: its digest is another one",
            do="Run again with --lambda-rollback-no-cache",
        )
    yield held + _padding(size)


class _Times:
    """Sets the modification time of all members of a tar, which comes in whole blocks."""

    def __init__(self, time_s: int) -> None:
        self._field = b"%011o\0" % time_s
        self._skip = 0

    def set_in(self, piece: bytes) -> bytes:
        """The next piece of the tar with the times set."""
        changed = bytearray(piece)
        at = min(self._skip, len(changed))
        self._skip -= at
        while at < len(changed):
            header = changed[at : at + _BLOCK_BYTES]
            at += _BLOCK_BYTES
            if len(header) < _BLOCK_BYTES or not header[0]:
                continue
            try:
                size = int(bytes(header[_SIZE]).strip(b"\0 ") or b"0", 8)
            except ValueError:  # no tar: the digest will say so
                return bytes(changed)
            changed[at - _BLOCK_BYTES : at] = self._timed(header)
            data = size + -size % _BLOCK_BYTES
            within = min(data, len(changed) - at)
            at += within
            self._skip = data - within
        return bytes(changed)

    def _timed(self, header: bytearray) -> bytearray:
        header[_TIME] = self._field
        header[_CHECKSUM] = b" " * 8
        header[_CHECKSUM] = b"%06o\0 " % sum(header)
        return header


def _member(name: str, content: bytes, mode: int = 0o644) -> Iterator[bytes]:
    yield _header(name, len(content), mode)
    yield content + _padding(len(content))


def _header(name: str, size: int, mode: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = mode
    return member.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK_BYTES)
