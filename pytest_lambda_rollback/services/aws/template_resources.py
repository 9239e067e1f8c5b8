"""Resources of a template made in moto by the calls that CloudFormation would make.

It runs in the seeded process. moto's own CloudFormation gives names at random, knows neither
secrets nor subscriptions, and takes a second to load.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import PurePath
from typing import Any, Final

from pytest_lambda_rollback.services.aws.intrinsics import UntoldError, Values

_NOTHING_TO_DO: Final = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
"""The definition of every state machine: what is started is kept, and nothing is executed."""

_NAME_LIMIT: Final = 63

_QUEUE_ATTRIBUTES: Final = (
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)
_SUBSCRIPTION_ATTRIBUTES: Final = ("FilterPolicy", "FilterPolicyScope", "RawMessageDelivery")

_ARNS: Final = {
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::KMS::Key": "arn:aws:kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{name}",
}


def stack_name(template_name: str) -> str:
    """A stack's name by its template: ``shop`` for ``shop/template.yaml``, else ``stack``."""
    path = PurePath(template_name)
    name = path.parent.name
    if path.name.endswith(".template.json"):  # of CDK, one for each stack
        name = path.name.removesuffix(".template.json")
    name = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    return name[:_NAME_LIMIT] or "stack"


class TemplateStack:
    """The resources of one template, made in the order in which they need one another."""

    def __init__(
        self, template: Mapping[str, Any], *, name: str, region: str, account: str, session: Any
    ) -> None:
        self._name = name
        self._region = region
        self._account = account
        self._session = session
        self._resources = {each["logical_id"]: each for each in template["resources"]}
        self._left_out: list[str] = [str(each) for each in template["left_out"]]
        self._made: dict[str, dict[str, str]] = {}
        self._failed: dict[str, str] = {}
        self._in_progress: list[str] = []
        self._values = Values(
            parameters=dict(template["parameters"]),
            rest=json.loads(template["rest"]),
            pseudo={
                "AWS::AccountId": account,
                "AWS::Partition": "aws",
                "AWS::Region": region,
                "AWS::StackId": f"arn:aws:cloudformation:{region}:{account}:stack/{name}/0",
                "AWS::StackName": name,
                "AWS::URLSuffix": "amazonaws.com",
            },
            attributes=self._attributes,
        )

    def make(self) -> tuple[dict[str, dict[str, str]], list[str]]:
        """Make all that can be made.

        The answer is what ``Ref`` and ``GetAtt`` give for each logical id, and what was left out.
        """
        for logical_id, resource in self._resources.items():
            if resource["type"] in self._makers and self._exists(resource):
                try:
                    self._attributes(logical_id)
                except UntoldError:
                    continue  # noted where it arose
        notes = [f"{logical_id}: {why}" for logical_id, why in self._failed.items()]
        return self._made, self._left_out + notes

    def _exists(self, resource: Mapping[str, Any]) -> bool:
        try:
            return not resource["condition"] or self._values.holds(resource["condition"])
        except UntoldError:
            return True

    def _attributes(self, logical_id: str) -> Mapping[str, str]:
        if logical_id in self._made:
            return self._made[logical_id]
        if logical_id in self._failed:
            raise UntoldError(f"{logical_id} could not be made")
        resource = self._resources.get(logical_id)
        if resource is None:
            raise UntoldError(f"{logical_id} is not known")
        if logical_id in self._in_progress:
            raise UntoldError(f"it and {logical_id} need each other")
        maker = self._makers.get(resource["type"])
        if maker is None:
            return self._elsewhere(logical_id, resource["type"])
        self._in_progress.append(logical_id)
        try:
            properties = self._values.value(json.loads(resource["properties"]))
            made = maker(logical_id, properties)
        except UntoldError as error:
            self._failed[logical_id] = str(error)
            raise
        except Exception as error:  # of botocore's validation, or moto's, of any kind
            self._failed[logical_id] = f"{type(error).__name__}: {error}"[:300]
            raise UntoldError(f"{logical_id} could not be made") from error
        finally:
            self._in_progress.remove(logical_id)
        self._made[logical_id] = {key: str(value) for key, value in made.items() if value}
        return self._made[logical_id]

    def _elsewhere(self, logical_id: str, kind: str) -> dict[str, str]:
        """Names of a resource that stores nothing, such as a role or a function."""
        name = f"{self._name}-{logical_id}"
        form = _ARNS.get(kind)
        if form is None:
            _, _, rest = kind.partition("::")
            form = f"arn:aws:{rest.partition('::')[0].lower()}:{{region}}:{{account}}:{{name}}"
        arn = form.format(region=self._region, account=self._account, name=name)
        return {"Ref": name, "Arn": arn, "Name": name}

    def _client(self, service: str) -> Any:
        return self._session.client(service)

    def _named(self, logical_id: str, properties: Mapping[str, Any], key: str) -> str:
        """The name that a property gives, else one that is the same in every run."""
        given = properties.get(key)
        name = str(given) if given else f"{self._name}-{logical_id}"[-_NAME_LIMIT:].strip("-")
        fifo = str(properties.get("FifoQueue") or properties.get("FifoTopic") or "").lower()
        return f"{name}.fifo" if fifo == "true" and not name.endswith(".fifo") else name

    @cached_property
    def _makers(self) -> dict[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]]:
        return {
            "AWS::DynamoDB::Table": self._table,
            "AWS::Events::EventBus": self._bus,
            "AWS::Kinesis::Stream": self._stream,
            "AWS::S3::Bucket": self._bucket,
            "AWS::SNS::Subscription": self._subscription,
            "AWS::SNS::Topic": self._topic,
            "AWS::SQS::Queue": self._queue,
            "AWS::SSM::Parameter": self._parameter,
            "AWS::SecretsManager::Secret": self._secret,
            "AWS::StepFunctions::StateMachine": self._machine,
        }

    def _table(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        client = self._client("dynamodb")
        name = self._named(logical_id, properties, "TableName")
        indexes: dict[str, Any] = {
            kind: [
                {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
                for index in properties[kind]
            ]
            for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
            if properties.get(kind)
        }
        stream = properties.get("StreamSpecification")
        if stream:
            indexes["StreamSpecification"] = {"StreamEnabled": True, **stream}
        client.create_table(
            TableName=name,
            KeySchema=properties["KeySchema"],
            AttributeDefinitions=properties["AttributeDefinitions"],
            BillingMode="PAY_PER_REQUEST",
            **indexes,
        )
        ttl = properties.get("TimeToLiveSpecification") or {}
        if ttl.get("AttributeName") and str(ttl.get("Enabled", True)).lower() == "true":
            specification = {"Enabled": True, "AttributeName": ttl["AttributeName"]}
            client.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
        table = client.describe_table(TableName=name)["Table"]
        return {
            "Ref": name,
            "Name": name,
            "Arn": table["TableArn"],
            "StreamArn": table.get("LatestStreamArn"),
        }

    def _bucket(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        client = self._client("s3")
        name = self._named(logical_id, properties, "BucketName").lower()
        create_bucket(client, name, region=self._region)
        if (properties.get("VersioningConfiguration") or {}).get("Status") == "Enabled":
            enabled = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration=enabled)
        return {
            "Ref": name,
            "Name": name,
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.s3.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{self._region}.amazonaws.com",
        }

    def _queue(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        client = self._client("sqs")
        name = self._named(logical_id, properties, "QueueName")
        attributes = _attributes_of(properties, _QUEUE_ATTRIBUTES)
        url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        told = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        url = f"https://sqs.{self._region}.amazonaws.com/{self._account}/{name}"
        return {
            "Ref": url,
            "Name": name,
            "Arn": told["Attributes"]["QueueArn"],
            "QueueName": name,
            "QueueUrl": url,
        }

    def _topic(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        client = self._client("sns")
        name = self._named(logical_id, properties, "TopicName")
        attributes = _attributes_of(properties, ("FifoTopic", "ContentBasedDeduplication"))
        arn = client.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        for subscription in properties.get("Subscription") or ():
            if subscription.get("Protocol") == "sqs":
                client.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=subscription["Endpoint"])
        return {"Ref": arn, "Name": name, "Arn": arn, "TopicArn": arn, "TopicName": name}

    def _subscription(self, _logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        if properties.get("Protocol") != "sqs":
            return {"Ref": properties["TopicArn"]}  # nothing is stored
        arn = self._client("sns").subscribe(
            TopicArn=properties["TopicArn"],
            Protocol="sqs",
            Endpoint=properties["Endpoint"],
            Attributes=_attributes_of(properties, _SUBSCRIPTION_ATTRIBUTES),
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        return {"Ref": arn, "Arn": arn}

    def _parameter(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        name = self._named(logical_id, properties, "Name")
        value, kind = str(properties["Value"]), str(properties.get("Type") or "String")
        self._client("ssm").put_parameter(Name=name, Value=value, Type=kind)
        arn = f"arn:aws:ssm:{self._region}:{self._account}:parameter/{name.lstrip('/')}"
        return {"Ref": name, "Name": name, "Arn": arn, "Type": kind, "Value": value}

    def _secret(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        name = self._named(logical_id, properties, "Name")
        generated = properties.get("GenerateSecretString")
        value = properties.get("SecretString")
        if value is None and generated is not None:
            value = _generated(name, generated)
        given = {} if value is None else {"SecretString": str(value)}
        arn = self._client("secretsmanager").create_secret(Name=name, **given)["ARN"]
        return {"Ref": arn, "Name": name, "Arn": arn, "Id": arn}

    def _stream(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        client = self._client("kinesis")
        name = self._named(logical_id, properties, "Name")
        client.create_stream(StreamName=name, ShardCount=int(properties.get("ShardCount") or 1))
        told = client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return {"Ref": name, "Name": name, "Arn": told["StreamARN"]}

    def _bus(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        name = self._named(logical_id, properties, "Name")
        arn = f"arn:aws:events:{self._region}:{self._account}:event-bus/{name}"
        if name != "default":
            arn = self._client("events").create_event_bus(Name=name)["EventBusArn"]
        return {"Ref": name, "Name": name, "Arn": arn}

    def _machine(self, logical_id: str, properties: Mapping[str, Any]) -> dict[str, Any]:
        name = self._named(logical_id, properties, "StateMachineName")
        arn = self._client("stepfunctions").create_state_machine(
            name=name,
            definition=_NOTHING_TO_DO,
            roleArn=_ARNS["AWS::IAM::Role"].format(account=self._account, name=name),
            type=str(properties.get("StateMachineType") or "STANDARD"),
        )["stateMachineArn"]
        return {"Ref": arn, "Name": name, "Arn": arn}


def create_bucket(client: Any, name: str, *, region: str) -> None:
    """Create a bucket in a region; us-east-1 is the one that a request must not name.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    """
    place = {} if region == "us-east-1" else {"LocationConstraint": region}
    client.create_bucket(Bucket=name, **({"CreateBucketConfiguration": place} if place else {}))


def _attributes_of(properties: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    """Properties as attributes of SQS and SNS, which are text."""
    texts: dict[str, str] = {}
    for name in names:
        value = properties.get(name)
        if isinstance(value, bool):
            texts[name] = str(value).lower()
        elif isinstance(value, dict | list):
            texts[name] = json.dumps(value)
        elif value is not None:
            texts[name] = str(value)
    return texts


def _generated(name: str, said: Mapping[str, Any]) -> str:
    """A generated secret that is the same in every run.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
    """
    length = min(int(said.get("PasswordLength") or 32), 4096)
    excluded = set(str(said.get("ExcludeCharacters") or ""))
    text, number = "", 0
    while len(text) < length and number < 10_000:
        digest = hashlib.sha256(f"{name} {number}".encode()).hexdigest()
        text += "".join(char for char in digest if char not in excluded)
        number += 1
    password = text[:length]
    if key := said.get("GenerateStringKey"):
        template = json.loads(str(said.get("SecretStringTemplate") or "{}"))
        return json.dumps({**template, str(key): password})
    return password
