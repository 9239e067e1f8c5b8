"""Amazon S3 Object Lambda.

"Event context format and usage":
https://docs.aws.amazon.com/AmazonS3/latest/userguide/olap-event-context.html

GetObject is answered by a call of WriteGetObjectResponse, and nobody reads the function's own
response. HeadObject and ListObjects are answered by it, so those are compared by their form:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/olap-writing-lambda.html
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource, Object, has
from pytest_lambda_rollback.model.json_values import Json

_CONTEXTS = (
    "getObjectContext",
    "headObjectContext",
    "listObjectsContext",
    "listObjectsV2Context",
)


def _recognises(event: Json) -> bool:
    is_request = has(event, xAmzRequestId=str)
    return is_request and any(has(event, **{name: dict}) for name in _CONTEXTS)


def _is_read(event: Object) -> bool:
    return "getObjectContext" not in event


S3_OBJECT_LAMBDA = EventSource(
    name="S3 Object Lambda",
    slug="s3-object-lambda",
    recognises=_recognises,
    answer_is_read=_is_read,
    payload=(("userRequest",),),
)
