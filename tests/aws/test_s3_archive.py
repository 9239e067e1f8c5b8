"""An S3 bucket behind the archive, as moto keeps it."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import ANY, Stubber
from moto import mock_aws

from helpers.made_published import code, digest, function, made_zip, version
from pytest_lambda_rollback.aws.buckets import Bucket
from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.locations import InterruptedDownload
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.published import PublishedFunction
from pytest_lambda_rollback.model.versions import Location, RemotePackage
from pytest_lambda_rollback.sources.archive.archive import Archive, Locate
from pytest_lambda_rollback.sources.archive.syncing import sync

URL = "s3://shared/team/archive"
ZIP = made_zip("orders", 300_000)
KEY = f"team/archive/objects/{digest(ZIP)[:2]}/{digest(ZIP)}.zip"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        s3 = boto3.client("s3", region_name="eu-west-1")
        s3.create_bucket(
            Bucket="shared", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield Account(region="eu-west-1", profile=None, role_arn=None)


@pytest.fixture
def bucket(account: Account) -> Bucket:
    return Bucket(account, URL)


def put(bucket: Bucket, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / f"{digest(content)}.zip"
    path.write_bytes(content)
    bucket.put(digest(content), path)


def got(bucket: Bucket, sha256: str, *, limit_bytes: int = 10**9) -> bytes | None:
    content: list[bytes] = []
    there = bucket.get(sha256, content.append, limit_bytes=limit_bytes)
    assert there or not content
    return b"".join(content) if there else None


def test_what_was_put_is_got_in_pieces(bucket: Bucket, account: Account, tmp_path: Path) -> None:
    assert got(bucket, digest(ZIP)) is None
    put(bucket, tmp_path, ZIP)
    assert got(bucket, digest(ZIP)) == ZIP
    pieces: list[bytes] = []
    bucket.get(digest(ZIP), pieces.append, limit_bytes=len(ZIP))
    assert max(map(len, pieces)) <= 256 * 1024
    head = account.client("s3").head_object(Bucket="shared", Key=KEY, ChecksumMode="ENABLED")
    assert head["ContentType"] == "application/zip"


def test_digests_are_of_the_prefix_alone_and_of_all_pages(
    bucket: Bucket, account: Account, tmp_path: Path
) -> None:
    s3 = account.client("s3")
    wanted = {digest(str(number).encode()) for number in range(1100)}
    for each in wanted:
        s3.put_object(Bucket="shared", Key=f"team/archive/objects/{each[:2]}/{each}.zip", Body=b"")
    for other in ("team/archive/objects/readme.txt", f"other/objects/00/{digest(b'x')}.zip"):
        s3.put_object(Bucket="shared", Key=other, Body=b"")
    assert {name for name, _ in bucket.objects()} == wanted


@pytest.mark.parametrize(
    ("url", "shown", "key"),
    [
        ("s3://shared", "s3://shared", f"objects/{digest(ZIP)[:2]}/{digest(ZIP)}.zip"),
        ("s3://shared/", "s3://shared", f"objects/{digest(ZIP)[:2]}/{digest(ZIP)}.zip"),
        (f"{URL}/", URL, KEY),
    ],
)
def test_a_prefix_may_be_missing_or_end_in_a_slash(
    account: Account, tmp_path: Path, url: str, shown: str, key: str
) -> None:
    bucket = Bucket(account, url)
    put(bucket, tmp_path, ZIP)
    assert bucket.url == shown
    answer = account.client("s3").list_objects_v2(Bucket="shared")
    assert [each["Key"] for each in answer["Contents"]] == [key]
    assert list(bucket.objects()) == [(digest(ZIP), len(ZIP))]


@pytest.mark.parametrize("url", ["shared", "https://shared/x", "s3://", "s3:///x", "s3://UPPER/x"])
def test_another_form_is_a_mistake_of_the_configuration(account: Account, url: str) -> None:
    with pytest.raises(ConfigError, match="is not an S3 location"):
        Bucket(account, url)


def test_a_bucket_that_is_not_there_is_said(account: Account, tmp_path: Path) -> None:
    bucket = Bucket(account, "s3://not-there-at-all/x")
    for ask in (
        lambda: got(bucket, digest(ZIP)),
        lambda: put(bucket, tmp_path, ZIP),
        lambda: list(bucket.objects()),
    ):
        with pytest.raises(SourceError) as caught:
            ask()
        assert "s3://not-there-at-all/x cannot be" in caught.value.what
        assert caught.value.why == "there is no such bucket"


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("get_object", "s3:GetObject"),
        ("put_object", "s3:PutObject"),
        ("list_objects_v2", "s3:ListBucket"),
    ],
)
def test_a_missing_permission_is_named(
    bucket: Bucket, account: Account, tmp_path: Path, operation: str, action: str
) -> None:
    with Stubber(account.client("s3")) as stubber:
        stubber.add_client_error(operation, "AccessDenied", "Access Denied", 403)
        with pytest.raises(SourceError) as caught:
            {
                "get_object": lambda: got(bucket, digest(ZIP)),
                "put_object": lambda: put(bucket, tmp_path, ZIP),
                "list_objects_v2": lambda: list(bucket.objects()),
            }[operation]()
    assert URL in caught.value.what
    assert action in str(caught.value)
    assert "arn:aws:s3:::shared" in str(caught.value)


class _Silent:
    def read(self) -> bytes:
        raise NotImplementedError

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        yield b"x"
        raise ReadTimeoutError(endpoint_url="https://storage.example/?planted")

    def __enter__(self) -> _Silent:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_an_object_that_stops_coming_is_worth_another_try(bucket: Bucket, account: Account) -> None:
    with Stubber(account.client("s3")) as stubber:
        stubber.add_response("get_object", {"Body": _Silent(), "ContentLength": 9})
        with pytest.raises(InterruptedDownload) as caught:
            got(bucket, digest(ZIP))
    assert "planted" not in str(caught.value)


def test_an_object_over_the_limit_is_not_read(bucket: Bucket, tmp_path: Path) -> None:
    put(bucket, tmp_path, ZIP)
    with pytest.raises(SourceError, match=f"has {len(ZIP)} bytes, more than 1000"):
        got(bucket, digest(ZIP), limit_bytes=1000)


def test_s3_is_told_what_the_content_must_be(
    bucket: Bucket, account: Account, tmp_path: Path
) -> None:
    """So that it refuses a file that was damaged since it was checked; moto takes anything."""
    path = tmp_path / "x.zip"
    path.write_bytes(b"other")
    with Stubber(account.client("s3")) as stubber:
        stubber.add_client_error(
            "put_object",
            "BadDigest",
            "The SHA256 you specified did not match",
            400,
            expected_params={
                "Bucket": "shared",
                "Key": KEY,
                "Body": ANY,
                "ContentType": "application/zip",
                "ChecksumSHA256": base64.b64encode(hashlib.sha256(ZIP).digest()).decode(),
            },
        )
        with pytest.raises(SourceError, match=f"{URL} cannot be written"):
            bucket.put(digest(ZIP), path)


def test_a_second_machine_needs_no_lambda(bucket: Bucket, tmp_path: Path) -> None:
    made = function("orders", version("orders", "1", ZIP))

    def locate_for(_: PublishedFunction) -> Locate:
        return lambda package: Location(url="x", sha256=digest(ZIP), size_bytes=len(ZIP))

    report = sync(
        [made],
        Archive(tmp_path / "one", bucket=bucket),
        locate_for=locate_for,
        download=lambda url, write, **_: write(ZIP),
        workers=2,
        progress=lambda _: None,
    )
    assert (report.failed, report.fetched, report.shared) == ((), 1, 1)

    def refuse(package: RemotePackage) -> Location:
        raise AssertionError("AWS Lambda is not asked")

    held = Archive(tmp_path / "two", bucket=bucket).fetch(
        code("orders", "1", ZIP),
        locate=refuse,
        download=lambda url, write, **_: None,
        progress=lambda _: None,
    )
    assert held.path.read_bytes() == ZIP


def test_a_damaged_object_is_not_kept(bucket: Bucket, account: Account, tmp_path: Path) -> None:
    account.client("s3").put_object(Bucket="shared", Key=KEY, Body=b"something else")
    lines: list[str] = []
    archive = Archive(tmp_path, bucket=bucket)
    with pytest.raises(
        SourceError, match="orders:1 is not in the archive, and it is damaged in s3://shared"
    ):
        archive.fetch(
            code("orders", "1", ZIP),
            locate=None,
            download=lambda url, write, **_: None,
            progress=lines.append,
        )
    assert lines == [f"orders:1 is damaged in {URL}"]
    assert archive.held(digest(ZIP)) is None


def test_the_archive_alone_loads_no_aws() -> None:
    code = (
        "import sys;"
        "from pytest_lambda_rollback.sources.archive import archive, syncing, retention;"
        "print(sorted(set(sys.modules) & {'boto3', 'botocore', 'requests', 'urllib3'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
