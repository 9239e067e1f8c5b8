"""Host names of endpoints as a table."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.services.aws.endpoints import known_host, signed_for

SIGNED = "AWS4-HMAC-SHA256 Credential=k/20260101/us-west-2/{}/aws4_request, SignedHeaders=host"


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("dynamodb.eu-west-1.amazonaws.com", "dynamodb.eu-west-1.amazonaws.com"),
        ("DynamoDB.eu-west-1.amazonaws.com:443", "dynamodb.eu-west-1.amazonaws.com"),
        ("dynamodb-fips.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com"),
        ("sqs.us-east-1.api.aws", "sqs.us-east-1.amazonaws.com"),
        ("s3.dualstack.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"),
        ("b.s3.dualstack.eu-west-1.amazonaws.com", "b.s3.eu-west-1.amazonaws.com"),
        ("b.s3-accelerate.amazonaws.com", "b.s3.amazonaws.com"),
        ("my-fips.bucket.s3.amazonaws.com", "my-fips.bucket.s3.amazonaws.com"),
        ("sqs.cn-north-1.amazonaws.com.cn", "sqs.cn-north-1.amazonaws.com"),
        ("aws.lambda-rollback.internal", "states.us-west-2.amazonaws.com"),
        ("aws.lambda-rollback.internal:80", "states.us-west-2.amazonaws.com"),
        ("127.0.0.1:8080", "states.us-west-2.amazonaws.com"),
        ("[::1]:80", "states.us-west-2.amazonaws.com"),
        ("localhost", "states.us-west-2.amazonaws.com"),
        ("", "states.us-west-2.amazonaws.com"),
    ],
)
def test_known_hosts(host: str, known: str) -> None:
    assert known_host(host, ("us-west-2", "states"), region="eu-west-1") == known


def test_a_request_that_is_not_signed_goes_to_s3() -> None:
    host = known_host("aws.lambda-rollback.internal", None, region="eu-west-1")
    assert host == "s3.eu-west-1.amazonaws.com"


def test_what_a_request_is_signed_for() -> None:
    headers = {"authorization": SIGNED.format("states")}
    assert signed_for(headers, "/") == ("us-west-2", "states")
    query = "/?X-Amz-Credential=k%2F20260101%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=x"
    assert signed_for({}, query) == ("eu-west-1", "s3")
    assert signed_for({}, "/?X-Amz-Credential=nonsense") is None
    assert signed_for({"authorization": "AWS key:signature"}, "/") is None
