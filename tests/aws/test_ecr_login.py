"""A login to ECR as a server gives it."""

from __future__ import annotations

from typing import Any

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.ecr_logins import RegistryLogins
from pytest_lambda_rollback.model.published import AwsSource
from pytest_lambda_rollback.sources.aws import AwsFunctions


def test_login_is_for_the_registry_that_the_repository_is_in(aws_environment: Any) -> None:
    account = Account(region="eu-west-1", profile=None, role_arn=None)
    repository = account.client("ecr").create_repository(repositoryName="orders")["repository"]

    login = RegistryLogins(account).login(f"{repository['repositoryUri']}@sha256:{'a' * 64}")

    assert login == ("AWS", f"{repository['registryId']}-auth-token")


def test_images_are_pulled_as_whoever_reads_their_function_and_others_as_usual(
    aws_environment: Any,
) -> None:
    ecr = Account(region="eu-west-1", profile=None, role_arn=None).client("ecr")
    repository = ecr.create_repository(repositoryName="orders")["repository"]
    uri = f"{repository['repositoryUri']}@sha256:{'a' * 64}"
    login = ("AWS", f"{repository['registryId']}-auth-token")
    functions = AwsFunctions(offline=False, progress=lambda line: None)
    functions.remember_image(uri, AwsSource(function_name="orders", region="eu-west-1"))

    assert functions.registry_login(uri) == login
    assert functions.registry_login(uri.replace("a" * 64, "b" * 64)) == login


def test_no_login_is_asked_for_elsewhere_or_offline(aws_environment: Any) -> None:
    ecr = Account(region="eu-west-1", profile=None, role_arn=None).client("ecr")
    host = ecr.create_repository(repositoryName="orders")["repository"]["repositoryUri"]
    other = f"127.0.0.1:5000/orders@sha256:{'a' * 64}"
    online = AwsFunctions(offline=False, progress=lambda line: None)
    offline = AwsFunctions(offline=True, progress=lambda line: None)
    online.remember_image(other, AwsSource(function_name="orders", region="eu-west-1"))

    assert online.registry_login(other) is None
    assert offline.registry_login(f"{host}@sha256:{'a' * 64}") is None
    assert aws_environment.requests("GetAuthorizationToken") == 0
