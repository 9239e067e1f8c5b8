"""Facts that are unavailable, and policies of every form."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.platform_facts import read_platform
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import (
    PlatformFacts,
    PublishedFunction,
    PublishedVersion,
    VersionFacts,
)
from pytest_lambda_rollback.model.versions import ContainerImage, PackageKind, RemotePackage

ORDERS = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
FUNCTION = PublishedFunction(
    name="orders",
    arn=ORDERS,
    versions=(
        PublishedVersion(
            function="orders", version="1", arn=f"{ORDERS}:1", code=ContainerImage(uri="")
        ),
    ),
)
"""Of a container image, which has no runtime to ask for."""


def read(account: Account, answers: Stubber, *statements: dict[str, Any]) -> PlatformFacts:
    answers.add_response(
        "get_function",
        {"Configuration": {"State": "Inactive"}},
        {"FunctionName": ORDERS, "Qualifier": "1"},
    )
    answers.add_response(
        "list_provisioned_concurrency_configs", {"ProvisionedConcurrencyConfigs": []}
    )
    answers.add_response("get_function_concurrency", {})
    policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    answers.add_response("get_policy", {"Policy": policy}, {"FunctionName": ORDERS})
    answers.add_client_error("get_policy", "ResourceNotFoundException", "No policy", 404)
    answers.add_response("list_function_url_configs", {"FunctionUrlConfigs": []})
    return read_platform(account, FUNCTION, ("1",))


def test_an_image_is_not_asked_for_its_runtime(account: Account, answers: Stubber) -> None:
    facts = read(account, answers)
    assert facts.versions == (VersionFacts(version="1", state="Inactive"),)
    assert facts.reserved_concurrency is None
    assert facts.unread == ()


@pytest.mark.parametrize(
    ("statement", "invoker"),
    [
        ({"Principal": {"Service": "sns.amazonaws.com"}}, "sns.amazonaws.com"),
        ({"Principal": {"AWS": ["123456789012", "999999999999"]}}, "123456789012, 999999999999"),
        ({"Principal": "*"}, "*"),
        (
            {
                "Principal": {"Service": "s3.amazonaws.com"},
                "Condition": {
                    "StringEquals": {"AWS:SourceAccount": "123456789012"},
                    "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::orders"},
                },
            },
            "s3.amazonaws.com for arn:aws:s3:::orders",
        ),
    ],
)
def test_who_may_invoke(
    account: Account, answers: Stubber, statement: dict[str, Any], invoker: str
) -> None:
    facts = read(account, answers, {"Sid": "it", "Effect": "Allow", **statement})
    (binding,) = facts.bindings
    assert (binding.kind, binding.qualifier, binding.what, binding.identifier) == (
        "permission", None, invoker, "it",
    )  # fmt: skip


def test_a_deny_is_no_binding(account: Account, answers: Stubber) -> None:
    assert read(account, answers, {"Effect": "Deny", "Principal": "*"}).bindings == ()


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("404", 404),
        ("UnknownOperationException", 404),
        ("501", 501),
        ("InvalidParameterValueException", 400),
        ("AccessDeniedException", 403),
    ],
)
def test_what_cannot_be_asked_is_listed_once_each(
    account: Account, answers: Stubber, code: str, status: int
) -> None:
    for operation in (
        "get_function",
        "list_provisioned_concurrency_configs",
        "get_function_concurrency",
        "get_policy",
        "list_function_url_configs",
    ):
        answers.add_client_error(operation, code, "", status)
    facts = read_platform(account, FUNCTION, ("1",))
    assert facts.unread == (
        "lambda:GetFunction",
        "lambda:GetFunctionConcurrency",
        "lambda:GetPolicy",
        "lambda:ListFunctionUrlConfigs",
        "lambda:ListProvisionedConcurrencyConfigs",
    )


def test_a_throttled_account_is_an_error_with_the_functions_name(
    account: Account, answers: Stubber
) -> None:
    answers.add_client_error("get_function", "TooManyRequestsException", "", 429)
    with pytest.raises(SourceError, match="orders: could not read its permissions") as caught:
        read_platform(account, FUNCTION, ("1",))
    assert "throttled the requests" in caught.value.why


DENIED = (
    "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: lambda:GetLayerVersion"
)


@pytest.mark.parametrize(
    ("said", "shared"),
    [
        ("", False),
        (f"{DENIED} because no resource-based policy allows the lambda:GetLayerVersion", False),
        (f"{DENIED} because no identity-based policy allows the lambda:GetLayerVersion", None),
        (f"{DENIED} with an explicit deny in an identity-based policy", None),
        (f"{DENIED} with an explicit deny in a service control policy", None),
        (f"{DENIED} because no session policy allows the lambda:GetLayerVersion action", None),
        (f"{DENIED} because no permissions boundary allows the lambda:GetLayerVersion", None),
    ],
)
def test_a_layer_of_another_account_is_unshared_only_if_its_owner_says_so(
    account: Account, answers: Stubber, said: str, shared: bool | None
) -> None:
    layer = RemotePackage(
        kind=PackageKind.LAYER,
        arn="arn:aws:lambda:eu-west-1:999999999999:layer:partner:7",
        size_bytes=1,
    )
    bound = replace(FUNCTION, versions=(replace(FUNCTION.versions[0], layers=(layer,)),))
    answers.add_response("get_function", {})
    answers.add_response(
        "list_provisioned_concurrency_configs", {"ProvisionedConcurrencyConfigs": []}
    )
    answers.add_response("get_function_concurrency", {})
    for _ in range(2):
        answers.add_client_error("get_policy", "ResourceNotFoundException", "No policy", 404)
    answers.add_response("list_function_url_configs", {"FunctionUrlConfigs": []})
    answers.add_client_error("get_layer_version_by_arn", "AccessDeniedException", said, 403)
    facts = read_platform(account, bound, ("1",))
    assert [each.state for each in facts.layers] == ([] if shared is None else ["forbidden"])
    assert facts.unread == (("lambda:GetLayerVersion",) if shared is None else ())
