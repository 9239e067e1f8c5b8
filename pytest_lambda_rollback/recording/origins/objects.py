"""The origin ``s3``: objects below a prefix, which are events or invocation records."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass

from pytest_lambda_rollback.recording import event_files
from pytest_lambda_rollback.recording.origins.interface import (
    OriginAccess,
    OriginRequest,
    Reading,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectsOrigin:
    """Objects below a prefix in S3: events, or invocation records of a destination."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def events(self, access: OriginAccess) -> Generator[Reading]:
        """The events in the objects."""
        from pytest_lambda_rollback.aws import buckets

        budget = access.budget
        at_most = budget.events
        stored = buckets.objects(
            access.clients.client("s3"),
            self.bucket,
            self.prefix,
            at_most=max(at_most, 1),
            unlisted=budget.left,
        )
        number = 0
        with closing(stored):
            for each in stored:
                if budget.spent():
                    return
                number += 1
                yield from event_files.events(each, source="s3", function=access.function)
        if number >= at_most:
            budget.left()


class Objects:
    """``s3://BUCKET/PREFIX``."""

    name = "s3"
    form = "s3://BUCKET/PREFIX"
    published = False

    def make(self, value: str, request: OriginRequest) -> ObjectsOrigin | None:  # noqa: ARG002
        """The bucket and prefix."""
        bucket, _, prefix = value.partition("/")
        return ObjectsOrigin(bucket=bucket, prefix=prefix) if bucket else None
