"""Reading an account: few requests, every fact, packages that can be downloaded, throttling."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from helpers.account_content import Version, client_of, publish_function, publish_layer, zip_of
from helpers.aws_emulator.server import REGION, AwsServer
from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.discovery import discover
from pytest_lambda_rollback.aws.functions import (
    read_environment,
    read_event_source_mappings,
    read_function,
    resolved_image,
)
from pytest_lambda_rollback.aws.locations import ExpiredLocation, download, locate
from pytest_lambda_rollback.aws.platform_facts import read_platform
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import (
    AwsSource,
    Binding,
    Discovery,
    LayerFacts,
    PublishedFunction,
    VersionFacts,
)
from pytest_lambda_rollback.model.versions import ContainerImage, RemotePackage

ORDERS = f"arn:aws:lambda:{REGION}:123456789012:function:orders"
FOREIGN = f"arn:aws:lambda:{REGION}:999999999999:layer:vendor:7"


@pytest.fixture
def client(aws_environment: AwsServer) -> Any:
    return client_of(aws_environment)


@pytest.fixture
def account(aws_environment: AwsServer) -> Account:
    return Account(region=None, profile=None, role_arn=None)


def read(account: Account, name: str = "orders") -> PublishedFunction:
    return read_function(account, AwsSource(function_name=name), name=name)


def fetched(url: str, size_bytes: int) -> bytes:
    pieces: list[bytes] = []
    download(url, pieces.append, limit_bytes=size_bytes, timeout_s=10)
    return b"".join(pieces)


def test_a_function_costs_two_requests(
    client: Any, account: Account, aws_environment: AwsServer
) -> None:
    layer = publish_layer(client, "third-party", {"python/third.py": "A = 1\n"})
    publish_function(
        client,
        "orders",
        [
            Version(),
            Version(layers=[layer], environment={"TABLE": "orders"}, handler="other.handler"),
        ],
        aliases={"live": "2", "before": "1"},
    )
    aws_environment.reset_counts()
    function = read(account)
    assert aws_environment.requested() == {"ListVersionsByFunction": 1, "ListAliases": 1}
    assert function.arn == ORDERS
    assert [version.version for version in function.versions] == ["$LATEST", "2", "1"]
    assert [(alias.name, alias.version) for alias in function.aliases] == [
        ("before", "1"),
        ("live", "2"),
    ]
    first, second = function.version("1"), function.version("2")
    assert first is not None
    assert second is not None
    assert first.layers == ()
    assert [package.arn for package in second.layers] == [layer]
    assert second.environment_names == ("TABLE",)
    assert second.configuration.environment == ()
    assert (first.configuration.handler, second.configuration.handler) == (
        "app.handler",
        "other.handler",
    )
    assert read_environment(account, second) == (("TABLE", "orders"),)
    assert read_environment(account, first) == ()


def test_more_versions_than_a_page_cost_one_more_request(
    client: Any, account: Account, aws_environment: AwsServer
) -> None:
    publish_function(client, "orders", [Version()] * 51)
    aws_environment.reset_counts()
    function = read(account)
    assert len(function.versions) == 52
    assert function.versions[1].version == "51"
    assert aws_environment.requests() == 3


def test_packages_are_located_and_are_what_they_say(
    client: Any, account: Account, aws_environment: AwsServer
) -> None:
    old, new = zip_of({"app.py": "V = 1\n"}), zip_of({"app.py": "V = 2\n"})
    data = zip_of({"python/third.py": "A = 1\n"})
    layer = publish_layer(client, "third-party", data)
    publish_function(client, "orders", [Version(code=old, layers=[layer]), Version(code=new)])
    first = read(account).version("1")
    assert first is not None
    assert isinstance(first.code, RemotePackage)
    for package, expected in ((first.code, old), (first.layers[0], data)):
        location = locate(account, package)
        assert location.sha256 == hashlib.sha256(expected).hexdigest()
        assert package.sha256 in (None, location.sha256)
        assert location.size_bytes == package.size_bytes == len(expected)
        assert fetched(location.url, location.size_bytes) == expected
        assert location.url not in repr(location)
    location = locate(account, first.code)
    aws_environment.expire_locations()
    with pytest.raises(ExpiredLocation):
        fetched(location.url, location.size_bytes)


def test_a_deleted_layer_says_that_nobody_can_download_it(client: Any, account: Account) -> None:
    layer = publish_layer(client, "third-party", {"python/third.py": "A = 1\n"})
    publish_function(client, "orders", [Version(layers=[layer])])
    version = read(account).version("1")
    assert version is not None
    client.delete_layer_version(LayerName="third-party", VersionNumber=1)
    with pytest.raises(SourceError, match="the layer third-party 1 is unavailable") as caught:
        locate(account, version.layers[0])
    assert "AWS no longer has" in caught.value.why
    assert "still run, but nobody can download it" in caught.value.why


def test_a_layer_of_another_account_says_what_its_owner_must_grant(
    client: Any, account: Account, aws_environment: AwsServer
) -> None:
    aws_environment.add_foreign_layer(FOREIGN, zip_of({"a": "b"}), readable=False)
    publish_function(client, "orders", [Version(layers=[FOREIGN])])
    version = read(account).version("1")
    assert version is not None
    with pytest.raises(SourceError, match="the layer vendor 7 is unavailable") as caught:
        locate(account, version.layers[0])
    assert "account 999999999999" in caught.value.do
    assert f'"Action": "lambda:GetLayerVersion", "Resource": "{FOREIGN}"' in caught.value.do


def test_a_version_that_is_gone_names_the_function(client: Any, account: Account) -> None:
    publish_function(client, "orders", [Version(), Version()])
    version = read(account).version("1")
    assert version is not None
    assert isinstance(version.code, RemotePackage)
    client.delete_function(FunctionName="orders", Qualifier="1")
    with pytest.raises(SourceError, match="the code of orders:1 is unavailable"):
        locate(account, version.code)


def test_an_image_is_resolved_to_a_digest_by_one_request(
    client: Any, account: Account, aws_environment: AwsServer
) -> None:
    client.create_function(
        FunctionName="pictures",
        Role="arn:aws:iam::123456789012:role/orders",
        PackageType="Image",
        Code={"ImageUri": "registry.example/pictures:1"},
        ImageConfig={"Command": ["app.handler"]},
        Publish=True,
    )
    version = read(account, "pictures").version("1")
    assert version is not None
    assert version.code == ContainerImage(uri="", command=("app.handler",))
    aws_environment.reset_counts()
    image = resolved_image(account, version)
    assert image.uri.startswith("registry.example/pictures@sha256:")
    assert image.command == ("app.handler",)
    assert aws_environment.requests() == 1


def test_the_platform_of_a_runs_versions(client: Any, account: Account) -> None:
    client_of_function = {"FunctionName": "orders"}
    layer = publish_layer(client, "third-party", {"python/third.py": "A = 1\n"})
    publish_function(
        client,
        "orders",
        [Version(layers=[layer]), Version(), Version()],
        aliases={"live": "3", "other": "2"},
    )
    client.put_runtime_management_config(
        **client_of_function, Qualifier="1", UpdateRuntimeOn="FunctionUpdate"
    )
    client.put_provisioned_concurrency_config(
        **client_of_function, Qualifier="3", ProvisionedConcurrentExecutions=5
    )
    client.put_function_concurrency(**client_of_function, ReservedConcurrentExecutions=7)
    client.create_function_url_config(**client_of_function, Qualifier="live", AuthType="NONE")
    for qualifier in ("live", "other"):
        client.add_permission(
            **client_of_function,
            Qualifier=qualifier,
            StatementId=f"events-{qualifier}",
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
            SourceArn="arn:aws:events:eu-west-1:123456789012:rule/nightly",
        )
    client.delete_layer_version(LayerName="third-party", VersionNumber=1)
    mapping = Binding(kind="event-source-mapping", qualifier="3", what="queue", identifier="1")
    facts = read_platform(account, read(account), ("3", "1"), (mapping,))
    assert facts.versions == (
        VersionFacts(
            version="3",
            update_mode="Auto",
            runtime_version_arn=facts.versions[0].runtime_version_arn,
            provisioned_concurrency=5,
            state="Active",
        ),
        VersionFacts(
            version="1",
            update_mode="FunctionUpdate",
            runtime_version_arn=facts.versions[1].runtime_version_arn,
            state="Active",
        ),
    )
    assert facts.reserved_concurrency == 7
    assert [(each.arn, each.state) for each in facts.layers] == [(layer, "deleted")]
    kinds = [(each.kind, each.qualifier) for each in facts.bindings]
    assert kinds == [
        ("event-source-mapping", "3"),
        ("permission", "live"),
        ("function-url", "live"),
    ]
    permission = facts.bindings[1]
    assert permission.identifier == "events-live"
    assert permission.what == (
        "events.amazonaws.com for arn:aws:events:eu-west-1:123456789012:rule/nightly"
    )
    assert facts.unread == ()
    assert facts.as_of.endswith("Z")


def test_a_layer_that_is_not_shared_any_more(
    client: Any, account: Account, aws_environment: AwsServer
) -> None:
    aws_environment.add_foreign_layer(FOREIGN, zip_of({"a": "b"}))
    publish_function(client, "orders", [Version(layers=[FOREIGN])])
    function = read(account)
    assert read_platform(account, function, ("1",)).layers == (LayerFacts(arn=FOREIGN),)
    aws_environment.add_foreign_layer(FOREIGN, zip_of({"a": "b"}), readable=False)
    (layer,) = read_platform(account, function, ("1",)).layers
    assert (layer.arn, layer.state) == (FOREIGN, "forbidden")


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("GetRuntimeManagementConfig", "lambda:GetRuntimeManagementConfig"),
        ("ListProvisionedConcurrencyConfigs", "lambda:ListProvisionedConcurrencyConfigs"),
        ("GetFunctionConcurrency", "lambda:GetFunctionConcurrency"),
        ("GetPolicy", "lambda:GetPolicy"),
        ("ListFunctionUrlConfigs", "lambda:ListFunctionUrlConfigs"),
        ("GetLayerVersionByArn", "lambda:GetLayerVersion"),
    ],
)
def test_a_fact_that_may_not_be_read_is_listed_and_the_rest_is_read(
    client: Any, account: Account, aws_environment: AwsServer, operation: str, action: str
) -> None:
    layer = publish_layer(client, "third-party", {"python/third.py": "A = 1\n"})
    publish_function(client, "orders", [Version(layers=[layer]), Version(layers=[layer])])
    function = read(account)
    whole = read_platform(account, function, ("2", "1"))
    aws_environment.reset_counts()
    aws_environment.fail(operation, "access-denied")
    facts = read_platform(account, function, ("2", "1"))
    assert facts.unread == (action,)
    assert aws_environment.requests(operation) == 1
    missing = {"GetRuntimeManagementConfig": "versions", "GetLayerVersionByArn": "layers"}
    for name in ("versions", "layers"):
        if missing.get(operation) != name:
            assert getattr(facts, name) == getattr(whole, name)


def test_what_aws_cannot_answer_at_all_is_an_error(
    client: Any, account: Account, aws_environment: AwsServer
) -> None:
    publish_function(client, "orders", [Version()])
    function = read(account)
    aws_environment.fail("GetPolicy", "expired-token")
    with pytest.raises(SourceError, match="the AWS credentials have expired") as caught:
        read_platform(account, function, ("1",))
    assert caught.value.what.startswith("orders: ")


def test_mappings_of_the_whole_account_come_at_once(
    client: Any, account: Account, aws_environment: AwsServer
) -> None:
    sqs = client_of(aws_environment, "sqs")
    for name in ("orders", "bills"):
        publish_function(client, name, [Version()])
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        client.create_event_source_mapping(
            FunctionName=f"{ORDERS.replace('orders', name)}:live",
            EventSourceArn=queue["Attributes"]["QueueArn"],
        )
    aws_environment.reset_counts()
    found = dict(read_event_source_mappings(account))
    assert aws_environment.requests() == 1
    assert set(found) == {ORDERS, ORDERS.replace("orders", "bills")}
    assert found[ORDERS].qualifier == "live"
    assert found[ORDERS].what.endswith(":orders")


def test_functions_are_found_by_prefix_and_tags(client: Any, account: Account) -> None:
    publish_function(client, "shop-orders", [Version()], tags={"team": "shop"})
    publish_function(client, "shop-bills", [Version()], tags={"team": "money"})
    publish_function(client, "other", [Version()], tags={"team": "shop"})
    prefix = Discovery(name="shop", prefix="shop-")
    assert discover(account, prefix) == ("shop-bills", "shop-orders")
    assert discover(account, replace(prefix, tags=(("team", "shop"),))) == ("shop-orders",)
    tags = Discovery(name="shop", tags=(("team", "shop"),))
    assert discover(account, tags) == ("other", "shop-orders")


def test_a_throttling_account_is_read_without_a_failure(
    client: Any, account: Account, aws_environment: AwsServer
) -> None:
    names = [f"orders-{number}" for number in range(25)]
    for name in names:
        publish_function(client, name, [Version()])
    aws_environment.throttle(15, burst=5)
    with ThreadPoolExecutor(8) as pool:
        functions = list(pool.map(lambda name: read(account, name), names))
    assert [function.name for function in functions] == names
    assert aws_environment.throttled() > 0
