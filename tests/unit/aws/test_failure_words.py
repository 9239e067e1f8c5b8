"""Every failure of AWS that a user meets, and what is said of it: why, and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore import exceptions as botocore_errors
from botocore.exceptions import ClientError

from pytest_lambda_rollback.aws.failures import (
    denied,
    missing,
    not_offered,
    reading,
    translated,
)
from pytest_lambda_rollback.aws_lambda.permissions import statement
from pytest_lambda_rollback.errors import SourceError

ORDERS = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234"
NOT_AUTHORISED = (
    f"User: arn:aws:iam::123456789012:user/ci is not authorized to perform: lambda:ListAliases "
    f"on resource: {ORDERS}"
)
SIGNED_HEADERS = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key.\n\nThe Canonical String for this request should have been\n"
    "'GET\n/\n\nx-amz-security-token:the-session-token'"
)


def answer(
    code: str, message: str = "", status: int = 400, operation: str = "ListAliases"
) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "1",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        operation,
    )


def said(error: Exception) -> SourceError:
    return translated(
        error, what="orders: its aliases cannot be read", action="lambda:ListAliases",
        resource=ORDERS,
    )  # fmt: skip


def policy_of(text: str) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(text[text.index("{") : text.index("}") + 1])
    return policy


@pytest.mark.parametrize(
    ("error", "why", "do"),
    [
        (answer("ExpiredTokenException", status=403), "have expired", "aws sso login"),
        (answer("ExpiredToken", status=403), "have expired", "Sign in again"),
        (answer("UnrecognizedClientException", status=403), "does not know these cred", "region"),
        (answer("InvalidClientTokenId", status=403), "does not know these cred", "AWS_PROFILE"),
        (
            answer("InvalidSignatureException", "Signature expired: 2026 is now earlier than"),
            "because of its time",
            "clock",
        ),
        (answer("SignatureDoesNotMatch", SIGNED_HEADERS), "the signature", "secret access key"),
        (answer("TooManyRequestsException", status=429), "throttled the requests", "fewer workers"),
        (answer("ThrottlingException", "Rate exceeded"), "throttled the requests", "later"),
        (
            answer("ResourceNotFoundException", f"Function not found: {ORDERS}", 404),
            f"Function not found: {ORDERS}",
            "the region",
        ),
        (answer("ResourceNotFoundException", "", 404), "no such function", "deleted"),
        (
            answer("KMSAccessDeniedException", f"Access to {KEY} was denied.", 502),
            "KMS key cannot be used",
            f'"kms:Decrypt", "Resource": "{KEY}"',
        ),
        (answer("KMSDisabledException", "It is disabled.", 502), "It is disabled", "enabled"),
        (answer("UnknownOperationException", status=404), "does not know lambda:List", "ENDPOINT"),
        (answer("501", "Not Implemented", 501), "does not know lambda:List", "AWS_ENDPOINT_URL"),
        (answer("ServiceException", "Internal.", 500), "500 ServiceException: Internal", "again"),
        (answer("503", "Service Unavailable", 503), "failed to answer", "few minutes"),
        (
            answer("InvalidParameterValueException", "Version is wrong."),
            "InvalidParameterValueException: Version is wrong",
            "Correct",
        ),
        (botocore_errors.NoCredentialsError(), "no AWS credentials", "aws login"),
        (
            botocore_errors.PartialCredentialsError(provider="env", cred_var="aws_secret"),
            "lack aws_secret (read from env)",
            "both parts",
        ),
        (botocore_errors.ProfileNotFound(profile="produktion"), "produktion", "list-profiles"),
        (
            botocore_errors.TokenRetrievalError(provider="sso", error_msg="expired"),
            "IAM Identity Center",
            "aws sso login",
        ),
        (botocore_errors.SSOTokenLoadError(error_msg="no file"), "missing or has ", "sso login"),
        (botocore_errors.UnauthorizedSSOTokenError(), "has expired", "aws sso login"),
        (
            botocore_errors.CredentialRetrievalError(provider="custom-process", error_msg="x"),
            "obtained from custom-process",
            "credential_process",
        ),
        (botocore_errors.RefreshWithMFAUnsupportedError(), "MFA", "Start a session"),
        (EOFError(), "MFA", "Start a session"),
        (botocore_errors.ConfigParseError(path="/home/me/.aws/config"), ".aws/config", "Correct"),
        (botocore_errors.NoRegionError(), "no AWS region", "AWS_REGION"),
        (botocore_errors.InvalidRegionError(region_name="eu west"), "eu west", "eu-west-1"),
        (
            botocore_errors.EndpointConnectionError(
                endpoint_url="https://lambda.eu-wset-1.example/2015-03-31/functions/orders",
                error="Failed to resolve 'lambda.eu-wset-1.example'",
            ),
            "the name lambda.eu-wset-1.example does not resolve",
            "spelling of the region",
        ),
        (
            botocore_errors.EndpointConnectionError(
                endpoint_url="http://127.0.0.1:9/", error="Connection refused"
            ),
            "nothing answers at 127.0.0.1",
            "AWS_ENDPOINT_URL",
        ),
        (
            botocore_errors.ConnectTimeoutError(endpoint_url="https://lambda.example/"),
            "connecting to lambda.example timed out",
            "firewall",
        ),
        (
            botocore_errors.ReadTimeoutError(endpoint_url="https://lambda.example/"),
            "lost or timed out",
            "Run again",
        ),
        (
            botocore_errors.SSLError(
                endpoint_url="https://lambda.example/", error="self-signed certificate"
            ),
            "certificate of lambda.example could not be verified (self-signed certificate)",
            "AWS_CA_BUNDLE",
        ),
        (
            botocore_errors.ProxyConnectionError(proxy_url="http://me:secret@proxy.example"),
            "the proxy could not be reached",
            "HTTPS_PROXY",
        ),
        (
            botocore_errors.ParamValidationError(report="Invalid length for FunctionName"),
            "Invalid length for FunctionName",
            "configuration",
        ),
        (PermissionError(13, "Permission denied", "/x/.aws/config"), "/x/.aws/config", "~/.aws"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)  # fmt: skip
def test_says_why_and_what_to_do(error: Exception, why: str, do: str) -> None:
    told = said(error)
    assert told.what == "orders: its aliases cannot be read"
    assert why in told.why
    assert do in told.do
    assert not told.why.endswith(".")
    assert not told.do.endswith(".")


def test_a_missing_permission_is_named_with_the_smallest_policy() -> None:
    told = said(
        answer(
            "AccessDeniedException",
            f"{NOT_AUTHORISED} because no identity-based policy allows the lambda:ListAliases "
            "action",
            403,
        )
    )
    assert "lambda:ListAliases is not allowed" in told.why
    assert policy_of(told.do) == {
        "Effect": "Allow", "Action": "lambda:ListAliases", "Resource": ORDERS,
    }  # fmt: skip
    assert "\n" not in told.do


def test_without_a_message_the_policy_is_that_of_the_request() -> None:
    told = said(answer("AccessDeniedException", "", 403))
    assert policy_of(told.do)["Action"] == "lambda:ListAliases"
    assert policy_of(told.do)["Resource"] == ORDERS
    assert json.loads(statement("lambda:ListFunctions"))["Resource"] == "*"


@pytest.mark.parametrize(
    "policy",
    ["service control policy", "permissions boundary", "identity-based policy", "session policy"],
)
def test_an_explicit_deny_is_not_to_be_mended_by_an_allow(policy: str) -> None:
    article = "an" if policy.startswith("i") else "a"
    told = said(
        answer(
            "AccessDeniedException",
            f"{NOT_AUTHORISED} with an explicit deny in {article} {policy}",
            403,
        )
    )
    assert f"{article} {policy} denies it explicitly" in told.why
    assert "another allow does not help" in told.do
    assert "{" not in told.do


def test_a_boundary_that_does_not_allow_is_named() -> None:
    told = said(
        answer(
            "AccessDeniedException",
            f"{NOT_AUTHORISED} because no permissions boundary allows the lambda:ListAliases "
            "action",
            403,
        )
    )
    assert "no permissions boundary allows it" in told.why
    assert told.do.startswith("Let the permissions boundary allow it too")


def test_a_role_that_cannot_be_assumed_is_the_missing_permission() -> None:
    role = "arn:aws:iam::123456789012:role/reader"
    told = said(
        answer(
            "AccessDenied",
            "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: "
            f"sts:AssumeRole on resource: {role}",
            403,
            "AssumeRole",
        )
    )
    assert policy_of(told.do)["Action"] == "sts:AssumeRole"
    assert policy_of(told.do)["Resource"] == role
    assert "trust policy" in told.do


@pytest.mark.parametrize("code", ["ForbiddenException", "ResourceNotFoundException"])
def test_a_role_that_is_not_assigned_in_sso_is_no_missing_permission_of_lambda(code: str) -> None:
    error = ClientError({"Error": {"Code": code, "Message": "No access"}}, "GetRoleCredentials")
    said = translated(error, what="orders cannot be read", action="lambda:ListAliases")
    assert "IAM Identity Center does not give this profile that account or role" in said.why
    assert "sso_role_name" in said.do
    assert "lambda:" not in str(said)
    assert not denied(error)
    assert not missing(error)


def test_no_secret_of_a_message_is_repeated() -> None:
    assert "the-session-token" not in str(said(answer("SignatureDoesNotMatch", SIGNED_HEADERS)))
    proxy = botocore_errors.ProxyConnectionError(proxy_url="http://me:secret@proxy.example")
    assert "secret" not in str(said(proxy))
    url = "https://lambda.example/functions?X-Amz-Signature=abc"
    assert "abc" not in str(said(botocore_errors.ReadTimeoutError(endpoint_url=url)))


def test_a_long_message_is_cut_and_stays_on_one_line() -> None:
    told = said(answer("InvalidParameterValueException", "a\nb\x1b[31m" + "c" * 5000))
    assert len(told.why) < 600
    assert told.why.isprintable()


def test_kinds_of_refusals_are_told_apart() -> None:
    refused = answer("AccessDeniedException", status=403)
    gone = answer("ResourceNotFoundException", status=404)
    unknown = answer("404", "Not Found", 404)
    expired = answer("ExpiredTokenException", status=403)
    assert [denied(each) for each in (refused, gone, unknown, expired)] == [True, *[False] * 3]
    assert [missing(each) for each in (refused, gone, unknown, expired)] == [
        False, True, False, False,
    ]  # fmt: skip
    assert [not_offered(each) for each in (refused, gone, unknown, expired)] == [
        False, False, True, False,
    ]  # fmt: skip


def test_reading_lets_our_own_errors_and_defects_through() -> None:
    own = SourceError("already said")
    with (
        pytest.raises(SourceError) as caught,
        reading(what="orders cannot be read", action="lambda:ListAliases"),
    ):
        raise own
    assert caught.value is own
    with (
        pytest.raises(KeyError),
        reading(what="orders cannot be read", action="lambda:ListAliases"),
    ):
        raise KeyError("a defect")
