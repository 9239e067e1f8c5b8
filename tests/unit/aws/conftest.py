"""An AWS account whose answers the tests give."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from pytest_lambda_rollback.aws.clients import Account


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """An account with credentials that AWS does not know."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-of-the-tests")
        patch.delenv("AWS_PROFILE", raising=False)
        yield Account(region="eu-west-1", profile=None, role_arn=None)


@pytest.fixture
def answers(account: Account) -> Iterator[Stubber]:
    """What Lambda answers in this account; every answer must be asked for."""
    with Stubber(account.client("lambda")) as stubbed:
        yield stubbed
        stubbed.assert_no_pending_responses()
