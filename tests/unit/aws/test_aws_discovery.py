"""Functions are found by every condition that is said, and by no request for each."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.discovery import discover
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.published import Discovery

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"
NESTED = "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop-api/1"


def tagged(*names: str) -> dict[str, Any]:
    return {"ResourceTagMappingList": [{"ResourceARN": ARN + name, "Tags": []} for name in names]}


def resource(kind: str, physical: str, status: str = "CREATE_COMPLETE") -> dict[str, Any]:
    return {
        "LogicalResourceId": "Some",
        "PhysicalResourceId": physical,
        "ResourceType": f"AWS::{kind}",
        "ResourceStatus": status,
        "LastUpdatedTimestamp": "2026-01-31T12:00:00Z",
    }


def test_by_prefix_over_all_pages(account: Account) -> None:
    def page(*names: str) -> dict[str, Any]:
        return {"Functions": [{"FunctionName": name} for name in names]}

    with Stubber(account.client("lambda")) as answers:
        answers.add_response(
            "list_functions",
            {**page("shop-orders", "other"), "NextMarker": "more"},
            {"MaxItems": 50},
        )
        answers.add_response(
            "list_functions", page("shop-bills", "my-shop"), {"MaxItems": 50, "Marker": "more"}
        )
        found = discover(account, Discovery(name="shop", prefix="shop-"))
    assert found == ("shop-bills", "shop-orders")


def test_by_tags_and_prefix_without_listing_functions(account: Account) -> None:
    with Stubber(account.client("resourcegroupstaggingapi")) as answers:
        answers.add_response(
            "get_resources",
            tagged("shop-orders", "shop-bills", "other"),
            {
                "TagFilters": [{"Key": "live"}, {"Key": "team", "Values": ["shop"]}],
                "ResourceTypeFilters": ["lambda:function"],
                "ResourcesPerPage": 100,
            },
        )
        found = discover(
            account,
            Discovery(name="shop", prefix="shop-", tags=(("live", ""), ("team", "shop"))),
        )
    assert found == ("shop-bills", "shop-orders")


def test_by_stack_with_nested_stacks_and_tags(account: Account) -> None:
    with (
        Stubber(account.client("cloudformation")) as stacks,
        Stubber(account.client("resourcegroupstaggingapi")) as tags,
    ):
        tags.add_response("get_resources", tagged("orders", "bills", "elsewhere"))
        stacks.add_response(
            "list_stack_resources",
            {
                "StackResourceSummaries": [
                    resource("Lambda::Function", "orders"),
                    resource("Lambda::Function", "gone", "DELETE_COMPLETE"),
                    resource("Lambda::Version", f"{ARN}orders:1"),
                    resource("CloudFormation::Stack", NESTED),
                ]
            },
            {"StackName": "shop"},
        )
        stacks.add_response(
            "list_stack_resources",
            {
                "StackResourceSummaries": [
                    resource("Lambda::Function", "bills"),
                    resource("Lambda::Function", "untagged"),
                    resource("CloudFormation::Stack", NESTED),
                ]
            },
            {"StackName": NESTED},
        )
        found = discover(account, Discovery(name="all", stack="shop", tags=(("team", "shop"),)))
        stacks.assert_no_pending_responses()
    assert found == ("bills", "orders")


def test_a_stack_that_is_not_there(account: Account) -> None:
    with Stubber(account.client("cloudformation")) as stacks:
        stacks.add_client_error(
            "list_stack_resources", "ValidationError", "Stack with id shop does not exist"
        )
        with pytest.raises(SourceError, match="Stack with id shop does not exist") as caught:
            discover(account, Discovery(name="all", stack="shop"))
    assert caught.value.what == "all: could not find the functions in eu-west-1"


def test_a_missing_permission_to_look_for_tags(account: Account) -> None:
    with Stubber(account.client("resourcegroupstaggingapi")) as tags:
        tags.add_client_error("get_resources", "AccessDeniedException", "", 403)
        with pytest.raises(SourceError) as caught:
            discover(account, Discovery(name="all", tags=(("team", "shop"),)))
    assert '"Action": "tag:GetResources", "Resource": "*"' in caught.value.do


def test_everything_is_never_meant_by_saying_nothing(account: Account) -> None:
    with pytest.raises(ConfigError, match="does not select any functions"):
        discover(account, Discovery(name="all"))
