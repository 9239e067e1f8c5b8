"""The tests' AWS behaves as Lambda's API reference says, where the tests rely on it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from helpers.account_content import Version, client_of, publish_function, publish_layer, zip_of
from helpers.aws_emulator.server import ACCOUNT, REGION, AwsServer

ORDERS = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:orders"
ONCE = Config(retries={"max_attempts": 0})


@pytest.fixture
def client(aws_server: AwsServer) -> Any:
    return client_of(aws_server, config=ONCE)


def fetched(location: str) -> bytes:
    with urllib.request.urlopen(location, timeout=10) as answered:
        return bytes(answered.read())


def digest_of(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def fault_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str]:
    answered = error.value.response
    return answered["ResponseMetadata"]["HTTPStatusCode"], answered["Error"]["Code"]


def test_each_version_downloads_the_bytes_that_were_published(
    client: Any, aws_server: AwsServer
) -> None:
    zips = [zip_of({"app.py": f"VERSION = {number}\n"}) for number in range(1, 4)]
    publish_function(client, "orders", [Version(code=data) for data in zips])
    for number, data in enumerate(zips, start=1):
        answered = client.get_function(FunctionName="orders", Qualifier=str(number))
        assert fetched(answered["Code"]["Location"]) == data
        assert answered["Configuration"]["CodeSha256"] == digest_of(data)
        assert answered["Configuration"]["CodeSize"] == len(data)
    assert aws_server.requests("GetFunction") == 3
    assert aws_server.downloads() == 3
    assert aws_server.downloads(f"{ORDERS}:2") == 1


def test_a_version_keeps_its_settings_when_the_function_moves_on(client: Any) -> None:
    one, two = (publish_layer(client, "shared", {"python/s.py": f"V = {n}\n"}) for n in (1, 2))
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:failed"
    publish_function(
        client,
        "orders",
        [
            Version(layers=[one], environment={"TABLE": "old"}, handler="old.handler"),
            Version(
                layers=[two],
                environment={"TABLE": "new"},
                runtime="python3.13",
                settings={
                    "DeadLetterConfig": {"TargetArn": queue},
                    "EphemeralStorage": {"Size": 1024},
                    "MemorySize": 512,
                },
            ),
        ],
    )
    listed = client.list_versions_by_function(FunctionName="orders")["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "1", "2"]
    latest, old, new = listed
    assert [each["Arn"] for each in old["Layers"]] == [one]
    assert [each["Arn"] for each in new["Layers"]] == [two]
    assert old["Environment"]["Variables"] == {"TABLE": "old"}
    assert (old["Handler"], old["Runtime"], old["MemorySize"]) == ("old.handler", "python3.11", 128)
    assert "DeadLetterConfig" not in old
    assert new["DeadLetterConfig"] == {"TargetArn": queue}
    assert (new["EphemeralStorage"]["Size"], old["EphemeralStorage"]["Size"]) == (1024, 512)
    assert old["FunctionArn"] == f"{ORDERS}:1"
    assert latest["FunctionArn"] == f"{ORDERS}:$LATEST"
    # State is what GetFunctionConfiguration has and lists leave out.
    assert "State" not in old
    full = client.get_function_configuration(FunctionName="orders", Qualifier="1")
    assert full["State"] == "Active"
    assert "RuntimeVersionArn" in full["RuntimeVersionConfig"]


def test_nothing_new_is_not_published_and_no_number_is_given_twice(client: Any) -> None:
    publish_function(client, "orders", [Version(), Version()], aliases={"live": "1"})
    assert client.publish_version(FunctionName="orders")["Version"] == "2"
    client.delete_function(FunctionName="orders", Qualifier="2")
    client.update_function_configuration(FunctionName="orders", Description="changed")
    assert client.publish_version(FunctionName="orders")["Version"] == "3"
    with pytest.raises(ClientError) as gone:
        client.get_function(FunctionName="orders", Qualifier="2")
    assert fault_of(gone) == (404, "ResourceNotFoundException")
    with pytest.raises(ClientError) as held:
        client.delete_function(FunctionName="orders", Qualifier="1")
    assert fault_of(held) == (409, "ResourceConflictException")
    client.delete_function(FunctionName="orders")
    publish_function(client, "orders", [Version()], aliases={"live": "4"})
    assert client.get_alias(FunctionName="orders", Name="live")["FunctionVersion"] == "4"


def test_lists_come_in_pages_of_fifty(client: Any) -> None:
    publish_function(client, "orders", [Version()])
    for number in range(2, 53):
        client.update_function_configuration(FunctionName="orders", Description=str(number))
        client.publish_version(FunctionName="orders")
    first = client.list_versions_by_function(FunctionName="orders", MaxItems=1000)
    assert len(first["Versions"]) == 50
    second = client.list_versions_by_function(FunctionName="orders", Marker=first["NextMarker"])
    assert [each["Version"] for each in second["Versions"]] == ["50", "51", "52"]
    assert "NextMarker" not in second
    with pytest.raises(ClientError) as missing:
        client.list_versions_by_function(FunctionName="invoices")
    assert fault_of(missing) == (404, "ResourceNotFoundException")


def test_layers_are_read_by_arn_until_they_are_deleted(client: Any) -> None:
    data = zip_of({"python/shared.py": "V = 1\n"})
    arn = publish_layer(client, "shared", data)
    publish_function(client, "orders", [Version(layers=[arn])])
    content = client.get_layer_version_by_arn(Arn=arn)["Content"]
    assert (content["CodeSha256"], content["CodeSize"]) == (digest_of(data), len(data))
    assert fetched(content["Location"]) == data
    client.delete_layer_version(LayerName="shared", VersionNumber=1)
    with pytest.raises(ClientError) as deleted:
        client.get_layer_version_by_arn(Arn=arn)
    assert fault_of(deleted) == (404, "ResourceNotFoundException")
    listed = client.get_function_configuration(FunctionName="orders", Qualifier="1")["Layers"]
    assert [each["Arn"] for each in listed] == [arn]
    assert publish_layer(client, "shared", data).endswith(":shared:2")


def test_layers_of_another_account_are_read_while_they_are_shared(
    client: Any, aws_server: AwsServer
) -> None:
    arn = f"arn:aws:lambda:{REGION}:210987654321:layer:vendor:7"
    data = zip_of({"python/vendor.py": ""})
    aws_server.add_foreign_layer(arn, data)
    publish_function(client, "orders", [Version(layers=[arn])])
    assert fetched(client.get_layer_version_by_arn(Arn=arn)["Content"]["Location"]) == data
    aws_server.add_foreign_layer(arn, data, readable=False)
    with pytest.raises(ClientError, match="lambda:GetLayerVersion") as refused:
        client.get_layer_version_by_arn(Arn=arn)
    assert fault_of(refused) == (403, "AccessDeniedException")


def test_a_location_expires_and_is_renewed_by_asking_again(
    client: Any, aws_server: AwsServer
) -> None:
    publish_function(client, "orders")
    first = client.get_function(FunctionName="orders")["Code"]["Location"]
    aws_server.expire_locations()
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetched(first)
    with refused.value as answered:
        assert answered.code == 403
        assert b"<Code>AccessDenied</Code>" in answered.read()
    second = client.get_function(FunctionName="orders")["Code"]["Location"]
    assert second != first
    assert fetched(second)
    assert (aws_server.downloads(), aws_server.refused_downloads()) == (1, 1)


@pytest.mark.parametrize("kind", ["damaged", "larger", "truncated"])
def test_a_download_can_go_wrong_once(client: Any, aws_server: AwsServer, kind: str) -> None:
    data = zip_of({"app.py": "x = 1\n" * 100})
    publish_function(client, "orders", [Version(code=data)])
    location = client.get_function(FunctionName="orders")["Code"]["Location"]
    aws_server.fail("download", kind, times=1, match="function:orders")
    try:
        wrong = fetched(location)
    except (OSError, http.client.IncompleteRead):
        wrong = b""
    assert wrong != data
    assert fetched(location) == data


def test_lambda_is_throttled_and_downloads_are_not(client: Any, aws_server: AwsServer) -> None:
    publish_function(client, "orders")
    location = client.get_function(FunctionName="orders")["Code"]["Location"]
    aws_server.reset_counts()
    aws_server.throttle(0.001, burst=2)
    client.list_aliases(FunctionName="orders")
    client.list_aliases(FunctionName="orders")
    with pytest.raises(ClientError, match="Rate exceeded") as refused:
        client.list_aliases(FunctionName="orders")
    assert fault_of(refused) == (429, "TooManyRequestsException")
    assert all(fetched(location) for _ in range(5))
    assert (aws_server.requests(), aws_server.throttled("ListAliases")) == (2, 1)
    aws_server.throttle(None)
    client.list_aliases(FunctionName="orders")


def test_faults_are_worded_as_each_service_words_them(client: Any, aws_server: AwsServer) -> None:
    publish_function(client, "orders")
    aws_server.fail("GetFunction", "access-denied", times=1, match="orders")
    with pytest.raises(ClientError, match=f"lambda:GetFunction on resource: {ORDERS}") as denied:
        client.get_function(FunctionName="orders")
    assert fault_of(denied) == (403, "AccessDeniedException")
    assert client.get_function(FunctionName="orders")
    aws_server.fail("*", "expired-token")
    codes = {
        "lambda": lambda one: one.list_functions(),
        "logs": lambda one: one.describe_log_groups(),
        "s3": lambda one: one.list_objects_v2(Bucket="archive"),
        "sts": lambda one: one.get_caller_identity(),
    }
    seen = {}
    for service, ask in codes.items():
        with pytest.raises(ClientError) as expired:
            ask(client_of(aws_server, service, config=ONCE))
        seen[service] = expired.value.response["Error"]["Code"]
    assert seen == {
        "lambda": "ExpiredTokenException",
        "logs": "ExpiredToken",
        "s3": "ExpiredToken",
        "sts": "ExpiredToken",
    }
    aws_server.heal()
    assert client.list_functions()["Functions"]
    counted = aws_server.requested()
    assert (counted["ListObjectsV2"], counted["DescribeLogGroups"]) == (1, 1)


def test_an_environment_that_kms_will_not_decrypt(client: Any, aws_server: AwsServer) -> None:
    publish_function(client, "orders", [Version(environment={"TABLE": "orders"})])
    aws_server.fail("*", "environment-error")
    for environment in (
        client.get_function(FunctionName="orders")["Configuration"]["Environment"],
        client.list_versions_by_function(FunctionName="orders")["Versions"][1]["Environment"],
    ):
        assert environment["Error"]["ErrorCode"] == "KMSAccessDeniedException"
        assert "Variables" not in environment


def test_what_is_bound_to_a_qualifier_stays_with_it(client: Any, aws_server: AwsServer) -> None:
    publish_function(client, "orders", [Version(), Version()])
    weights = {"AdditionalVersionWeights": {"1": 0.1}}
    client.update_alias(
        FunctionName="orders", Name="live", FunctionVersion="2", RoutingConfig=weights
    )
    (alias,) = client.list_aliases(FunctionName="orders")["Aliases"]
    assert alias["RoutingConfig"] == weights
    client.add_permission(
        FunctionName="orders",
        Qualifier="live",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    policy = json.loads(client.get_policy(FunctionName="orders", Qualifier="live")["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["api"]
    for qualifier in ({}, {"Qualifier": "2"}):
        with pytest.raises(ClientError) as none:
            client.get_policy(FunctionName="orders", **qualifier)
        assert fault_of(none) == (404, "ResourceNotFoundException")
    sqs = client_of(aws_server, "sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    source = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    client.create_event_source_mapping(
        FunctionName=f"{ORDERS}:live", EventSourceArn=source["QueueArn"]
    )
    for name in ("orders:live", f"{ORDERS}:live"):
        (mapping,) = client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        assert mapping["FunctionArn"] == f"{ORDERS}:live"
    for name in ("orders", "orders:2"):
        assert not client.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    client.create_function_url_config(FunctionName="orders", Qualifier="live", AuthType="NONE")
    (bound,) = client.list_function_url_configs(FunctionName="orders")["FunctionUrlConfigs"]
    assert bound["FunctionArn"] == f"{ORDERS}:live"
    client.put_provisioned_concurrency_config(
        FunctionName="orders", Qualifier="2", ProvisionedConcurrentExecutions=5
    )
    answered = client.list_provisioned_concurrency_configs(FunctionName="orders")
    (provisioned,) = answered["ProvisionedConcurrencyConfigs"]
    assert provisioned["FunctionArn"] == f"{ORDERS}:2"
    assert provisioned["RequestedProvisionedConcurrentExecutions"] == 5
    client.put_runtime_management_config(
        FunctionName="orders", Qualifier="2", UpdateRuntimeOn="FunctionUpdate"
    )
    modes = [
        client.get_runtime_management_config(FunctionName="orders", Qualifier=each)
        for each in ("1", "2")
    ]
    assert [each["UpdateRuntimeOn"] for each in modes] == ["Auto", "FunctionUpdate"]
    client.put_function_concurrency(FunctionName="orders", ReservedConcurrentExecutions=7)
    answered = client.get_function_concurrency(FunctionName="orders")
    assert answered["ReservedConcurrentExecutions"] == 7


def test_an_alias_names_the_function_in_the_callers_words(client: Any) -> None:
    publish_function(client, "orders", [Version(), Version()])
    for name, qualifier in (("orders", {"Qualifier": "live"}), (f"{ORDERS}:live", {})):
        found = client.get_function(FunctionName=name, **qualifier)["Configuration"]
        assert (found["FunctionArn"], found["Version"]) == (f"{ORDERS}:live", "2")
    with pytest.raises(ClientError, match="not reachable in this region"):
        client.get_function(FunctionName=ORDERS.replace(REGION, "us-east-1"))


def test_each_version_of_an_image_function_keeps_its_digest(client: Any) -> None:
    repository = "registry.example/orders"
    digests = [hashlib.sha256(name.encode()).hexdigest() for name in ("one", "two")]
    client.create_function(
        FunctionName="orders",
        PackageType="Image",
        Role=f"arn:aws:iam::{ACCOUNT}:role/orders",
        Code={"ImageUri": f"{repository}@sha256:{digests[0]}"},
        ImageConfig={"Command": ["app.handler"]},
        Publish=True,
    )
    client.update_function_code(
        FunctionName="orders", ImageUri=f"{repository}@sha256:{digests[1]}", Publish=True
    )
    for number, digest in enumerate(digests, start=1):
        answered = client.get_function(FunctionName="orders", Qualifier=str(number))
        assert answered["Code"]["ResolvedImageUri"] == f"{repository}@sha256:{digest}"
        config = answered["Configuration"]
        assert config["ImageConfigResponse"]["ImageConfig"] == {"Command": ["app.handler"]}
        assert "Runtime" not in config


def test_test_events_of_a_function_are_schemas(aws_server: AwsServer) -> None:
    schemas = client_of(aws_server, "schemas", config=ONCE)
    where = {"RegistryName": "lambda-testevent-schemas", "SchemaName": "_orders-schema"}
    with pytest.raises(ClientError) as missing:
        schemas.describe_schema(**where)
    assert fault_of(missing) == (404, "NotFoundException")
    schemas.create_registry(RegistryName=where["RegistryName"])
    schemas.create_schema(**where, Content='{"openapi": "3.0.0"}', Type="OpenApi3")
    assert schemas.describe_schema(**where)["Content"] == '{"openapi": "3.0.0"}'


def test_a_large_account_is_filled_without_requests(client: Any, aws_server: AwsServer) -> None:
    aws_server.fill(functions=2, versions=3)
    assert not aws_server.requests()
    listed = client.list_versions_by_function(FunctionName="orders-001")["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "1", "2", "3"]
    assert len({each["CodeSha256"] for each in listed}) == 3
    answered = client.get_function(FunctionName="orders-001", Qualifier="2")
    assert digest_of(fetched(answered["Code"]["Location"])) == listed[2]["CodeSha256"]
    client.update_function_configuration(FunctionName="orders-001", Description="changed")
    assert client.publish_version(FunctionName="orders-001")["Version"] == "4"


def test_child_processes_talk_to_the_server_as_the_environment_says(
    client: Any, aws_environment: AwsServer
) -> None:
    publish_function(client, "orders")
    program = (
        "import boto3; print(boto3.client('lambda').get_alias("
        "FunctionName='orders', Name='live')['FunctionVersion'])"
    )
    child = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert child.stdout.strip() == "4", child.stderr
    assert aws_environment.requests("GetAlias") == 1


def test_a_server_in_its_own_process_ends_with_the_test() -> None:
    with AwsServer(process=True) as server:
        client = client_of(server)
        publish_function(client, "orders")
        assert server.requests("PublishVersion") == 4
        pid = server.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
