"""The build context of a link: a tar, streamed piece by piece, whose package is verified by digest.

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
        held = b""
        while left and (piece := file.read(min(left, _CHUNK_BYTES))):
            yield held
            digest.update(piece)
            left -= len(piece)
            held = piece
    if left or digest.hexdigest() != artifact.digest:
        raise EngineError(
            f"the unpacked copy of {artifact.label} is not used",
            why=f"{path} is not what was unpacked: its digest is another one",
            do="Run again with --lambda-rollback-no-cache",
        )
    yield held + _padding(size)


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
