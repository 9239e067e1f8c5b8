"""What a user is told when AWS refuses, over the whole way from the request to the message."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from helpers.account_content import Version, client_of, publish_function
from helpers.aws_emulator.server import AwsServer
from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.functions import read_environment, read_function
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import AwsSource

ORDERS = AwsSource(function_name="orders")


@pytest.fixture
def account(aws_environment: AwsServer) -> Account:
    publish_function(client_of(aws_environment), "orders", [Version(environment={"A": "1"})])
    return Account(region=None, profile=None, role_arn=None)


def told(account: Account, source: AwsSource = ORDERS) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read_function(account, source, name="orders")
    return caught.value


@pytest.mark.parametrize(
    ("operation", "kind", "why", "do"),
    [
        (
            "ListVersionsByFunction",
            "access-denied",
            "lambda:ListVersionsByFunction is not allowed",
            '"Resource": "arn:aws:lambda:eu-west-1:123456789012:function:orders"',
        ),
        (
            "ListAliases",
            "access-denied",
            "no identity-based policy allows it",
            '{"Effect": "Allow", "Action": "lambda:ListAliases"',
        ),
        ("*", "expired-token", "the AWS credentials have expired", "aws sso login"),
        ("*", "invalid-token", "does not know these credentials", "AWS_PROFILE"),
    ],
)
def test_a_refusal_names_the_function_and_what_to_do(
    account: Account, aws_environment: AwsServer, operation: str, kind: str, why: str, do: str
) -> None:
    aws_environment.fail(operation, kind)
    error = told(account)
    assert error.what.startswith("the ")
    assert why in error.why
    assert do in error.do


@pytest.mark.parametrize("kind", ["server-error", "throttled"])
def test_what_passes_is_not_noticed(
    account: Account, aws_environment: AwsServer, kind: str
) -> None:
    aws_environment.fail("ListAliases", kind, times=2)
    assert read_function(account, ORDERS, name="orders").alias("live") is not None


def test_an_outage_ends_in_a_message(account: Account, aws_environment: AwsServer) -> None:
    aws_environment.fail("ListAliases", "server-error")
    error = told(account)
    assert "500 ServiceException" in error.why
    assert "again" in error.do
    assert aws_environment.requests("ListAliases") > 1


def test_a_function_that_is_not_there(account: Account) -> None:
    error = told(account, AwsSource(function_name="gone"))
    assert error.what == "the versions of orders (gone) in eu-west-1 cannot be read"
    assert "gone" in error.why
    assert "region" in error.do


def test_a_function_of_another_region_is_not_there(account: Account) -> None:
    elsewhere = Account(region="eu-north-1", profile=None, role_arn=None)
    assert "eu-north-1" in told(elsewhere).what


def test_an_environment_that_kms_refuses_to_decrypt(
    account: Account, aws_environment: AwsServer
) -> None:
    aws_environment.fail("*", "environment-error")
    version = read_function(account, ORDERS, name="orders").version("1")
    assert version is not None
    assert (version.environment_error or "").startswith("KMSAccessDeniedException: ")
    with pytest.raises(SourceError, match="the environment of orders:1 cannot be read") as caught:
        read_environment(account, version)
    assert "kms:Decrypt" in caught.value.do


def test_nothing_answers(aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    error = told(Account(region=None, profile=None, role_arn=None))
    assert error.why == "nothing answers at 127.0.0.1"
    assert "AWS_ENDPOINT_URL" in error.do


def test_no_credentials(aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    error = told(Account(region=None, profile=None, role_arn=None))
    assert error.why == "there are no AWS credentials"
    assert aws_environment.requests() == 0


def test_a_role_is_assumed_once_for_all_requests(
    account: Account, aws_environment: AwsServer
) -> None:
    role = "arn:aws:iam::123456789012:role/reader"
    assumed = Account(region=None, profile=None, role_arn=role)
    aws_environment.reset_counts()
    assert read_function(assumed, ORDERS, name="orders").version("1") is not None
    assert assumed.in_region("eu-west-1").client("sqs") is not None
    assert aws_environment.requested() == {
        "AssumeRole": 1,
        "ListVersionsByFunction": 1,
        "ListAliases": 1,
    }


def test_a_role_that_may_not_be_assumed(account: Account, aws_environment: AwsServer) -> None:
    aws_environment.fail("AssumeRole", "access-denied")
    role: Any = "arn:aws:iam::123456789012:role/reader"
    error = told(Account(region=None, profile=None, role_arn=role))
    assert "sts:AssumeRole is not allowed" in error.why
    assert "trust policy" in error.do
