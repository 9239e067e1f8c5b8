"""Where a zip comes from, and what is refused."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from helpers.made_published import code, digest, layer, made_zip
from pytest_lambda_rollback.aws.locations import ExpiredLocation, InterruptedDownload
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import Location, RemotePackage
from pytest_lambda_rollback.sources.archive.archive import Archive

ZIP = made_zip("orders")
CODE = code("orders", "3", ZIP)
LAYER = layer("acme", 2)
SECRET = "X-Amz-Signature"


@dataclass
class Aws:
    """Offers one content for every package, and downloads of it that go wrong in order."""

    content: bytes = ZIP
    faults: list[Callable[[Callable[[bytes], object]], None]] = field(default_factory=list)
    said: Location | None = None
    located: list[str] = field(default_factory=list)
    downloads: int = 0
    pauses: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def locate(self, package: RemotePackage) -> Location:
        self.located.append(package.name)
        url = f"https://storage.example/{len(self.located)}?{SECRET}=planted"
        said = self.said or Location(
            url="", sha256=digest(self.content), size_bytes=len(self.content)
        )
        return replace(said, url=url)

    def download(
        self, url: str, write: Callable[[bytes], object], *, limit_bytes: int, timeout_s: float
    ) -> None:
        assert url.endswith(f"/{len(self.located)}?{SECRET}=planted"), "the latest location"
        assert limit_bytes >= 0
        assert timeout_s > 0
        self.downloads += 1
        if self.faults:
            self.faults.pop(0)(write)
            return
        for start in range(0, len(self.content), 50):
            write(self.content[start : start + 50])


def expires(write: Callable[[bytes], object]) -> None:
    write(ZIP[:30])
    raise ExpiredLocation("the package", why="HTTP 403", do="Check the clock")


def breaks_off(write: Callable[[bytes], object]) -> None:
    write(ZIP[:30])
    raise InterruptedDownload("the package", why="the connection broke off")


@dataclass
class FakeBucket:
    kept: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    url: str = "s3://shared/prefix"

    def get(self, sha256: str, write: Callable[[bytes], object], *, limit_bytes: int) -> bool:
        self.asked.append(sha256)
        if self.faults:
            raise self.faults.pop(0)
        if sha256 not in self.kept:
            return False
        write(self.kept[sha256])
        return True

    def put(self, sha256: str, path: Path) -> None:
        self.kept[sha256] = path.read_bytes()

    def objects(self) -> Iterator[tuple[str, int]]:
        yield from ((digest, len(content)) for digest, content in self.kept.items())


@pytest.fixture
def aws() -> Aws:
    return Aws()


@pytest.fixture
def archive(tmp_path: Path, aws: Aws) -> Archive:
    return Archive(tmp_path / "store", sleep=aws.pauses.append)


def fetch(archive: Archive, aws: Aws, package: RemotePackage = CODE, *, offline: bool = False):  # type: ignore[no-untyped-def]
    return archive.fetch(
        package,
        locate=None if offline else aws.locate,
        download=aws.download,
        progress=aws.lines.append,
    )


def files(archive: Archive) -> list[str]:
    folder = archive.root / "objects"
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix)


def test_a_zip_is_kept_under_its_digest_for_the_owner_alone(archive: Archive, aws: Aws) -> None:
    held = fetch(archive, aws)
    assert held.path == archive.root / "objects" / digest(ZIP)[:2] / f"{digest(ZIP)}.zip"
    assert held.path.read_bytes() == ZIP
    assert (held.sha256, held.size_bytes, held.fetched) == (digest(ZIP), len(ZIP), True)
    assert stat.S_IMODE(held.path.stat().st_mode) == 0o600
    assert archive.held(digest(ZIP)) == held.path
    assert files(archive) == [f"{digest(ZIP)}.zip"]


def test_nothing_is_made_before_something_is_fetched(archive: Archive, aws: Aws) -> None:
    assert archive.held(digest(ZIP)) is None
    with pytest.raises(SourceError):
        fetch(archive, aws, offline=True)
    assert not archive.root.exists()


def test_what_is_there_is_neither_located_nor_downloaded(archive: Archive, aws: Aws) -> None:
    fetch(archive, aws)
    for each in (archive, Archive(archive.root)):
        assert fetch(each, aws).fetched is False
        assert fetch(each, aws, offline=True).path.read_bytes() == ZIP
    assert (aws.located, aws.downloads) == (["orders:3"], 1)


def test_a_layer_without_a_digest_is_located_once(archive: Archive, aws: Aws) -> None:
    assert fetch(archive, aws, LAYER).sha256 == digest(ZIP)
    again = Archive(archive.root)
    assert again.known(LAYER).sha256 == digest(ZIP)
    assert fetch(again, aws, LAYER, offline=True).path.read_bytes() == ZIP
    assert (aws.located, aws.downloads) == (["acme 2"], 1)


def test_what_is_missing_offline_says_what_to_do(archive: Archive, aws: Aws) -> None:
    for package, name in ((CODE, "orders:3"), (LAYER, "acme 2")):
        with pytest.raises(SourceError) as caught:
            fetch(archive, aws, package, offline=True)
        assert caught.value.what == f"{name} is not in the archive"
        assert "`lambda-rollback sync`" in caught.value.do
    assert aws.located == []


def test_an_expired_location_is_renewed(archive: Archive, aws: Aws) -> None:
    aws.faults = [expires, expires]
    assert fetch(archive, aws).path.read_bytes() == ZIP
    assert len(aws.located) == 3


def test_a_location_that_never_holds_is_given_up(archive: Archive, aws: Aws) -> None:
    aws.faults = [expires] * 20
    with pytest.raises(SourceError) as caught:
        fetch(archive, aws)
    assert str(caught.value) == (
        "orders:3 cannot be downloaded: it was located 3 times; finally HTTP 403. Check the clock."
    )
    assert len(aws.located) == 3
    assert files(archive) == []


def test_an_interrupted_download_is_tried_again_after_growing_pauses(
    archive: Archive, aws: Aws
) -> None:
    aws.faults = [breaks_off] * 3
    assert fetch(archive, aws).path.read_bytes() == ZIP
    assert (len(aws.located), aws.downloads) == (1, 4)
    assert aws.pauses == sorted(aws.pauses)
    assert len(aws.pauses) == 3


def test_a_download_that_always_breaks_off_is_given_up(archive: Archive, aws: Aws) -> None:
    aws.faults = [breaks_off] * 20
    with pytest.raises(SourceError, match="interrupted 4 times; finally the connection broke off"):
        fetch(archive, aws)
    assert files(archive) == []
    aws.faults = []
    assert fetch(archive, aws).path.read_bytes() == ZIP


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (ZIP[:-1] + b"?", "SHA-256"),
        (ZIP[:-1], f"{len(ZIP) - 1} bytes were received, but AWS reported {len(ZIP)}"),
        (ZIP + b"x", f"{len(ZIP) + 1} bytes were received"),
        (b"", "0 bytes were received"),
    ],
)
def test_what_is_not_what_aws_said_is_not_kept(
    archive: Archive, aws: Aws, content: bytes, why: str
) -> None:
    aws.faults = [lambda write: write(content) and None]
    with pytest.raises(SourceError) as caught:
        fetch(archive, aws)
    assert "the download of orders:3 is damaged" in str(caught.value)
    assert why in caught.value.why
    assert SECRET not in repr(caught.value)
    assert files(archive) == []


@pytest.mark.parametrize(("version", "do"), [("3", "recreated"), ("$LATEST", "deployed in betw")])
def test_a_location_of_other_code_than_listed_is_refused(
    archive: Archive, aws: Aws, version: str, do: str
) -> None:
    aws.content = made_zip("other")
    with pytest.raises(SourceError) as caught:
        fetch(archive, aws, code("orders", version, ZIP))
    assert f"orders:{version} has changed" in str(caught.value)
    assert do in caught.value.do
    assert aws.downloads == 0


def test_a_zip_over_lambdas_limit_is_not_downloaded(archive: Archive, aws: Aws) -> None:
    aws.said = Location(url="", sha256=digest(ZIP), size_bytes=300 * 1024 * 1024)
    with pytest.raises(SourceError, match=r"orders:3 is too large: its zip is 300\.0 MB"):
        fetch(archive, aws)
    assert aws.downloads == 0


@pytest.mark.parametrize("sha256", ["", "../../../etc/passwd", "A" * 64, "ab" * 31, "/" * 64])
def test_a_digest_cannot_lead_elsewhere(archive: Archive, aws: Aws, sha256: str) -> None:
    with pytest.raises(SourceError, match="no valid digest"):
        archive.held(sha256)
    with pytest.raises(SourceError, match="no valid digest"):
        fetch(archive, aws, replace(CODE, sha256=sha256))
    aws.said = Location(url="", sha256=sha256, size_bytes=1)
    with pytest.raises(SourceError, match="no valid digest"):
        fetch(archive, aws, LAYER)
    assert files(archive) == []


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    changed = {
        "cut": content[:-7],
        "empty": b"",
        "flipped": content[:20] + bytes([content[20] ^ 4]) + content[21:],
        "longer": content + b"x",
    }[how]
    path.write_bytes(changed)


@pytest.mark.parametrize("how", ["cut", "empty", "flipped", "longer"])
@pytest.mark.parametrize("same_process", [True, False])
def test_a_damaged_object_is_named_and_fetched_again(
    archive: Archive, aws: Aws, how: str, same_process: bool
) -> None:
    path = fetch(archive, aws).path
    damage(path, how)
    again = archive if same_process else Archive(archive.root)
    with pytest.raises(SourceError) as caught:
        fetch(again, aws, offline=True)
    assert caught.value.what == "orders:3 is damaged in the archive"
    assert str(path) in caught.value.why
    held = fetch(again, aws)
    assert held.fetched
    assert held.path.read_bytes() == ZIP
    assert aws.lines == [f"orders:3 is damaged in the archive ({path}), fetching it again"]
    assert fetch(Archive(archive.root), aws, offline=True).fetched is False


def test_a_damaged_object_stays_until_another_is_there(archive: Archive, aws: Aws) -> None:
    path = fetch(archive, aws).path
    damage(path, "cut")
    aws.faults = [breaks_off] * 20
    with pytest.raises(SourceError):
        fetch(archive, aws)
    assert path.read_bytes() == ZIP[:-7]
    assert archive.held(digest(ZIP)) == path


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the zips that are read in whole from now on."""
    seen: list[str] = []
    real = Path.open

    def opened(path: Path, *args: object, **options: object):  # type: ignore[no-untyped-def]
        if path.suffix == ".zip":
            seen.append(path.name)
        return real(path, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", opened)
    return seen


def test_a_second_run_does_not_read_zips_again(
    archive: Archive, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch(archive, aws).path
    seen = reads(monkeypatch)
    fetch(Archive(archive.root), aws)
    assert seen == []
    os.utime(path, ns=(1, 1))  # as a copied archive has it
    fetch(Archive(archive.root), aws)
    fetch(Archive(archive.root), aws)
    assert seen == [path.name]
    assert aws.downloads == 1


@pytest.mark.parametrize("content", [b"\xff\xfe\x00broken", b"object x 1 2 3\nobject", b"\n" * 9])
def test_a_damaged_index_costs_work_and_nothing_else(
    archive: Archive, aws: Aws, content: bytes
) -> None:
    fetch(archive, aws)
    (archive.root / "objects" / "index").write_bytes(content)
    assert fetch(Archive(archive.root), aws, offline=True).path.read_bytes() == ZIP


def test_using_a_zip_leaves_a_trace(archive: Archive, aws: Aws) -> None:
    path = fetch(archive, aws).path
    before = path.stat()
    os.utime(path, ns=(10**9, before.st_mtime_ns))
    assert fetch(archive, aws).fetched is False
    after = path.stat()
    assert after.st_atime > before.st_atime - 3600
    assert after.st_mtime_ns == before.st_mtime_ns
    assert aws.downloads == 1


def test_many_threads_fetch_a_zip_once(archive: Archive, aws: Aws) -> None:
    barrier = threading.Barrier(8)

    def work(_: int) -> bytes:
        barrier.wait(timeout=30)
        return fetch(archive, aws).path.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(work, range(8))) == {ZIP}
    assert aws.downloads == 1
    assert files(archive) == [f"{digest(ZIP)}.zip"]


def test_what_a_killed_fetch_left_is_taken_over(archive: Archive, aws: Aws) -> None:
    folder = archive.root / "objects" / digest(ZIP)[:2]
    folder.mkdir(parents=True)
    (folder / f"{digest(ZIP)}.part").write_bytes(b"x" * 10_000)
    assert fetch(archive, aws).path.read_bytes() == ZIP
    assert files(archive) == [f"{digest(ZIP)}.zip"]


def test_a_file_that_is_taken_away_while_it_is_written_is_one_failure(
    archive: Archive, aws: Aws
) -> None:
    def taken_away(write: Callable[[bytes], object]) -> None:
        write(ZIP)
        (part,) = archive.root.rglob("*.part")
        part.unlink()

    aws.faults.append(taken_away)
    with pytest.raises(SourceError, match="orders:3 could not be stored in the archive"):
        fetch(archive, aws)
    assert fetch(archive, aws).fetched


def test_whoever_waits_for_another_can_give_up(archive: Archive, aws: Aws) -> None:
    class GivenUp(Exception):
        pass

    asked = 0

    def go_on() -> None:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise GivenUp

    folder = archive.root / "objects" / digest(ZIP)[:2]
    folder.mkdir(parents=True)
    with (folder / f"{digest(ZIP)}.part").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(GivenUp):
            archive.fetch(
                CODE,
                locate=aws.locate,
                download=aws.download,
                progress=aws.lines.append,
                go_on=go_on,
            )
    assert aws.lines == ["waiting for orders:3, which is being fetched already"]


def test_a_link_in_the_place_of_a_new_file_is_not_followed(
    archive: Archive, aws: Aws, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = archive.root / "objects" / digest(ZIP)[:2]
    folder.mkdir(parents=True)
    (folder / f"{digest(ZIP)}.part").symlink_to(victim)
    with pytest.raises(SourceError, match="could not be stored in the archive"):
        fetch(archive, aws)
    assert victim.read_text() == "mine"


def test_a_bucket_is_asked_before_aws(tmp_path: Path, aws: Aws) -> None:
    bucket = FakeBucket({digest(ZIP): ZIP})
    archive = Archive(tmp_path, bucket=bucket)
    assert fetch(archive, aws, offline=True).path.read_bytes() == ZIP
    assert fetch(archive, aws).fetched is False
    assert (len(bucket.asked), aws.located) == (1, [])


def test_what_the_bucket_lacks_comes_from_aws_and_is_not_written_there(
    tmp_path: Path, aws: Aws
) -> None:
    bucket = FakeBucket()
    archive = Archive(tmp_path, bucket=bucket)
    with pytest.raises(SourceError, match="orders:3 is not in the archive nor in s3://shared/pref"):
        fetch(archive, aws, offline=True)
    assert fetch(archive, aws).path.read_bytes() == ZIP
    assert bucket.kept == {}


def test_a_damaged_object_of_the_bucket_is_said_and_passed_over(tmp_path: Path, aws: Aws) -> None:
    bucket = FakeBucket({digest(ZIP): b"something else"})
    archive = Archive(tmp_path, bucket=bucket)
    with pytest.raises(SourceError):
        fetch(archive, aws, offline=True)
    assert archive.held(digest(ZIP)) is None
    assert fetch(archive, aws).path.read_bytes() == ZIP
    assert "orders:3 is damaged in s3://shared/prefix" in aws.lines


def test_an_interrupted_bucket_is_asked_again(tmp_path: Path, aws: Aws) -> None:
    fault = InterruptedDownload("s3://shared cannot be read", why="it fell silent")
    bucket = FakeBucket({digest(ZIP): ZIP}, faults=[fault])
    archive = Archive(tmp_path, bucket=bucket, sleep=aws.pauses.append)
    assert fetch(archive, aws).path.read_bytes() == ZIP
    assert aws.located == []
    assert len(aws.pauses) == 1


def test_a_bucket_that_cannot_be_read_is_an_error(tmp_path: Path, aws: Aws) -> None:
    bucket = FakeBucket(faults=[SourceError("s3://shared cannot be read", why="denied")])
    with pytest.raises(SourceError, match="denied"):
        fetch(Archive(tmp_path, bucket=bucket), aws)
    assert aws.located == []
