"""Intrinsic functions of CloudFormation as a table."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_lambda_rollback.services.aws.intrinsics import UntoldError, Values

RESOURCES = {"Table": {"Ref": "orders", "Arn": "arn:orders"}}


def attributes(logical_id: str) -> dict[str, str]:
    if logical_id not in RESOURCES:
        raise UntoldError(f"{logical_id} is not known")
    return RESOURCES[logical_id]


VALUES = Values(
    parameters={"Stage": "dev", "Zones": "a, b"},
    rest={
        "Mappings": {"Sizes": {"dev": {"shards": 2}}},
        "Conditions": {
            "Dev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
            "Prod": {"Fn::Not": [{"Condition": "Dev"}]},
            "Both": {"Fn::And": [{"Condition": "Dev"}, {"Condition": "Prod"}]},
            "Either": {"Fn::Or": [{"Condition": "Dev"}, {"Condition": "Prod"}]},
            "Loop": {"Condition": "Loop"},
        },
    },
    pseudo={"AWS::Region": "eu-west-1", "AWS::AccountId": "111122223333"},
    attributes=attributes,
)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("plain", "plain"),
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::NoValue"}, None),
        ({"Ref": "Table"}, "orders"),
        ({"Fn::GetAtt": ["Table", "Arn"]}, "arn:orders"),
        ({"Fn::GetAtt": "Table.Arn"}, "arn:orders"),
        ({"Fn::Sub": "${Stage}-${Table}-${Table.Arn}-${!Kept}"}, "dev-orders-arn:orders-${Kept}"),
        ({"Fn::Sub": ["${Own}/${Stage}", {"Own": {"Ref": "AWS::Region"}}]}, "eu-west-1/dev"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Stage"}, {"Ref": "AWS::NoValue"}]]}, "a-dev"),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::Select": ["1", {"Ref": "Zones"}]}, "b"),
        ({"Fn::If": ["Dev", 1, 2]}, 1),
        ({"Fn::If": ["Prod", 1, {"Ref": "AWS::NoValue"}]}, None),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "shards"]}, 2),
        ({"Fn::FindInMap": ["Sizes", "x", "shards", {"DefaultValue": 9}]}, 9),
        ({"Fn::Base64": "a"}, "YQ=="),
        ({"Fn::ToJsonString": {"a": {"Ref": "Stage"}}}, '{"a": "dev"}'),
        ({"a": [{"Ref": "Stage"}], "b": {"Ref": "AWS::NoValue"}}, {"a": ["dev"]}),
        ({"Ref": "Stage", "other": 1}, {"Ref": "Stage", "other": 1}),
    ],
)
def test_values(given: Any, told: Any) -> None:
    assert VALUES.value(given) == told


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"Ref": "Nothing"}, "Nothing is not known"),
        ({"Fn::GetAtt": ["Table", "StreamArn"]}, "Table.StreamArn is not known"),
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue is not worked out here"),
        ({"Fn::FindInMap": ["Sizes", "x", "shards"]}, "a mapping does not have its key"),
        ({"Fn::Select": [5, ["a"]]}, "Fn::Select has no item 5"),
        ({"Fn::If": ["Unknown", 1, 2]}, "condition Unknown is not known"),
        ({"Fn::If": ["Loop", 1, 2]}, "condition Loop is not known"),
    ],
)
def test_values_that_are_not_told(given: Any, why: str) -> None:
    with pytest.raises(UntoldError, match=f"^{why}$"):
        VALUES.value(given)
