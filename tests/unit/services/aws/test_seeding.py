"""Resources of a template and data files, made in a real private AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.aws_bridge import Bridge
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.services import TemplateResource, TemplateResources
from pytest_lambda_rollback.model.settings import AwsService
from pytest_lambda_rollback.services.aws.private_aws import AwsPass, PrivateAws
from pytest_lambda_rollback.services.aws.template_resources import stack_name

Open = Callable[..., tuple[AwsPass, Bridge]]

TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
}


def template(
    resources: dict[str, tuple[str, dict[str, object]]],
    *,
    conditions: dict[str, str] | None = None,
    parameters: dict[str, str] | None = None,
    rest: dict[str, object] | None = None,
) -> AwsService:
    return AwsService(
        template=TemplateResources(
            resources=tuple(
                TemplateResource(
                    logical_id=name,
                    type=f"AWS::{kind}",
                    properties=json.dumps(properties),
                    condition=(conditions or {}).get(name, ""),
                )
                for name, (kind, properties) in resources.items()
            ),
            parameters=tuple((parameters or {}).items()),
            rest=json.dumps(rest or {}),
            left_out=("Sessions: a cache cluster is not part of a private AWS",),
        ),
        template_name="shop/template.yaml",
    )


EVERYTHING = template(
    {
        "Orders": (
            "DynamoDB::Table",
            {
                "TableName": {"Fn::Sub": "orders-${Stage}"},
                **TABLE,
                "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
                "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
                "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": "by-id",
                        "KeySchema": TABLE["KeySchema"],
                        "Projection": {"ProjectionType": "ALL"},
                        "ProvisionedThroughput": {"ReadCapacityUnits": 1},
                    }
                ],
            },
        ),
        "Audit": ("S3::Bucket", {"VersioningConfiguration": {"Status": "Enabled"}}),
        "Jobs": (
            "SQS::Queue",
            {
                "FifoQueue": True,
                "ContentBasedDeduplication": True,
                "RedrivePolicy": {
                    "deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]},
                    "maxReceiveCount": 3,
                },
            },
        ),
        "Dead": ("SQS::Queue", {"QueueName": "dead.fifo", "FifoQueue": "true"}),
        "News": ("SNS::Topic", {}),
        "Inbox": ("SQS::Queue", {}),
        "NewsToInbox": (
            "SNS::Subscription",
            {
                "TopicArn": {"Ref": "News"},
                "Protocol": "sqs",
                "Endpoint": {"Fn::GetAtt": "Inbox.Arn"},
                "RawMessageDelivery": True,
            },
        ),
        "Host": (
            "SSM::Parameter",
            {"Name": "/shop/host", "Type": "String", "Value": {"Fn::Sub": "${Api}.example.com"}},
        ),
        "Api": ("ApiGateway::RestApi", {}),
        "Password": (
            "SecretsManager::Secret",
            {
                "GenerateSecretString": {
                    "SecretStringTemplate": '{"user": "shop"}',
                    "GenerateStringKey": "password",
                    "PasswordLength": 12,
                }
            },
        ),
        "Clicks": ("Kinesis::Stream", {"ShardCount": 1}),
        "Bus": ("Events::EventBus", {"Name": "shop"}),
        "Flow": ("StepFunctions::StateMachine", {"StateMachineType": "STANDARD"}),
        "Wrong": ("DynamoDB::Table", {"KeySchema": []}),
        "Unknown": ("SQS::Queue", {"QueueName": {"Ref": "NoDefault"}}),
        "Prod": ("SQS::Queue", {}),
    },
    conditions={"Prod": "IsProd"},
    parameters={"Stage": "dev"},
    rest={"Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}}},
)


def test_resources_of_a_template(private_aws: PrivateAws, opened: Open) -> None:
    seeded = private_aws.seeded(EVERYTHING, region="eu-west-1", account="111122223333")
    resources = seeded.resources
    queues = "https://sqs.eu-west-1.amazonaws.com/111122223333"
    assert {name: made["Ref"] for name, made in resources.items()} == {
        "Orders": "orders-dev",
        "Audit": "shop-audit",
        "Jobs": f"{queues}/shop-Jobs.fifo",
        "Dead": f"{queues}/dead.fifo",
        "News": "arn:aws:sns:eu-west-1:111122223333:shop-News",
        "Inbox": f"{queues}/shop-Inbox",
        "NewsToInbox": resources["NewsToInbox"]["Arn"],
        "Host": "/shop/host",
        "Password": resources["Password"]["Arn"],
        "Clicks": "shop-Clicks",
        "Bus": "shop",
        "Flow": "arn:aws:states:eu-west-1:111122223333:stateMachine:shop-Flow",
    }
    assert resources["Orders"]["Arn"] == "arn:aws:dynamodb:eu-west-1:111122223333:table/orders-dev"
    assert resources["Orders"]["StreamArn"].startswith(resources["Orders"]["Arn"] + "/stream/")
    assert resources["Audit"]["Arn"] == "arn:aws:s3:::shop-audit"
    assert resources["Jobs"]["Arn"] == "arn:aws:sqs:eu-west-1:111122223333:shop-Jobs.fifo"
    assert resources["Bus"]["Arn"] == "arn:aws:events:eu-west-1:111122223333:event-bus/shop"
    assert resources["Clicks"]["Arn"] == "arn:aws:kinesis:eu-west-1:111122223333:stream/shop-Clicks"

    sessions, wrong, unknown = seeded.notes
    assert sessions == "Sessions: a cache cluster is not part of a private AWS"
    assert wrong.startswith("Wrong: KeyError: 'AttributeDefinitions'")
    assert unknown == "Unknown: NoDefault is not known"

    opened_pass, bridge = opened(EVERYTHING)
    table, host, password = opened_pass.stored().items[0:3]
    assert (table.container, table.key) == ("orders-dev", "")
    assert json.loads(table.value) == {"keys": ["id"], "ttl": "expires"}
    assert password.key == "/shop/host"
    assert json.loads(host.value)["value"].startswith('{"user": "shop", "password": "')
    assert json.loads(password.value)["value"] == "shop-Api.example.com"
    bridge.client("sns").publish(TopicArn=resources["News"]["Ref"], Message="sold")
    received = bridge.client("sqs").receive_message(QueueUrl=resources["Inbox"]["Ref"])
    assert [message["Body"] for message in received["Messages"]] == ["sold"]
    told = bridge.client("sqs").get_queue_attributes(
        QueueUrl=resources["Jobs"]["Ref"], AttributeNames=["All"]
    )["Attributes"]
    assert (told["FifoQueue"], told["ContentBasedDeduplication"]) == ("true", "true")
    assert json.loads(told["RedrivePolicy"])["deadLetterTargetArn"] == resources["Dead"]["Arn"]
    index = bridge.client("dynamodb").describe_table(TableName="orders-dev")["Table"]
    assert index["GlobalSecondaryIndexes"][0]["IndexName"] == "by-id"


def test_resources_that_need_each_other_end(private_aws: PrivateAws) -> None:
    content = template(
        {
            "One": ("SQS::Queue", {"QueueName": {"Ref": "Other"}}),
            "Other": ("SQS::Queue", {"QueueName": {"Ref": "One"}}),
        }
    )
    seeded = private_aws.seeded(content, region="eu-west-1", account="111122223333")
    assert seeded.resources == {}
    assert len(seeded.notes) == 3


def test_names_are_the_same_in_every_run() -> None:
    assert stack_name("shop/template.yaml") == "shop"
    assert stack_name("cdk.out/Shop-Data.template.json") == "Shop-Data"
    assert stack_name("template.yaml") == "stack"
    assert stack_name("/a b/template.yaml") == "a-b"


def test_data_files(opened: Open, tmp_path: Path) -> None:
    items = [
        {"id": {"S": "o-1"}, "raw": {"B": "AAE="}, "deep": {"M": {"raw": {"BS": ["AAE="]}}}},
        {"id": {"S": "o-2"}, "total": {"N": "5.50"}},
    ]
    (tmp_path / "Orders.json").write_text(json.dumps({"Items": items, "Count": 2}))
    (tmp_path / "invoices" / "2026").mkdir(parents=True)
    (tmp_path / "invoices" / "2026" / "1.json").write_text('{"total": 5}')
    (tmp_path / "invoices" / "notes").write_text("hello")
    base = template({"Orders": ("DynamoDB::Table", {**TABLE, "TableName": "orders"})})
    content = AwsService(
        template=base.template,
        template_name=base.template_name,
        data=(tmp_path / "Orders.json", tmp_path / "invoices"),
    )
    opened_pass, _ = opened(content)
    stored = [
        (i.service, i.container, i.key, json.loads(i.value)) for i in opened_pass.stored().items
    ]
    assert stored[1:] == [
        ("dynamodb", "orders", '{"id": "o-1"}', dict(sorted(items[0].items()))),
        ("dynamodb", "orders", '{"id": "o-2"}', {"id": {"S": "o-2"}, "total": {"N": "5.5"}}),
        (
            "s3",
            "invoices",
            "2026/1.json",
            {"json": {"total": 5}, "content_type": "application/json", "metadata": {}},
        ),
        (
            "s3",
            "invoices",
            "notes",
            {"text": "hello", "content_type": "binary/octet-stream", "metadata": {}},
        ),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "is for a table that does not exist: there is no table prices; there is none"),
        ("{", "cannot be read"),
        ('{"id": 1}', "has no items"),
    ],
)
def test_data_files_that_cannot_be_loaded(
    private_aws: PrivateAws, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        private_aws.seeded(AwsService(data=(path,)), region="eu-west-1", account="111122223333")


def test_an_item_that_is_refused(private_aws: PrivateAws, tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    path.write_text('[{"id": {"S": "o-1"}}, {"id": "o-2"}]')
    base = template({"Orders": ("DynamoDB::Table", {**TABLE, "TableName": "orders"})})
    content = AwsService(template=base.template, data=(path,))
    with pytest.raises(ConfigError, match=r"Item 2 of the data file .* was refused"):
        private_aws.seeded(content, region="eu-west-1", account="111122223333")
