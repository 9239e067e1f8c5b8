"""What becomes of Lambda's answers: every field, pages, and requests that are made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from botocore.stub import Stubber

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.functions import (
    qualifier_of,
    read_environment,
    read_event_source_mappings,
    read_function,
    region_of,
    resolved_image,
    unqualified,
)
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import (
    AwsSource,
    Binding,
    Environment,
    PublishedFunction,
    PublishedVersion,
)
from pytest_lambda_rollback.model.versions import (
    ContainerImage,
    FunctionConfiguration,
    PackageKind,
    RemotePackage,
)

ORDERS = "arn:aws:lambda:eu-west-1:123456789012:function:orders-prod"
LAYER = "arn:aws:lambda:eu-west-1:123456789012:layer:third-party:2"
SHA256_BASE64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
FIRST, SECOND = (f"{number}" * 36 for number in (1, 2))
SOURCE = AwsSource(function_name="orders-prod", region="eu-west-1")
VERSION: dict[str, Any] = {
    "FunctionName": "orders-prod",
    "FunctionArn": f"{ORDERS}:3",
    "Version": "3",
    "Runtime": "python3.11",
    "Role": "arn:aws:iam::123456789012:role/orders",
    "Handler": "app.handler",
    "CodeSize": 1234,
    "CodeSha256": SHA256_BASE64,
    "Description": "release 3",
    "Timeout": 15,
    "MemorySize": 512,
    "LastModified": "2026-01-31T12:30:00.123+0000",
    "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:eu-west-1:123456789012:dead"},
    "Environment": {"Variables": {"TABLE": "orders", "API_KEY": "do-not-show"}},
    "KMSKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1234",
    "Layers": [{"Arn": LAYER, "CodeSize": 777}],
    "State": "Active",
    "PackageType": "Zip",
    "Architectures": ["arm64"],
    "EphemeralStorage": {"Size": 1024},
    "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"},
}


def read(
    account: Account,
    answers: Stubber,
    *versions: dict[str, Any],
    aliases: tuple[dict[str, Any], ...] = (),
    source: AwsSource = SOURCE,
) -> PublishedFunction:
    asked = {"FunctionName": source.function_name, "MaxItems": 50}
    answers.add_response("list_versions_by_function", {"Versions": list(versions)}, asked)
    answers.add_response("list_aliases", {"Aliases": list(aliases)}, asked)
    return read_function(account, source, name="orders")


def test_two_requests_tell_every_field(account: Account, answers: Stubber) -> None:
    function = read(account, answers, VERSION)
    assert (function.name, function.arn) == ("orders", ORDERS)
    assert function.versions == (
        PublishedVersion(
            function="orders",
            version="3",
            arn=f"{ORDERS}:3",
            code=RemotePackage(
                kind=PackageKind.CODE, arn=f"{ORDERS}:3", size_bytes=1234, sha256=SHA256
            ),
            layers=(RemotePackage(kind=PackageKind.LAYER, arn=LAYER, size_bytes=777),),
            configuration=FunctionConfiguration(
                runtime="python3.11",
                handler="app.handler",
                architecture="arm64",
                memory_mb=512,
                timeout_s=15.0,
                ephemeral_storage_mb=1024,
            ),
            environment_names=("API_KEY", "TABLE"),
            role="arn:aws:iam::123456789012:role/orders",
            dead_letter_arn="arn:aws:sqs:eu-west-1:123456789012:dead",
            kms_key_arn="arn:aws:kms:eu-west-1:123456789012:key/1234",
            modified="2026-01-31T12:30:00Z",
            description="release 3",
            state="Active",
            snap_start=True,
        ),
    )


def test_environment_values_are_kept_only_where_they_are_asked_for(
    account: Account, answers: Stubber
) -> None:
    kept = read(
        account, answers, VERSION, source=replace(SOURCE, environment=Environment.FETCH)
    )  # fmt: skip
    assert kept.versions[0].configuration.environment == (
        ("API_KEY", "do-not-show"),
        ("TABLE", "orders"),
    )
    assert "do-not-show" not in repr(kept)


def test_versions_are_sorted_by_number_with_latest_first(
    account: Account, answers: Stubber
) -> None:
    described = [
        {**VERSION, "Version": name, "FunctionArn": f"{ORDERS}:{name}"}
        for name in ("9", "$LATEST", "10", "2")
    ]
    function = read(account, answers, *described)
    assert [version.version for version in function.versions] == ["$LATEST", "10", "9", "2"]


def test_aliases_have_weights_and_what_they_point_at_now(
    account: Account, answers: Stubber
) -> None:
    live = {
        "Name": "live",
        "FunctionVersion": "3",
        "RoutingConfig": {"AdditionalVersionWeights": {"4": 0.25}},
    }
    beta = {"Name": "beta", "FunctionVersion": "4"}
    function = read(account, answers, VERSION, aliases=(live, beta))
    assert [alias.name for alias in function.aliases] == ["beta", "live"]
    alias = function.alias("live")
    assert alias is not None
    assert alias.weights == (("4", 0.25),)
    ((seen, version),) = alias.history
    assert version == "3"
    assert seen.endswith("Z")


def test_further_pages_are_read(account: Account, answers: Stubber) -> None:
    asked = {"FunctionName": "orders-prod", "MaxItems": 50}
    second = {**VERSION, "Version": "4", "FunctionArn": f"{ORDERS}:4"}
    answers.add_response(
        "list_versions_by_function", {"Versions": [VERSION], "NextMarker": "more"}, asked
    )
    answers.add_response(
        "list_versions_by_function", {"Versions": [second]}, {**asked, "Marker": "more"}
    )
    answers.add_response("list_aliases", {"Aliases": []}, asked)
    function = read_function(account, SOURCE, name="orders")
    assert [version.version for version in function.versions] == ["4", "3"]


def test_an_environment_that_lambda_cannot_decrypt_is_said(
    account: Account, answers: Stubber
) -> None:
    error = {"ErrorCode": "KMSAccessDeniedException", "Message": "Access was denied."}
    function = read(account, answers, {**VERSION, "Environment": {"Error": error}})
    assert function.versions[0].environment_error == "KMSAccessDeniedException: Access was denied"
    assert function.versions[0].environment_names == ()


def test_a_container_image_has_overrides_and_no_reference_before_it_is_asked_for(
    account: Account, answers: Stubber
) -> None:
    image = {
        "FunctionName": "orders-prod",
        "FunctionArn": f"{ORDERS}:3",
        "Version": "3",
        "PackageType": "Image",
        "CodeSha256": SHA256,
        "ImageConfigResponse": {
            "ImageConfig": {
                "EntryPoint": ["/run"],
                "Command": ["app.handler"],
                "WorkingDirectory": "/srv",
            }
        },
    }
    (version,) = read(account, answers, image).versions
    planned = ContainerImage(
        uri="", entry_point=("/run",), command=("app.handler",), working_directory="/srv"
    )
    assert version.code == planned
    assert version.configuration.runtime == ""
    uri = f"registry.example/orders@sha256:{SHA256}"
    answers.add_response(
        "get_function",
        {"Configuration": image, "Code": {"RepositoryType": "ECR", "ResolvedImageUri": uri}},
        {"FunctionName": ORDERS, "Qualifier": "3"},
    )
    assert resolved_image(account, version) == replace(planned, uri=uri)


def test_an_image_that_is_not_resolved_is_refused(account: Account, answers: Stubber) -> None:
    (version,) = read(account, answers, VERSION).versions
    answers.add_response("get_function", {"Configuration": VERSION, "Code": {}})
    with pytest.raises(SourceError, match="the image of orders:3"):
        resolved_image(account, version)


def test_environment_values_of_one_version(account: Account, answers: Stubber) -> None:
    (version,) = read(account, answers, VERSION).versions
    answers.add_response(
        "get_function_configuration", VERSION, {"FunctionName": ORDERS, "Qualifier": "3"}
    )
    assert read_environment(account, version) == (("API_KEY", "do-not-show"), ("TABLE", "orders"))


def test_environment_values_that_cannot_be_decrypted_name_the_key(
    account: Account, answers: Stubber
) -> None:
    (version,) = read(account, answers, VERSION).versions
    error = {"ErrorCode": "KMSAccessDeniedException", "Message": "Access was denied."}
    answers.add_response("get_function_configuration", {**VERSION, "Environment": {"Error": error}})
    with pytest.raises(SourceError, match="the environment of orders:3") as caught:
        read_environment(account, version)
    assert "KMSAccessDeniedException" in caught.value.why
    assert "kms:Decrypt" in caught.value.do
    assert "key/1234" in caught.value.do


def test_a_function_that_is_not_there_is_named_with_its_region(
    account: Account, answers: Stubber
) -> None:
    answers.add_client_error(
        "list_versions_by_function",
        "ResourceNotFoundException",
        f"Function not found: {ORDERS}",
        404,
    )
    with pytest.raises(SourceError) as caught:
        read_function(account, SOURCE, name="orders")
    assert caught.value.what == ("the versions of orders (orders-prod) in eu-west-1 cannot be read")
    assert "Function not found" in caught.value.why


def test_a_refusal_names_the_function_for_the_policy(account: Account, answers: Stubber) -> None:
    answers.add_response("list_versions_by_function", {"Versions": [VERSION]})
    answers.add_client_error("list_aliases", "AccessDeniedException", "", 403)
    with pytest.raises(SourceError) as caught:
        read_function(account, SOURCE, name="orders")
    assert '"Action": "lambda:ListAliases"' in caught.value.do
    assert "arn:aws:lambda:eu-west-1:*:function:orders-prod" in caught.value.do


def test_an_arn_of_another_region_is_read_there(account: Account) -> None:
    arn = ORDERS.replace("eu-west-1", "eu-north-1")
    with Stubber(account.in_region("eu-north-1").client("lambda")) as answers:
        function = read(
            account,
            answers,
            {**VERSION, "FunctionArn": f"{arn}:3"},
            source=AwsSource(function_name=arn),
        )
    assert function.arn == arn
    assert function.region == "eu-north-1"


def test_mappings_have_the_qualifier_that_they_are_bound_to(
    account: Account, answers: Stubber
) -> None:
    queue = "arn:aws:sqs:eu-west-1:123456789012:orders"
    answers.add_response(
        "list_event_source_mappings",
        {
            "EventSourceMappings": [
                {
                    "UUID": FIRST,
                    "EventSourceArn": queue,
                    "FunctionArn": f"{ORDERS}:live",
                    "State": "Enabled",
                },
                {
                    "UUID": SECOND,
                    "FunctionArn": ORDERS,
                    "Topics": ["orders"],
                    "SelfManagedEventSource": {
                        "Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["kafka.example:9092"]}
                    },
                    "State": "Disabled",
                },
            ]
        },
        {"MaxItems": 100},
    )
    kind = "event-source-mapping"
    assert read_event_source_mappings(account) == (
        (ORDERS, Binding(kind=kind, qualifier="live", what=queue, identifier=FIRST)),
        (
            ORDERS,
            Binding(
                kind=kind,
                qualifier=None,
                what="self-managed Kafka orders",
                identifier=SECOND,
                enabled=False,
            ),
        ),
    )


def test_arns_are_taken_apart() -> None:
    assert unqualified(f"{ORDERS}:live") == ORDERS
    assert unqualified(ORDERS) == ORDERS
    assert qualifier_of(f"{ORDERS}:$LATEST") == "$LATEST"
    assert qualifier_of(ORDERS) is None
    assert region_of(ORDERS) == "eu-west-1"
    assert region_of("orders-prod") is None
