"""The platform contract in runs against AWS: what is asked, what a refusal or fault means."""

from __future__ import annotations

from typing import Any

import pytest
from moto.awslambda.models import lambda_backends

from helpers.account_content import Version, client_of, publish_function, publish_layer, zip_of
from helpers.aws_projects import JSON, Project, report_of

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"


@pytest.fixture
def orders(project: Project) -> Project:
    publish_function(client_of(project.server), "orders", [Version(), Version(), Version()])
    project.event("orders", "any", {})
    project.configure('[functions.orders]\naws = "orders"\n')
    return project


def checks_of(project: Project, select: str) -> dict[str, Any]:
    """Run, and return the selected checks by ``3-alias::platform``."""
    project.pytest("-k", select, JSON)
    return {
        check["id"].partition("::orders::")[2]: check
        for target in report_of(project)["functions"][0]["targets"]
        for check in target["checks"]
    }


def map_queue(project: Project, function: str) -> None:
    client_of(project.server, "sqs").create_queue(QueueName="orders")
    client_of(project.server).create_event_source_mapping(
        EventSourceArn=QUEUE, FunctionName=function
    )


def test_the_state_of_a_version_is_asked_for(orders: Project) -> None:
    """Lists of versions do not tell it."""
    lambda_backends["123456789012"]["eu-west-1"].get_function("orders", "2").state = "Failed"
    found = checks_of(orders, "platform and alias")
    assert found["1-alias::platform"]["verdict"] == "safe"
    (finding,) = found["2-alias::platform"]["findings"]
    assert finding["kind"] == "version-failed"


@pytest.mark.parametrize("fault", ["server-error", "throttled", "expired-token"])
def test_what_could_not_be_asked_by_a_passing_fault_is_unknown_and_not_safe(
    orders: Project, fault: str
) -> None:
    map_queue(orders, "orders:3")
    before = checks_of(orders, "2-alias and platform")["2-alias::platform"]
    assert [each["kind"] for each in before["findings"]] == ["bound-to-version"]
    orders.server.fail("ListEventSourceMappings", fault)
    after = checks_of(orders, "2-alias and platform")["2-alias::platform"]
    assert (after["verdict"], after["findings"]) == ("unknown", [])
    assert "the event source mappings in eu-west-1 cannot be read" in after["reason"]


def test_a_permission_that_is_missing_is_a_note(orders: Project) -> None:
    orders.server.fail("ListEventSourceMappings", "access-denied")
    found = checks_of(orders, "2-alias and platform")["2-alias::platform"]
    assert found["verdict"] == "safe"
    assert any("lambda:ListEventSourceMappings was refused" in note for note in found["notes"])


def test_an_alias_moves_no_traffic_of_a_function_that_is_called_without_one(
    orders: Project,
) -> None:
    client_of(orders.server).delete_alias(FunctionName="orders", Name="live")
    map_queue(orders, "orders")
    found = checks_of(orders, "platform and 2-")
    assert [f["kind"] for f in found["2-alias::platform"]["findings"]] == ["bound-to-latest"]
    assert found["2-redeploy::platform"]["verdict"] == "safe"


def test_what_is_too_large_for_a_redeploy_still_goes_back_by_alias(project: Project) -> None:
    client = client_of(project.server)
    code = "def handler(event, context):\n    return 1\n# {}\n"
    large = zip_of({"app.py": code.format(1), "data": bytes(160 * 1024 * 1024)})
    layer = publish_layer(client, "fat", {"python/data": bytes(100 * 1024 * 1024)})
    small = zip_of({"app.py": code.format(2)})
    publish_function(client, "orders", [Version(code=large), Version(code=small, layers=[layer])])
    project.event("orders", "any", {})
    project.configure('[functions.orders]\naws = "orders"\n')
    found = checks_of(project, "orders")
    by_alias = {each["verdict"] for name, each in found.items() if "alias" in name}
    assert by_alias == {"safe"}
    findings = found["1-redeploy::platform"]["findings"]
    assert [each["kind"] for each in findings] == ["unzipped-too-large"]
    assert found["1-redeploy::any"]["verdict"] == "unknown"
    assert "250 MB" in found["1-redeploy::any"]["reason"]


def test_a_redeploy_needs_none_of_the_targets_own_layers(project: Project) -> None:
    client = client_of(project.server)
    layers = [publish_layer(client, "shared", {"python/s.py": f"V = {n}\n"}) for n in (1, 2)]
    code = "import s\ndef handler(event, context):\n    return {'answer': 1}\n# %d\n"
    lost = "import s\ndef handler(event, context):\n    return {}\n"
    publish_function(
        client,
        "orders",
        [
            Version(code=zip_of({"app.py": lost}), layers=layers[:1]),
            Version(code=zip_of({"app.py": code % 2}), layers=layers[:1]),
            Version(code=zip_of({"app.py": code % 3}), layers=layers[1:]),
        ],
    )
    client.delete_layer_version(LayerName="shared", VersionNumber=1)
    project.event("orders", "any", {})
    project.configure('[functions.orders]\naws = "orders"\n')
    found = checks_of(project, "orders")
    assert found["2-alias::any"]["verdict"] == "unknown"
    assert found["2-redeploy::any"]["verdict"] == "safe"
    assert found["2-redeploy::platform"]["verdict"] == "safe"
    assert found["2-redeploy::imports"]["verdict"] == "unknown", "its own layer was deleted"
    assert found["1-redeploy::any"]["verdict"] == "breaks"
    (finding,) = found["1-redeploy::any"]["findings"]
    assert finding["location"] == "/answer"
