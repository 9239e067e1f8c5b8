"""Values that templates tell, and those that only a deployment knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.sources.builds.template_stacks import (
    ABSENT,
    COMPUTED,
    Reference,
    Stack,
    Stacks,
)

OUTER = Stack(
    path=Path("/app/outer.json"),
    name="Shop",
    region="eu-west-1",
    account="123456789012",
    template={
        "Parameters": {"Stage": {"Type": "String", "Default": "dev"}},
        "Mappings": {"Sizes": {"eu-west-1": {"Memory": 512}, "dev": {"Memory": 128}}},
        "Resources": {
            "Layer": {"Type": "AWS::Lambda::LayerVersion"},
            "Table": {"Type": "AWS::DynamoDB::Table"},
            "Nested": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {"Parameters": {"Shared": {"Ref": "Layer"}, "Told": "yes"}},
            },
        },
        "Outputs": {"L": {"Value": {"Ref": "Layer"}, "Export": {"Name": "shared-layer"}}},
    },
)
NESTED = Stack(
    path=Path("/app/nested.json"),
    parent=OUTER,
    logical_id="Nested",
    template={
        "Parameters": {"Shared": {"Type": "String"}, "Told": {"Default": "no"}},
        "Resources": {"Own": {"Type": "AWS::Serverless::LayerVersion"}},
        "Outputs": {"Own": {"Value": {"Ref": "Own"}}, "Told": {"Value": {"Ref": "Told"}}},
    },
)
CIRCLE = Stack(
    path=Path("/app/circle.json"),
    name="Circle",
    template={
        "Resources": {},
        "Outputs": {
            "A": {"Value": {"Fn::ImportValue": "a"}, "Export": {"Name": "a"}},
        },
    },
)
ELSEWHERE = Stack(
    path=Path("/app/elsewhere.json"),
    name="Elsewhere",
    region="us-east-1",
    template={"Resources": {}, "Outputs": {"B": {"Value": "b", "Export": {"Name": "b"}}}},
)
STACKS = Stacks(stacks=(OUTER, CIRCLE, ELSEWHERE, NESTED))
LAYER = Reference(stack=OUTER, logical_id="Layer")
OWN = Reference(stack=NESTED, logical_id="Own")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("text", "text"),
        (7, 7),
        (None, ABSENT),
        ({"Ref": "AWS::NoValue"}, ABSENT),
        ({"Ref": "Layer"}, LAYER),
        ({"Fn::GetAtt": ["Layer", "LayerVersionArn"]}, LAYER),
        ({"Fn::Sub": "${Layer}"}, LAYER),
        ({"Ref": "Table"}, Reference(stack=OUTER, logical_id="Table")),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Fn::Sub": "arn:${AWS::Partition}:x:${AWS::AccountId}"}, "arn:aws:x:123456789012"),
        ({"Fn::Sub": "${!literal}"}, "${literal}"),
        ({"Fn::Sub": ["${a}-${b}", {"a": "1", "b": {"Ref": "AWS::Region"}}]}, "1-eu-west-1"),
        ({"Fn::Join": ["-", ["a", {"Ref": "AWS::StackName"}]]}, "a-Shop"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "Memory"]}, 512),
        ({"Fn::ImportValue": "shared-layer"}, LAYER),
        ({"Fn::GetStackOutput": {"StackName": "Shop", "OutputName": "L"}}, LAYER),
        ({"Fn::GetAtt": ["Nested", "Outputs.Own"]}, OWN),
        ({"Fn::GetAtt": "Nested.Outputs.Told"}, "yes"),
        # A default may be another value in a deployment.
        ({"Ref": "Stage"}, COMPUTED),
        ({"Fn::Sub": "${Stage}-orders"}, COMPUTED),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]}, COMPUTED),
        ({"Fn::GetAtt": ["Table", "Arn"]}, COMPUTED),
        ({"Fn::Sub": "${Table}-x"}, COMPUTED),
        ({"Fn::Join": ["", ["a", {"Ref": "Table"}]]}, COMPUTED),
        ({"Fn::If": ["IsProd", "a", "b"]}, COMPUTED),
        ({"Fn::ImportValue": "not-exported-here"}, COMPUTED),
        ({"Fn::ImportValue": "a"}, COMPUTED),
        ({"Fn::ImportValue": "b"}, COMPUTED),
        ("{{resolve:ssm:/orders/token}}", COMPUTED),
        ({"Fn::Join": ["", ["{{resolve:ssm", ":/token}}"]]}, COMPUTED),
        ({"Ref": ["odd"]}, COMPUTED),
        ({"Fn::Sub": 4}, COMPUTED),
        ({"Fn::GetAtt": "odd"}, COMPUTED),
        ({"Fn::GetAtt": ["Nested", "Outputs.None"]}, COMPUTED),
        ({"Fn::FindInMap": ["Sizes"]}, COMPUTED),
    ],
)
def test_a_value_of_the_outer_stack(value: Any, told: object) -> None:
    assert STACKS.value(value, OUTER) == told


def test_a_nested_stack_is_told_by_the_outer_one() -> None:
    assert STACKS.value({"Ref": "Shared"}, NESTED) == LAYER
    assert STACKS.value({"Ref": "Told"}, NESTED) == "yes"


@pytest.mark.parametrize(
    ("region", "partition"),
    [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov"), (None, COMPUTED)],
)
def test_the_partition_is_that_of_the_region(region: str | None, partition: object) -> None:
    stack = Stack(path=Path("/t.json"), template={"Resources": {}}, region=region)
    assert Stacks(stacks=(stack,)).value({"Ref": "AWS::Partition"}, stack) == partition
