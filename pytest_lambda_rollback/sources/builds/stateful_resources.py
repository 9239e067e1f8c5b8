"""What templates of SAM, CDK and CloudFormation declare that stores something.

These resources, and those that they refer to, are what a private AWS begins with. SAM's types are
translated to the ones that SAM makes of them. Nothing is worked out here: intrinsic functions
stay as they are.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pytest_lambda_rollback.model.services import TemplateResource, TemplateResources
from pytest_lambda_rollback.sources.builds import assemblies
from pytest_lambda_rollback.sources.builds.template_stacks import table
from pytest_lambda_rollback.sources.builds.templates import read_template, template_in

STORING: Final = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::Events::EventBus",
        "AWS::Kinesis::Stream",
        "AWS::S3::Bucket",
        "AWS::SNS::Subscription",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
        "AWS::SecretsManager::Secret",
        "AWS::StepFunctions::StateMachine",
    }
)
"""Types that a private AWS can have."""

_ELSEWHERE: Final = {
    "AWS::CloudFormation::Stack": "a nested stack",
    "AWS::DocDB::DBCluster": "a DocumentDB cluster",
    "AWS::EFS::FileSystem": "a file system",
    "AWS::ElastiCache::CacheCluster": "a cache cluster",
    "AWS::ElastiCache::ReplicationGroup": "a cache cluster",
    "AWS::ElastiCache::ServerlessCache": "a serverless cache",
    "AWS::Elasticsearch::Domain": "a search domain",
    "AWS::KinesisFirehose::DeliveryStream": "a Firehose stream",
    "AWS::MSK::Cluster": "a Kafka cluster",
    "AWS::OpenSearchService::Domain": "a search domain",
    "AWS::RDS::DBCluster": "a database cluster",
    "AWS::RDS::DBInstance": "a database",
    "AWS::Serverless::Application": "a nested application",
    "AWS::Timestream::Table": "a Timestream table",
}
"""Types that store something, or hold what does, and are left out."""

_PLACEHOLDER: Final = re.compile(r"\$\{([^!}][^}]*)\}")


def stateful_resources(path: Path) -> TemplateResources:
    """What a template, or a folder with one or with a CDK assembly, has that stores something.

    Raises SourceError for what cannot be read.
    """
    if path.is_dir():
        if assemblies.is_assembly(path):
            return of_templates([stack.template for stack in assemblies.stacks_in(path)])
        inside = template_in(path)
        return of_templates([read_template(inside)] if inside is not None else [])
    return of_templates([read_template(path)])


def of_templates(templates: list[Mapping[str, Any]]) -> TemplateResources:
    """The same for templates that are read; of two resources with one id the first counts."""
    declared: dict[str, TemplateResource] = {}
    left_out: list[str] = []
    parameters: dict[str, str] = {}
    mappings: dict[str, Any] = {}
    conditions: dict[str, Any] = {}
    for template in templates:
        for logical_id, resource in _resources(template):
            kind = resource["Type"]
            if what := _ELSEWHERE.get(kind):
                left_out.append(f"{logical_id}: {what} is not part of a private AWS")
            condition = resource.get("Condition")
            kind, properties = _translated(kind, table(resource.get("Properties")))
            declared.setdefault(
                logical_id,
                TemplateResource(
                    logical_id=logical_id,
                    type=kind,
                    properties=json.dumps(properties, default=str),
                    condition=condition if isinstance(condition, str) else "",
                ),
            )
        for name, parameter in table(template.get("Parameters")).items():
            default = table(parameter).get("Default")
            if default is not None and not _read_at_deployment(parameter):
                parameters.setdefault(str(name), _text(default))
        mappings = {**table(template.get("Mappings")), **mappings}
        conditions = {**table(template.get("Conditions")), **conditions}
    kept = _needed(declared)
    return TemplateResources(
        resources=tuple(each for name, each in declared.items() if name in kept),
        parameters=tuple(sorted(parameters.items())),
        rest=json.dumps({"Mappings": mappings, "Conditions": conditions}, default=str),
        left_out=tuple(left_out),
    )


def _resources(template: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for logical_id, resource in table(template.get("Resources")).items():
        if isinstance(resource, dict) and isinstance(resource.get("Type"), str):
            yield str(logical_id), resource


def _needed(declared: Mapping[str, TemplateResource]) -> set[str]:
    """Ids of the resources that store something, and of all that they refer to."""
    needed: set[str] = set()
    waiting = [name for name, resource in declared.items() if resource.type in STORING]
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed.add(name)
        resource = declared[name]
        if resource.type in STORING:  # what others need of theirs is of no interest
            found = _references(json.loads(resource.properties))
            waiting += [each for each in found if each in declared]
    return needed


def _references(value: Any) -> Iterator[str]:
    """Logical ids in ``Ref``, ``Fn::GetAtt`` and ``Fn::Sub``, and names of parameters."""
    if isinstance(value, list):
        for each in value:
            yield from _references(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            match key, inner:
                case "Ref", str(name):
                    yield name
                case "Fn::GetAtt", [str(name), *_]:
                    yield name
                case "Fn::GetAtt", str(text):
                    yield text.partition(".")[0]
                case "Fn::Sub", str(text) | [str(text), *_]:
                    for name in _PLACEHOLDER.findall(text):
                        yield name.strip().partition(".")[0]
            yield from _references(inner)


def _translated(kind: str, properties: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """A resource as CloudFormation's type that is nearest to it."""
    match kind:
        case "AWS::Serverless::SimpleTable":
            return "AWS::DynamoDB::Table", _simple_table(properties)
        case "AWS::DynamoDB::GlobalTable":
            return "AWS::DynamoDB::Table", properties
        case "AWS::Serverless::StateMachine":
            named = {"StateMachineName": properties["Name"]} if "Name" in properties else {}
            said = {"StateMachineType": properties["Type"]} if "Type" in properties else {}
            return "AWS::StepFunctions::StateMachine", {**named, **said}
        case "AWS::StepFunctions::StateMachine":
            # Nothing is executed, so that what a definition refers to is not needed.
            kept = ("StateMachineName", "StateMachineType")
            return kind, {key: properties[key] for key in kept if key in properties}
        case "AWS::S3::Bucket":
            kept = ("BucketName", "VersioningConfiguration")
            return kind, {key: properties[key] for key in kept if key in properties}
        case "AWS::DynamoDB::Table":
            return kind, {k: v for k, v in properties.items() if k != "SSESpecification"}
    return kind, properties


def _simple_table(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The table that SAM makes; its key is ``id`` if none is said.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-simpletable.html
    """
    key = table(properties.get("PrimaryKey"))
    name = key.get("Name", "id")
    kinds = {"String": "S", "Number": "N", "Binary": "B"}
    kind = kinds.get(str(key.get("Type", "String")), "S")
    named = {"TableName": properties["TableName"]} if "TableName" in properties else {}
    return {
        **named,
        "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind}],
    }


def _read_at_deployment(parameter: Any) -> bool:
    """True for a parameter whose default is the name of an SSM parameter."""
    return str(table(parameter).get("Type", "")).startswith("AWS::SSM::Parameter::Value")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_text(each) for each in value)
    return str(value)
