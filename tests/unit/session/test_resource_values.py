"""Variables that say what a private AWS created."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion
from pytest_lambda_rollback.session.resource_values import filled, names_resources

RESOURCES = {
    "OrdersTable": {"Ref": "orders", "Arn": "arn:aws:dynamodb:eu-west-1:1:table/orders"},
    "Queue": {"Ref": "https://sqs.eu-west-1.amazonaws.com/1/jobs", "QueueName": "jobs"},
}


def version(placeholders: tuple[str, ...] = (), **environment: str) -> FunctionVersion:
    return FunctionVersion(
        function="orders",
        version="4",
        code=Artifact(tar=Path("code.tar"), digest="0", label="code", size_bytes=1),
        layers=(),
        configuration=FunctionConfiguration(environment=tuple(sorted(environment.items()))),
        region="eu-west-1",
        account="111122223333",
        placeholders=placeholders,
    )


def values(found: FunctionVersion) -> dict[str, str]:
    return dict(found.configuration.environment)


def test_a_variable_names_a_resource_and_its_attributes() -> None:
    said = version(
        TABLE="${resources.OrdersTable}",
        ARN="${resources.OrdersTable.Arn}",
        BOTH="${resources.OrdersTable}/${resources.Queue.QueueName}",
        OTHER="${resources}",
    )
    assert names_resources(said)
    assert values(filled(said, RESOURCES, {})) == {
        "TABLE": "orders",
        "ARN": RESOURCES["OrdersTable"]["Arn"],
        "BOTH": "orders/jobs",
        "OTHER": "${resources}",
    }


def test_a_version_that_names_none_is_left_as_it_is() -> None:
    said = version(TABLE="orders")
    assert not names_resources(said)
    assert filled(said, RESOURCES, {}) == said


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ({"Ref": "OrdersTable"}, "orders"),
        ({"Fn::GetAtt": ["OrdersTable", "Arn"]}, RESOURCES["OrdersTable"]["Arn"]),
        ({"Fn::GetAtt": "Queue.QueueName"}, "jobs"),
        ({"Fn::Sub": "${OrdersTable}-${AWS::Region}"}, "orders-eu-west-1"),
        ({"Fn::Sub": "${Queue.QueueName}/${!Literal}"}, "jobs/${Literal}"),
        ({"Fn::Sub": ["${A}x", {"A": {"Ref": "OrdersTable"}}]}, "ordersx"),
        ({"Fn::Join": ["/", ["a", {"Ref": "AWS::AccountId"}]]}, "a/111122223333"),
        ("literal", "literal"),
    ],
)
def test_what_the_template_computes_stands_for_what_is_not_known(said: object, value: str) -> None:
    made_up = version(("TABLE",), TABLE="placeholder-for-TABLE")
    found = filled(made_up, RESOURCES, {"TABLE": json.dumps(said)})
    assert values(found) == {"TABLE": value}
    assert found.placeholders == ()


@pytest.mark.parametrize(
    "said",
    [
        {"Ref": "Elsewhere"},
        {"Fn::ImportValue": "x"},
        {"Fn::Sub": "${Elsewhere}"},
        {"Fn::Join": ["/", [{"Fn::ImportValue": "x"}]]},
        {"Fn::GetAtt": ["OrdersTable", "StreamArn"]},
        ["Ref"],
        {"Fn::Sub": ["${A}", {"A": {"Fn::Sub": ["${A}", {"A": {"Ref": "No"}}]}}]},
    ],
)
def test_what_takes_more_to_know_keeps_its_placeholder(said: object) -> None:
    made_up = version(("TABLE",), TABLE="placeholder-for-TABLE")
    assert filled(made_up, RESOURCES, {"TABLE": json.dumps(said)}) == made_up


def test_a_known_value_is_never_replaced() -> None:
    said = version(TABLE="mine")
    assert filled(said, RESOURCES, {"TABLE": json.dumps({"Ref": "OrdersTable"})}) == said


@pytest.mark.parametrize(
    ("said", "resources", "words"),
    [
        ("${resources.OrderTable}", RESOURCES, 'Did you mean "OrdersTable"?'),
        ("${resources.X}", {}, "It has none"),
        ("${resources.OrdersTable.Stream}", RESOURCES, "that resource has Arn and Ref"),
    ],
)
def test_a_resource_that_is_not_there_is_named(
    said: str, resources: dict[str, dict[str, str]], words: str
) -> None:
    with pytest.raises(SourceError, match="orders:4's variable TABLE names") as caught:
        filled(version(TABLE=said), resources, {})
    assert words in str(caught.value)
