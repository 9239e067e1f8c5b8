"""Objects below an S3 prefix, the newest first, each read whole and bounded in size. Only reads."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from heapq import nlargest
from typing import Any, Final

from pytest_lambda_rollback.aws.failures import reading
from pytest_lambda_rollback.model.recorded import StoredObject

MAX_LISTED: Final = 100_000
"""Of the objects below a prefix, in the order of their keys: what is newest among them is read."""
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

    ``unlisted`` is called where there are more than are listed.
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
