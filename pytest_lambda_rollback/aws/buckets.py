"""S3 buckets: an archive of zips that several machines share, and events below a prefix.

A bucket of an archive is one more place to find a zip, not one to trust: the archive compares
what comes from it with the digest. What the zips are is not known here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from heapq import nlargest
from pathlib import Path
from typing import Any, Final

from botocore import exceptions as botocore_errors
from botocore.exceptions import BotoCoreError, ClientError

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.failures import reading, translated
from pytest_lambda_rollback.aws.locations import InterruptedDownload
from pytest_lambda_rollback.aws_lambda.permissions import statement
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.recorded import StoredObject

_CHUNK_BYTES: Final = 256 * 1024
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_URL: Final = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>.*))?")
_PASSING: Final = (
    "ConnectionClosedError",
    "FlexibleChecksumError",
    "IncompleteReadError",
    "ReadTimeoutError",
    "ResponseStreamingError",
)
"""Errors of botocore while an object is read, which it does not retry by itself."""


class Bucket:
    """Objects in ``s3://bucket/prefix``. Methods may be called from several threads.

    Raises ConfigError for a URL of another form. Nothing is asked of AWS before it is needed.
    """

    def __init__(self, account: Account, url: str) -> None:
        match = _URL.fullmatch(url.strip())
        if match is None:
            raise ConfigError(
                f'bucket is "{url}", which is not an S3 location',
                do='Write it like bucket = "s3://my-bucket/lambda-rollback"',
            )
        self._account = account
        self._bucket = match["bucket"]
        self._prefix = (match["prefix"] or "").strip("/")

    @property
    def url(self) -> str:
        """``s3://bucket/prefix``."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    def get(self, sha256: str, write: Callable[[bytes], object], *, limit_bytes: int) -> bool:
        """Hand an object to ``write``, piece by piece; False if it is not there.

        Raises SourceError, and InterruptedDownload for what is worth another try.
        """
        failed = f"{self.url} cannot be read"
        key = self._key(sha256)
        client = self._account.client("s3")
        with reading(what=failed, action="s3:GetObject", resource=self._arn(key)):
            try:
                answer = client.get_object(Bucket=self._bucket, Key=key)
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if code in ("NoSuchKey", "404"):
                    return False
                raise self._translated(error, "s3:GetObject", key) from error
        if answer["ContentLength"] > limit_bytes:
            answer["Body"].close()
            raise SourceError(
                failed,
                why=f"{key} has {answer['ContentLength']} bytes, more than {limit_bytes}",
                do="Delete that object: it is not a package that Lambda published",
            )
        self._stream(answer["Body"], write, failed)
        return True

    def put(self, sha256: str, path: Path) -> None:
        """Keep a file as an object; S3 refuses it if another content arrives. Raises SourceError.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
        """
        key = self._key(sha256)
        client = self._account.client("s3")
        try:
            with path.open("rb") as file:
                client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=file,
                    ChecksumSHA256=base64.b64encode(bytes.fromhex(sha256)).decode(),
                    ContentType="application/zip",
                )
        except (BotoCoreError, ClientError, OSError) as error:
            raise self._translated(error, "s3:PutObject", key) from error

    def objects(self) -> Iterator[tuple[str, int]]:
        """(digest, size in bytes) of all that are there, a thousand for each request.

        Raises SourceError.
        """
        client = self._account.client("s3")
        try:
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._folder
            )
            for page in pages:
                for each in page.get("Contents", ()):
                    name = str(each["Key"]).rpartition("/")[2].removesuffix(".zip")
                    if _SHA256.fullmatch(name):
                        yield name, int(each["Size"])
        except (BotoCoreError, ClientError) as error:
            raise self._translated(error, "s3:ListBucket", None) from error

    def _stream(self, body: Any, write: Callable[[bytes], object], failed: str) -> None:
        passing = tuple(
            kind for name in _PASSING if (kind := getattr(botocore_errors, name, None)) is not None
        )
        with body:
            chunks = body.iter_chunks(_CHUNK_BYTES)
            while True:
                try:
                    chunk = next(chunks, None)
                except passing as error:
                    raise InterruptedDownload(
                        failed,
                        why="the connection was lost or timed out",
                        do="Run again; check the network",
                    ) from error
                if chunk is None:
                    return
                write(chunk)

    def _translated(self, error: Exception, action: str, key: str | None) -> SourceError:
        what = f"{self.url} cannot be {'written' if action == 's3:PutObject' else 'read'}"
        resource = self._arn(key)
        if isinstance(error, ClientError):
            code = error.response.get("Error", {}).get("Code")
            if code == "NoSuchBucket":
                return SourceError(
                    what, why="there is no such bucket", do="Create it, or correct `bucket`"
                )
            if code in ("AccessDenied", "403") and action == "s3:GetObject":
                # Without s3:ListBucket, S3 does not tell an object that is missing from one that
                # may not be read.
                return SourceError(
                    what,
                    why=f"s3:GetObject or s3:ListBucket is not allowed on {self._arn(None)}",
                    do="The credentials need "
                    f"{statement('s3:GetObject', f'{self._arn(self._prefix)}/*')} and"
                    f" {statement('s3:ListBucket', self._arn(None))}",
                )
        return translated(error, what=what, action=action, resource=resource)

    @property
    def _folder(self) -> str:
        return f"{self._prefix}/objects/".lstrip("/")

    def _key(self, sha256: str) -> str:
        return f"{self._folder}{sha256[:2]}/{sha256}.zip"

    def _arn(self, key: str | None) -> str:
        arn = f"arn:aws:s3:::{self._bucket}"
        return f"{arn}/{key}" if key else arn


MAX_LISTED: Final = 100_000
"""Of the objects below a prefix, in the order of their keys: the newest of them are read."""
MAX_OBJECT_BYTES: Final = 32 * 1_048_576


def objects(
    client: Any,
    bucket: str,
    prefix: str,
    *,
    at_most: int,
    unlisted: Callable[[], None] = lambda: None,
) -> Generator[StoredObject]:
    """The newest objects below ``prefix``, at most ``at_most``. Raises SourceError.

    ``unlisted`` is called if there are more than are listed.
    """
    listed = _listed(client, bucket, prefix, unlisted)
    newest = nlargest(at_most, listed, key=lambda each: each[0])
    for modified, key, size in newest:
        name = f"s3://{bucket}/{key}"
        time = modified.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if size > MAX_OBJECT_BYTES:
            yield StoredObject(name=name, content=b"", time=time, too_large=True)
            continue
        with reading(what=f"an object in bucket {bucket} cannot be read", action="s3:GetObject"):
            body = client.get_object(Bucket=bucket, Key=key)["Body"]
            with body:
                content = body.read(MAX_OBJECT_BYTES + 1)
        yield StoredObject(
            name=name,
            content=content if len(content) <= MAX_OBJECT_BYTES else b"",
            time=time,
            too_large=len(content) > MAX_OBJECT_BYTES,
        )


def _listed(
    client: Any, bucket: str, prefix: str, unlisted: Callable[[], None]
) -> Iterator[tuple[datetime, str, int]]:
    with reading(what=f"bucket {bucket} cannot be listed", action="s3:ListBucket"):
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, PaginationConfig={"MaxItems": MAX_LISTED}
        )
        for page in pages:
            for each in page.get("Contents", ()):
                if each["Size"] and not each["Key"].endswith("/"):
                    yield each["LastModified"], each["Key"], each["Size"]
        if pages.resume_token:
            unlisted()
