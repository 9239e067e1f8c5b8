"""Names and ARNs of Lambda, as its API reference writes them."""

from __future__ import annotations

import re

import pytest

from pytest_lambda_rollback.aws_lambda import names

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:acme-shared:7"


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (names.FUNCTION_NAME, "orders-v1_x", True),
        (names.FUNCTION_NAME, "o" * 65, False),
        (names.ALIAS, "live", True),
        (names.ALIAS, "2", False),
        (names.VERSION, "$LATEST", True),
        (names.VERSION, "live", False),
        (names.VARIABLE, "TABLE_2", True),
        (names.VARIABLE, "T", False),
        (names.VARIABLE, "_TABLE", False),
        (names.FUNCTION_ARN, ARN, True),
        (names.FUNCTION_ARN, f"{ARN}:2", False),
        (names.FUNCTION_ARN, ARN.replace("arn:aws:", "arn:aws-us-gov:"), True),
        (names.FUNCTION_ARN, ARN.replace("arn:aws:", "arn:evil:"), False),
        (names.LAYER_VERSION_ARN, LAYER, True),
        (names.LAYER_VERSION_ARN, LAYER.removesuffix(":7"), False),
        (names.ROLE_ARN, "arn:aws-cn:iam::123456789012:role/team/deploy", True),
        (names.REGION, "us-gov-west-1", True),
        (names.REGION, "Europe", False),
    ],
)
def test_patterns(pattern: re.Pattern[str], text: str, matches: bool) -> None:
    assert (pattern.fullmatch(text) is not None) is matches


@pytest.mark.parametrize(
    ("text", "name", "unqualified", "qualifier", "region", "account"),
    [
        ("orders", "orders", "orders", None, None, None),
        (ARN, "orders", ARN, None, "eu-west-1", "123456789012"),
        (f"{ARN}:live", "orders", ARN, "live", "eu-west-1", "123456789012"),
        (f"{ARN}:$LATEST", "orders", ARN, "$LATEST", "eu-west-1", "123456789012"),
    ],
)
def test_parts_of_a_function_arn(
    text: str,
    name: str,
    unqualified: str,
    qualifier: str | None,
    region: str | None,
    account: str | None,
) -> None:
    assert names.function_name_of(text) == name
    assert names.unqualified(text) == unqualified
    assert names.qualifier_of(text) == qualifier
    assert (names.region_of(text), names.account_of(text)) == (region, account)


@pytest.mark.parametrize(
    ("region", "partition"),
    [("eu-west-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_partition_of_a_region(region: str, partition: str) -> None:
    assert names.partition_of(region) == partition
