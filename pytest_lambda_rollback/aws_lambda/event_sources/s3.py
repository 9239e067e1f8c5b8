"""Event notifications of Amazon S3.

"Event message structure":
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html

S3 invokes functions asynchronously; nobody reads the answer:
https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    EventSource,
    never_read,
    records_of,
)

S3 = EventSource(
    name="S3",
    slug="s3",
    recognises=records_of("aws:s3"),
    topics=(("Records", "*", "eventName"),),
    payload=(("Records", "*", "s3"),),
    answer_is_read=never_read,
)
