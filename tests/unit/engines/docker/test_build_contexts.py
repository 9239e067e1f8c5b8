"""Build contexts: their content, their size in memory, and packages that were changed."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.engines.docker.build_contexts import build_context
from pytest_lambda_rollback.engines.docker.image_chain import ImageLink, image_chain
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import (
    Artifact,
    FunctionConfiguration,
    FunctionVersion,
)

CARRIER = b"the carrier's program"


def links(tar: Path) -> tuple[ImageLink, ...]:
    digest = hashlib.sha256(tar.read_bytes() if tar.exists() else b"").hexdigest()
    version = FunctionVersion(
        function="orders",
        version="4",
        code=Artifact(label="code", digest=digest, size_bytes=1, tar=tar),
        layers=(),
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
    )
    return image_chain("sha256:0", version, CARRIER)


def members(content: bytes) -> dict[str, tuple[int, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        found: dict[str, Any] = {}
        for each in tar.getmembers():
            file = tar.extractfile(each)
            assert file is not None
            found[each.name] = (each.mode, file.read())
        return found


def test_build_contexts_hold_dockerfile_and_content(tmp_path: Path) -> None:
    tar = tmp_path / "code.tar"
    tar.write_bytes(b"x" * 1000)
    carrier, code = links(tar)

    context = members(b"".join(build_context(code)))
    assert context == {
        "Dockerfile": (0o644, code.dockerfile.encode()),
        "artifact.tar": (0o644, b"x" * 1000),
    }
    inner = members(members(b"".join(build_context(carrier)))["carrier.tar"][1])
    assert inner["lambda-rollback-carrier"] == (0o111, CARRIER)
    assert set(inner) == {
        "lambda-rollback-carrier",
        "etc/nsswitch.conf",
        "etc/passwd",
        "etc/group",
    }


def test_build_context_is_not_held_in_memory(tmp_path: Path) -> None:
    tar = tmp_path / "code.tar"
    with tar.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    code = links(tar)[-1]

    tracemalloc.start()
    try:
        size = sum(len(piece) for piece in build_context(code))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size > 64 * 1024 * 1024
    assert peak < 8 * 1024 * 1024


def test_package_that_is_gone_is_named(tmp_path: Path) -> None:
    code = links(tmp_path / "gone.tar")[-1]

    with pytest.raises(EngineError, match="the unpacked copy of code is gone"):
        list(build_context(code))


@pytest.mark.parametrize("size", [10, 1000, 3 * 1024 * 1024 + 1, 2 * 1024 * 1024])
@pytest.mark.parametrize("where", [0, -1])
def test_package_that_was_changed_never_reaches_the_daemon(
    tmp_path: Path, size: int, where: int
) -> None:
    tar = tmp_path / "code.tar"
    content = bytearray(b"x" * size)
    tar.write_bytes(content)
    code = links(tar)[-1]
    content[where] = ord("y")
    tar.write_bytes(content)

    sent: list[bytes] = []
    with pytest.raises(EngineError) as raised:
        sent.extend(build_context(code))

    assert str(raised.value) == (
        f"the unpacked copy of code is not used: {tar} is not what was unpacked: its digest is "
        "another one. Run again with --lambda-rollback-no-cache."
    )
    header_bytes = 512
    assert sum(map(len, sent)) < size + 3 * header_bytes + len(code.dockerfile)


def test_package_that_grew_or_shrank_is_not_used(tmp_path: Path) -> None:
    tar = tmp_path / "code.tar"
    tar.write_bytes(b"x" * 5000)
    code = links(tar)[-1]
    for content in (b"x" * 4999, b"x" * 5001, b""):
        tar.write_bytes(content)
        with pytest.raises(EngineError, match="its digest is another one"):
            list(build_context(code))


def made_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o640, 315_532_800
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "a" * 150
        tar.addfile(link)
    return path


def package_in(link: ImageLink) -> bytes:
    return members(b"".join(build_context(link)))["artifact.tar"][1]


FILES = {
    "small": b"v = 1\n",
    "large": bytes(range(256)) * 10_000,
    "n/" * 120 + "deep": b"deep",
    "empty": b"",
    "tar-in-tar": b"x" * 511 + b"y" * 2_000_000,
}


def test_files_of_a_package_have_a_time_of_their_own(tmp_path: Path) -> None:
    one = package_in(links(made_tar(tmp_path / "one.tar", FILES))[-1])
    same = package_in(links(made_tar(tmp_path / "same.tar", FILES))[-1])
    other = package_in(links(made_tar(tmp_path / "other.tar", FILES | {"small": b"v = 2\n"}))[-1])

    def times(content: bytes) -> set[float]:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            return {each.mtime for each in tar.getmembers()}

    assert one == same
    assert len(times(one)) == len(times(other)) == 1
    assert times(one) != times(other)
    assert all(315_532_800 <= time < 600_000_000 for time in times(one) | times(other))


def test_nothing_but_the_times_of_a_package_is_changed(tmp_path: Path) -> None:
    path = made_tar(tmp_path / "one.tar", FILES)

    def described(content: bytes) -> list[tuple[object, ...]]:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            return [
                (each.name, each.mode, each.type, each.linkname, each.size, read(tar, each))
                for each in tar.getmembers()
            ]

    def read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
        file = tar.extractfile(member) if member.isreg() else None
        return file.read() if file is not None else b""

    assert described(package_in(links(path)[-1])) == described(path.read_bytes())
    assert len(package_in(links(path)[-1])) == path.stat().st_size
