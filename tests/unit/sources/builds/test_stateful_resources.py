"""What is taken of templates for a private AWS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.services import TemplateResources
from pytest_lambda_rollback.sources.builds.stateful_resources import stateful_resources

SAM = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
  Shards: {Type: Number, Default: 2}
  Debug: {Type: String, Default: false}
  Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: /aws/image}
  NoDefault: {Type: String}
Mappings: {Sizes: {dev: {shards: 1}}}
Conditions: {IsProd: !Equals [!Ref Stage, prod]}
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: {Handler: app.handler}
  Items: {Type: AWS::Serverless::SimpleTable}
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub orders-${Stage}
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      SSESpecification: {KMSMasterKeyId: !GetAtt Key.Arn}
  Key: {Type: AWS::KMS::Key}
  Audit:
    Type: AWS::S3::Bucket
    Condition: IsProd
    Properties:
      NotificationConfiguration: {LambdaConfigurations: [{Function: !GetAtt Function.Arn}]}
  Jobs:
    Type: AWS::SQS::Queue
    Properties: {RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 3}}
  Dead: {Type: AWS::SQS::Queue}
  Host:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: !Sub "${Api}.example.com"}
  Api: {Type: AWS::ApiGateway::RestApi}
  Unused: {Type: AWS::IAM::Role}
  Flow:
    Type: AWS::Serverless::StateMachine
    Properties: {Name: flow, Type: EXPRESS, Role: !GetAtt Unused.Arn, DefinitionUri: flow.json}
  Sessions: {Type: AWS::ElastiCache::CacheCluster}
"""


@pytest.fixture
def read(tmp_path: Path) -> TemplateResources:
    (tmp_path / "template.yaml").write_text(SAM)
    return stateful_resources(tmp_path / "template.yaml")


def test_what_stores_something_and_what_that_refers_to(read: TemplateResources) -> None:
    assert {each.logical_id: each.type for each in read.resources} == {
        "Items": "AWS::DynamoDB::Table",
        "Orders": "AWS::DynamoDB::Table",
        "Audit": "AWS::S3::Bucket",
        "Jobs": "AWS::SQS::Queue",
        "Dead": "AWS::SQS::Queue",
        "Host": "AWS::SSM::Parameter",
        "Api": "AWS::ApiGateway::RestApi",
        "Flow": "AWS::StepFunctions::StateMachine",
    }
    assert read.left_out == ("Sessions: a cache cluster is not part of a private AWS",)


def test_properties_keep_intrinsic_functions(read: TemplateResources) -> None:
    made = {each.logical_id: each for each in read.resources}
    assert json.loads(made["Orders"].properties) == {
        "TableName": {"Fn::Sub": "orders-${Stage}"},
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    assert (made["Audit"].condition, made["Audit"].properties) == ("IsProd", "{}")
    assert made["Orders"].condition == ""


def test_types_of_sam_are_translated(read: TemplateResources) -> None:
    made = {each.logical_id: json.loads(each.properties) for each in read.resources}
    assert made["Items"] == {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    }
    assert made["Flow"] == {"StateMachineName": "flow", "StateMachineType": "EXPRESS"}


def test_parameters_mappings_and_conditions(read: TemplateResources) -> None:
    assert read.parameters == (("Debug", "false"), ("Shards", "2"), ("Stage", "dev"))
    assert json.loads(read.rest) == {
        "Mappings": {"Sizes": {"dev": {"shards": 1}}},
        "Conditions": {"IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
    }


def test_a_primary_key_of_a_simple_table(tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    table = {"PrimaryKey": {"Name": "no", "Type": "Number"}, "TableName": "numbers"}
    resource = {"Type": "AWS::Serverless::SimpleTable", "Properties": table}
    path.write_text(json.dumps({"Resources": {"Numbers": resource}}))
    (made,) = stateful_resources(path).resources
    assert json.loads(made.properties) == {
        "TableName": "numbers",
        "KeySchema": [{"AttributeName": "no", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "no", "AttributeType": "N"}],
    }


def test_a_folder_with_a_template_and_one_without(tmp_path: Path) -> None:
    assert stateful_resources(tmp_path) == TemplateResources(
        rest='{"Mappings": {}, "Conditions": {}}'
    )
    (tmp_path / "template.yaml").write_text("Resources: {Jobs: {Type: 'AWS::SQS::Queue'}}")
    assert [each.logical_id for each in stateful_resources(tmp_path).resources] == ["Jobs"]


def test_every_stack_of_a_cdk_assembly(tmp_path: Path) -> None:
    artifacts = {}
    for name, kind in (("Data", "AWS::DynamoDB::Table"), ("Api", "AWS::SQS::Queue")):
        file = f"{name}.template.json"
        (tmp_path / file).write_text(json.dumps({"Resources": {f"{name}Thing": {"Type": kind}}}))
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": file},
        }
    manifest = {"version": "36.0.0", "artifacts": artifacts}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    read = stateful_resources(tmp_path)
    assert [each.logical_id for each in read.resources] == ["DataThing", "ApiThing"]


def test_a_file_that_is_no_template(tmp_path: Path) -> None:
    path = tmp_path / "template.yaml"
    path.write_text("a: 1")
    with pytest.raises(SourceError, match="is not a CloudFormation or SAM template"):
        stateful_resources(path)
