"""A sync: what is asked, what is written when, and what one failure does to the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from helpers.made_published import digest, function, function_arn, layer, made_zip, version
from pytest_lambda_rollback.aws.locations import GoneLocation
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.published import PublishedFunction
from pytest_lambda_rollback.model.versions import ContainerImage, Location, RemotePackage
from pytest_lambda_rollback.sources.archive import locks
from pytest_lambda_rollback.sources.archive.archive import Archive
from pytest_lambda_rollback.sources.archive.syncing import Locate, Missed, SyncReport, sync

ONE, TWO, NEW, LAYER = (made_zip(text) for text in ("one", "two", "new", "layer"))


@dataclass
class Aws:
    contents: dict[str, bytes] = field(default_factory=dict)
    """By ARN; what is not in it AWS does not have."""
    located: list[str] = field(default_factory=list)
    downloaded: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, *made: PublishedFunction, contents: dict[str, bytes]) -> None:
        """``contents`` by digest; layers without one by ARN."""
        for each in (v for f in made for v in f.versions):
            for package in (each.code, *each.layers):
                if isinstance(package, RemotePackage):
                    key = package.sha256 or package.arn
                    if key in contents:
                        self.contents[package.arn] = contents[key]

    def locate_for(self, function: PublishedFunction) -> Locate:
        return self.locate

    def locate(self, package: RemotePackage) -> Location:
        with self.lock:
            self.located.append(package.name)
        if package.arn not in self.contents:
            raise SourceError(f"{package.name} is unavailable", why="it was deleted")
        content = self.contents[package.arn]
        return Location(url=package.arn, sha256=digest(content), size_bytes=len(content))

    def download(
        self, url: str, write: Callable[[bytes], object], *, limit_bytes: int, timeout_s: float
    ) -> None:
        with self.lock:
            self.downloaded.append(url)
        write(self.contents[url])


CONTENTS = {digest(each): each for each in (ONE, TWO, NEW, LAYER)}
ACME = layer("acme", 2)
ORDERS = function(
    "orders",
    version("orders", "$LATEST", NEW, ACME),
    version("orders", "2", TWO, ACME),
    version("orders", "1", ONE, ACME),
)
BILLING = function("billing", version("billing", "7", NEW, ACME), version("billing", "6", ONE))


@pytest.fixture
def aws() -> Aws:
    made = Aws()
    made.serve(ORDERS, BILLING, contents={**CONTENTS, ACME.arn: LAYER})
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


def run(root: Path, aws: Aws, *functions: PublishedFunction, workers: int = 4) -> SyncReport:
    return sync(
        iter(functions),
        Archive(root),
        locate_for=aws.locate_for,
        download=aws.download,
        workers=workers,
        progress=aws.lines.append,
    )


@pytest.mark.parametrize("workers", [1, 4])
def test_each_content_is_fetched_once(root: Path, aws: Aws, workers: int) -> None:
    report = run(root, aws, ORDERS, BILLING, workers=workers)
    assert (report.fetched, report.held, report.failed, report.lost) == (4, 0, (), ())
    assert report.bytes == sum(map(len, CONTENTS.values()))
    assert len(aws.located) == len(aws.downloaded) == 4
    assert [(each.name, each.versions, each.lock_changed) for each in report.functions] == [
        ("orders", 3, True),
        ("billing", 2, True),
    ]
    assert sum(line.startswith("fetched ") for line in aws.lines) == 4


def test_progress_names_some_packages_and_counts_the_rest(root: Path, aws: Aws) -> None:
    contents = [made_zip(str(number)) for number in range(120)]
    many = function("many", *(version("many", str(n), each) for n, each in enumerate(contents, 1)))
    aws.serve(many, contents={digest(each): each for each in contents})
    assert run(root, aws, many).fetched == 120
    told = [line for line in aws.lines if line.startswith("fetched ")]
    assert len(told) == 51
    assert told[-1] == "fetched 100 packages"


def test_a_second_sync_asks_for_nothing_and_writes_nothing(root: Path, aws: Aws) -> None:
    run(root, aws, ORDERS, BILLING)
    before = {path: path.stat().st_mtime_ns for path in (root / "locks").glob("*.json")}
    aws.located.clear()
    aws.downloaded.clear()
    report = run(root, aws, replace(ORDERS, as_of="2027-01-01T00:00:00Z"), BILLING)
    assert (report.fetched, report.held, report.bytes) == (0, 4, 0)
    assert (aws.located, aws.downloaded) == ([], [])
    assert not any(each.lock_changed for each in report.functions)
    assert {path: path.stat().st_mtime_ns for path in (root / "locks").glob("*.json")} == before


def test_lock_files_name_the_digests_of_layers(root: Path, aws: Aws) -> None:
    run(root, aws, ORDERS)
    locked = locks.read(root, "orders")
    assert locked is not None
    assert {each.layers[0].sha256 for each in locked.versions} == {digest(LAYER)}


def test_only_lock_files_are_needed_to_know_layers(root: Path, aws: Aws) -> None:
    """As after a clone, whose objects came from elsewhere."""
    run(root, aws, ORDERS)
    (root / "objects" / "index").unlink()
    aws.located.clear()
    run(root, aws, ORDERS)
    assert aws.located == []


def test_what_aws_said_is_written_before_anything_is_fetched(root: Path, aws: Aws) -> None:
    seen: list[bool] = []
    real = aws.download

    def download(url: str, write: Callable[[bytes], object], **options: object) -> None:
        seen.append(locks.read(root, "orders") is not None)
        real(url, write, limit_bytes=1, timeout_s=1)

    aws.download = download  # type: ignore[method-assign, assignment]
    run(root, aws, ORDERS)
    assert seen == [True] * 4


def test_one_failure_stops_nothing_else(root: Path, aws: Aws) -> None:
    del aws.contents[function_arn("orders", "2")]
    del aws.contents[ACME.arn]
    report = run(root, aws, ORDERS, BILLING)
    users = ("orders:$LATEST", "orders:2", "orders:1", "billing:7")
    assert sorted(report.failed, key=lambda each: each.name) == [
        Missed(name="acme 2", reason="acme 2 is unavailable: it was deleted.", used_by=users),
        Missed(name="orders:2", reason="orders:2 is unavailable: it was deleted."),
    ]
    assert (report.fetched, len(report.functions)) == (2, 2)
    assert aws.located.count("acme 2") == 1
    assert locks.names(root) == ("billing", "orders")


@pytest.mark.parametrize("order", [(ORDERS, BILLING), (BILLING, ORDERS)])
def test_what_one_account_may_not_read_another_one_is_asked_for(
    root: Path, aws: Aws, order: tuple[PublishedFunction, ...]
) -> None:
    def denied(package: RemotePackage) -> Location:
        if package == ACME:
            raise SourceError(f"{package.name} is unavailable", why="it is not allowed")
        return aws.locate(package)

    aws.locate_for = lambda function: denied if function is ORDERS else aws.locate  # type: ignore[method-assign]
    report = run(root, aws, *order)
    assert (report.failed, report.lost) == ((), ())
    assert len(list((root / "objects").rglob("*.zip"))) == 4


def test_a_layer_that_is_gone_for_good_is_lost_and_no_failure(root: Path, aws: Aws) -> None:
    real = aws.locate

    def locate(package: RemotePackage) -> Location:
        if package == ACME:
            raise GoneLocation(f"{package.name} is unavailable", why="it was deleted")
        return real(package)

    aws.locate = locate  # type: ignore[method-assign]
    report = run(root, aws, BILLING)
    assert report.failed == ()
    assert [(each.name, each.used_by) for each in report.lost] == [("acme 2", ("billing:7",))]


def test_a_function_that_cannot_be_asked_for_stops_nothing_else(root: Path, aws: Aws) -> None:
    real = aws.locate_for

    def locate_for(function: PublishedFunction) -> Locate:
        if function.name == "orders":
            raise ConfigError("there is no profile of that name")
        return real(function)

    aws.locate_for = locate_for  # type: ignore[method-assign]
    report = run(root, aws, ORDERS, BILLING)
    assert report.failed == (Missed(name="orders", reason="there is no profile of that name."),)
    assert [each.name for each in report.functions] == ["billing"]


def test_a_damaged_lock_file_stops_its_function_alone(root: Path, aws: Aws) -> None:
    run(root, aws, ORDERS)
    path = root / "locks" / "orders.json"
    path.write_text("{")
    report = run(root, aws, ORDERS, BILLING)
    assert [each.name for each in report.failed] == ["orders"]
    assert f"the lock file {path} is damaged" in report.failed[0].reason
    assert path.read_text() == "{"


def test_versions_that_aws_lost_stay_and_are_not_asked_for(root: Path, aws: Aws) -> None:
    run(root, aws, ORDERS)
    aws.located.clear()
    left = function("orders", ORDERS.versions[0])
    report = run(root, aws, left)
    assert (report.failed, report.lost, aws.located) == ((), (), [])
    locked = locks.read(root, "orders")
    assert locked is not None
    assert [(each.version, each.gone) for each in locked.versions] == [
        ("$LATEST", False), ("2", True), ("1", True),
    ]  # fmt: skip


def test_what_nobody_has_any_more_is_lost_and_not_a_failure(root: Path, aws: Aws) -> None:
    """As after a clone: the lock file is there, the zips are not, AWS has deleted a version."""
    locks.write(root, ORDERS)
    report = run(root, aws, function("orders", *ORDERS.versions[:2]))
    assert report.failed == ()
    assert [each.name for each in report.lost] == ["orders:1"]
    assert "known only from the lock file" in report.lost[0].reason
    assert "orders:1" not in aws.located
    assert report.fetched == 3


def test_the_same_code_elsewhere_saves_what_was_lost(root: Path, aws: Aws) -> None:
    locks.write(root, ORDERS)
    report = run(root, aws, function("orders", *ORDERS.versions[:2]), BILLING)
    assert report.lost == ()
    assert report.fetched == 4


def test_container_images_are_recorded_and_not_fetched(root: Path, aws: Aws) -> None:
    uri = f"registry.example/orders@sha256:{digest(b'image')}"
    image = replace(version("orders", "9", b""), code=ContainerImage(uri=uri))
    report = run(root, aws, function("orders", image))
    assert (report.fetched, report.failed, report.functions[0].images) == (0, (), 1)
    assert "recorded by digest" in report.functions[0].notes[0]
    assert report.functions[0].notes[0] in aws.lines
    locked = locks.read(root, "orders")
    assert locked is not None
    assert locked.versions[0].code == ContainerImage(uri=uri)


def test_a_function_made_anew_is_said(root: Path, aws: Aws) -> None:
    run(root, aws, ORDERS)
    other = function("orders", version("orders", "1", NEW))
    aws.serve(other, contents=CONTENTS)
    report = run(root, aws, other)
    assert "recreated" in report.functions[0].notes[0]
    assert report.failed == ()


def test_nothing_to_do_is_an_empty_report(root: Path, aws: Aws) -> None:
    assert run(root, aws) == SyncReport()


def test_functions_are_taken_as_they_are_needed(root: Path, aws: Aws) -> None:
    """So that hundreds of them are not all in memory, nor all waiting."""
    ahead: list[int] = []

    def functions() -> Iterator[PublishedFunction]:
        for number in range(60):
            content = made_zip(f"content {number}")
            made = function(f"f{number}", version(f"f{number}", "1", content))
            aws.serve(made, contents={digest(content): content})
            ahead.append(number + 1 - len(aws.downloaded))
            yield made

    report = sync(
        functions(),
        Archive(root),
        locate_for=aws.locate_for,
        download=aws.download,
        workers=1,
        progress=aws.lines.append,
    )
    assert report.fetched == 60
    assert max(ahead) <= 12


def test_giving_up_ends_downloads(root: Path, aws: Aws) -> None:
    started, ended = threading.Event(), threading.Event()

    def endless(url: str, write: Callable[[bytes], object], **options: object) -> None:
        try:
            while True:
                write(b"x")
                started.set()
        finally:
            ended.set()

    aws.download = endless  # type: ignore[method-assign, assignment]

    def functions() -> Iterator[PublishedFunction]:
        yield ORDERS
        assert started.wait(30)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sync(
            functions(),
            Archive(root),
            locate_for=aws.locate_for,
            download=aws.download,
            workers=2,
            progress=aws.lines.append,
        )
    assert ended.wait(30)
    assert not [path for path in root.rglob("*") if path.suffix in (".part", ".zip")]
    assert locks.read(root, "orders") is not None


@dataclass
class FakeBucket:
    kept: dict[str, bytes] = field(default_factory=dict)
    fault: SourceError | None = None
    puts: list[str] = field(default_factory=list)
    url: str = "s3://shared/prefix"

    def get(self, sha256: str, write: Callable[[bytes], object], *, limit_bytes: int) -> bool:
        if sha256 in self.kept:
            write(self.kept[sha256])
        return sha256 in self.kept

    def put(self, sha256: str, path: Path) -> None:
        if self.fault:
            raise self.fault
        self.puts.append(sha256)
        self.kept[sha256] = path.read_bytes()

    def objects(self) -> Iterator[tuple[str, int]]:
        yield from [(digest, len(content)) for digest, content in self.kept.items()]


def run_with(bucket: FakeBucket, root: Path, aws: Aws, *functions: PublishedFunction) -> SyncReport:
    return sync(
        functions,
        Archive(root, bucket=bucket),
        locate_for=aws.locate_for,
        download=aws.download,
        workers=2,
        progress=aws.lines.append,
    )


def test_a_bucket_gets_what_it_lacks(root: Path, aws: Aws) -> None:
    run(root, aws, ORDERS)
    bucket = FakeBucket({digest(ONE): ONE})
    assert run_with(bucket, root, aws, ORDERS).shared == 3
    assert bucket.kept == CONTENTS
    assert run_with(bucket, root, aws, ORDERS).shared == 0
    assert len(bucket.puts) == 3


def test_another_machine_gets_all_from_the_bucket(root: Path, aws: Aws, tmp_path: Path) -> None:
    bucket = FakeBucket()
    run_with(bucket, root, aws, ORDERS)
    aws.downloaded.clear()
    gone = function("orders", ORDERS.versions[0])
    (tmp_path / "other").mkdir()
    (root / "locks").rename(tmp_path / "other" / "locks")
    report = run_with(bucket, tmp_path / "other", aws, gone)
    assert (report.fetched, report.failed, report.lost) == (4, (), ())
    assert aws.downloaded == []


def test_an_object_that_is_damaged_in_the_bucket_is_put_there_again(root: Path, aws: Aws) -> None:
    bucket = FakeBucket()
    run_with(bucket, root, aws, ORDERS)
    bucket.kept[digest(ONE)] = ONE[:-1]
    report = run_with(bucket, root, aws, ORDERS)
    assert (report.shared, bucket.kept) == (1, CONTENTS)


def test_an_object_that_came_damaged_is_put_there_again(root: Path, aws: Aws) -> None:
    """Also where its size is right, which the list of objects tells."""
    bucket = FakeBucket(kept={digest(ONE): bytes(len(ONE))})
    report = run_with(bucket, root, aws, ORDERS)
    assert (report.fetched, report.shared, bucket.kept) == (4, 4, CONTENTS)


def test_a_bucket_that_refuses_is_one_failure(root: Path, aws: Aws) -> None:
    bucket = FakeBucket(fault=SourceError("s3://shared/prefix cannot be written", why="denied"))
    report = run_with(bucket, root, aws, ORDERS)
    reason = "s3://shared/prefix cannot be written: denied."
    assert report.failed == (Missed(name="s3://shared/prefix", reason=reason),)
    assert (report.fetched, report.shared) == (4, 0)
