"""The archive against real processes, downloads and disks that fail."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.child_processes import heed_interrupts
from helpers.made_published import (
    PackageServer,
    code,
    digest,
    function_arn,
    layer_arn,
    made_zip,
    package_server,
)
from pytest_lambda_rollback.aws.locations import download
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import RemotePackage
from pytest_lambda_rollback.sources.archive import locks
from pytest_lambda_rollback.sources.archive.archive import Archive, HeldPackage

pytestmark = pytest.mark.fault

HANG_GUARD_S = 120
NOBODY = 65534
ZIP = made_zip("orders", 50_000)
CODE = code("orders", "3", ZIP)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[PackageServer]:
    with package_server() as served:
        served.add(CODE, ZIP)
        yield served


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def said(tmp_path: Path) -> Path:
    """What the processes said of their progress."""
    return tmp_path / "progress"


@pytest.fixture
def start(server: PackageServer, root: Path, said: Path) -> Iterator[Start]:
    """Start a sync of functions x versions, and their layer, in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(count: int, versions: int, size_bytes: int, *, workers: int = 4) -> Any:
        server.contents.clear()
        for number in range(count):
            for each in range(versions, 0, -1):
                arn = function_arn(f"function-{number}", str(each))
                server.contents[arn] = made_zip(f"{number}:{each}", size_bytes)
        server.contents[layer_arn("shared", 1)] = made_zip("shared", size_bytes)
        tests = Path(__file__).parent.parent
        with said.open("a") as progress:
            process = subprocess.Popen(
                [sys.executable, "-m", "helpers.sync_process", str(root), server.url, str(workers)],
                env={**os.environ, "PYTHONPATH": str(tests)},
                stdout=subprocess.PIPE,
                stderr=progress,
                text=True,
                preexec_fn=heed_interrupts,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=HANG_GUARD_S)
    assert process.returncode == 0
    answer = json.loads(out)
    assert isinstance(answer, dict)
    return answer


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HANG_GUARD_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def fetch(root: Path, server: PackageServer, package: RemotePackage = CODE) -> HeldPackage:
    return Archive(root, sleep=lambda _: None).fetch(
        package, locate=server.locate, download=download, progress=lambda _: None
    )


def objects(root: Path) -> set[str]:
    return {path.stem for path in root.rglob("*.zip")}


# --- processes ------------------------------------------------------------------------------


def test_after_sigkill_only_what_was_not_finished_is_fetched(
    server: PackageServer, start: Start, root: Path
) -> None:
    server.chunk_pause_s = 0.03
    process = start(4, 6, 100_000)
    until(lambda: len(objects(root)) >= 8)
    process.send_signal(signal.SIGKILL)
    process.wait()
    held = objects(root)
    assert 8 <= len(held) < 25
    for path in root.rglob("*.zip"):
        assert digest(path.read_bytes()) == path.stem
    before = len(server.located), server.requests
    assert locks.names(root), "what AWS said of functions is not lost"

    server.chunk_pause_s = 0
    server.downloads.clear()
    server.located.clear()
    again = ended(start(4, 6, 100_000))
    assert (again["held"], again["fetched"], again["failed"]) == (len(held), 25 - len(held), [])
    assert server.requests == 25 - len(held)
    assert sum(server.located.values()) == 25 - len(held)
    fetched = {digest(server.contents[arn]) for arn in server.downloads}
    assert fetched & held == set()
    assert before[1] >= len(held)
    assert len(objects(root)) == 25
    assert list(root.rglob("*.part")) == []
    assert list(root.rglob("*.tmp")) == []


def test_two_syncs_at_once_fetch_everything_once(
    server: PackageServer, start: Start, root: Path
) -> None:
    server.chunk_pause_s = 0.002
    one, two = start(3, 5, 60_000), start(3, 5, 60_000)
    reports = ended(one), ended(two)
    assert [each["failed"] for each in reports] == [[], []]
    assert sum(each["fetched"] for each in reports) == 16
    assert set(server.finished.values()) == {1}
    assert server.requests == 16
    assert len(objects(root)) == 16
    for path in root.rglob("*.zip"):
        assert digest(path.read_bytes()) == path.stem
    shared = digest(server.contents[layer_arn("shared", 1)])
    for name in locks.names(root):
        locked = locks.read(root, name)
        assert locked is not None
        assert {each.layers[0].sha256 for each in locked.versions} == {shared}
    assert list(root.rglob("*.part")) == []


def test_a_killed_process_does_not_block_the_one_that_waits(
    server: PackageServer, start: Start, root: Path, said: Path
) -> None:
    server.chunk_pause_s = 0.2
    slow = start(1, 1, 200_000)
    until(lambda: server.requests >= 1 and bool(list(root.rglob("*.part"))))
    waiting = start(1, 1, 200_000)
    until(lambda: "waiting for function-0:1" in said.read_text())
    server.chunk_pause_s = 0
    slow.send_signal(signal.SIGKILL)
    slow.wait()
    report = ended(waiting)
    assert report["failed"] == []
    assert len(objects(root)) == 2


def test_an_interrupt_leaves_nothing_unfinished(
    server: PackageServer, start: Start, root: Path
) -> None:
    server.chunk_pause_s = 0.02
    process = start(1, 4, 200_000)
    until(lambda: len(list(root.rglob("*.part"))) >= 2)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=HANG_GUARD_S)
    assert process.returncode not in (0, -signal.SIGKILL)
    assert list(root.rglob("*.part")) == []


# --- downloads ------------------------------------------------------------------------------


def test_an_expired_location_is_renewed(server: PackageServer, root: Path) -> None:
    server.fault = lambda arn, number: "expired" if number < 3 else None
    assert fetch(root, server).path.read_bytes() == ZIP
    assert server.located[CODE.arn] == 3


@pytest.mark.parametrize("fault", ["cut", "busy"])
def test_a_truncated_body_is_fetched_again(server: PackageServer, root: Path, fault: str) -> None:
    server.fault = lambda arn, number: fault if number < 3 else None
    assert fetch(root, server).path.read_bytes() == ZIP
    assert (server.located[CODE.arn], server.downloads[CODE.arn]) == (1, 3)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("flip", "SHA-256"),
        ("short", "bytes were received, but AWS reported"),
        ("cut", "interrupted 4 times"),
        ("expired", "located 3 times"),
    ],
)
def test_what_never_comes_whole_is_refused_and_not_kept(
    server: PackageServer, root: Path, fault: str, why: str
) -> None:
    server.fault = lambda arn, number: fault
    with pytest.raises(SourceError) as caught:
        fetch(root, server)
    assert "orders:3" in str(caught.value)
    assert why in caught.value.why
    for error in (caught.value, caught.value.__cause__):
        assert "planted" not in f"{error!r} {error}"
    assert [path for path in root.rglob("*.*") if path.suffix in (".zip", ".part")] == []


# --- disks ----------------------------------------------------------------------------------


def test_a_damaged_object_is_fetched_again_and_others_are_not(
    server: PackageServer, start: Start, root: Path
) -> None:
    ended(start(2, 3, 1000))
    server.downloads.clear()
    server.located.clear()
    damaged = sorted(root.rglob("*.zip"))[3]
    content = bytearray(damaged.read_bytes())
    content[100] ^= 1
    damaged.write_bytes(content)
    report = ended(start(2, 3, 1000))
    assert (report["fetched"], report["held"], report["failed"]) == (1, 6, [])
    assert (server.requests, sum(server.located.values())) == (1, 1)
    assert digest(damaged.read_bytes()) == damaged.stem


@pytest.fixture
def read_only() -> Iterator[Path]:
    """An archive with one zip in a folder that its user may only read."""
    parent = Path(tempfile.mkdtemp(prefix="lambda-rollback-"))
    parent.chmod(0o755)
    try:
        yield parent / "store"
    finally:
        for path in parent.rglob("*"):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(parent)


@pytest.fixture
def as_user() -> Iterator[Callable[[], None]]:
    """From its call on, the process writes as somebody without root's rights."""
    root = os.geteuid() == 0

    def become() -> None:
        if root:
            os.seteuid(NOBODY)

    yield become
    if root:
        os.seteuid(0)


def test_a_read_only_archive_can_be_used_and_not_filled(
    server: PackageServer, read_only: Path, as_user: Callable[[], None]
) -> None:
    fetch(read_only, server)
    for path in sorted(read_only.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    read_only.chmod(0o555)
    os.utime(next(read_only.rglob("*.zip")), ns=(1, 1))
    as_user()
    assert fetch(read_only, server).fetched is False
    other = made_zip("other")
    package = code("orders", "4", other)
    server.add(package, other)
    with pytest.raises(SourceError) as caught:
        fetch(read_only, server, package)
    assert "orders:4 could not be stored in the archive" in str(caught.value)
    assert "Permission denied" in caught.value.why
    assert server.downloads[package.arn] == 0


def test_a_disk_that_takes_no_more_is_an_error_and_leaves_nothing(
    server: PackageServer, root: Path
) -> None:
    fetch(root, server)
    big = made_zip("big", 400_000)
    package = code("orders", "5", big)
    server.add(package, big)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(
            SourceError, match="orders:5 could not be stored in the archive"
        ) as caught:
            fetch(root, server, package)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "File too large" in caught.value.why
    assert objects(root) == {digest(ZIP)}
    assert list(root.rglob("*.part")) == []
    assert fetch(root, server, package).path.read_bytes() == big


def test_a_full_disk_says_to_make_room(
    server: PackageServer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError, match="No space left on device") as caught:
        fetch(root, server)
    assert "`lambda-rollback clean`" in caught.value.do
    assert list(root.rglob("*.part")) == []


# --- memory ---------------------------------------------------------------------------------


def test_memory_does_not_grow_with_what_is_fetched(
    server: PackageServer, start: Start, root: Path
) -> None:
    few = ended(start(2, 2, 1000))["peak_mb"]
    shutil.rmtree(root)
    large = ended(start(2, 4, 20_000_000))["peak_mb"]
    assert large < few + 60, "eight packages of 20 MB are never in memory"
