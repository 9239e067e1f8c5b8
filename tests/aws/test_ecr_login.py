"""A login to ECR as a server gives it."""

from __future__ import annotations

from typing import Any

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.registry import RegistryLogins


def test_login_is_for_the_registry_that_the_repository_is_in(aws_environment: Any) -> None:
    account = Account(region="eu-west-1", profile=None, role_arn=None)
    repository = account.client("ecr").create_repository(repositoryName="orders")["repository"]

    login = RegistryLogins(account).login(f"{repository['repositoryUri']}@sha256:{'a' * 64}")

    assert login == ("AWS", f"{repository['registryId']}-auth-token")
