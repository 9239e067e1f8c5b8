"""Which versions a user's words stand for in AWS, and which functions a sweep finds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from moto.awslambda.models import lambda_backends

from helpers.account_content import ROLE, Version, client_of, publish_function, zip_of
from helpers.aws_emulator.server import ACCOUNT, REGION
from helpers.aws_projects import JSON, Project, report_of, verdicts_of

STACK = {
    "Resources": {
        "Cart": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "FunctionName": "cart",
                "Runtime": "python3.11",
                "Handler": "index.handler",
                "Role": ROLE,
                "Code": {"ZipFile": "def handler(event, context): return 1\n"},
            },
        }
    }
}


def targets_of(project: Project, function: str = "orders") -> list[str]:
    """The targets of a function in the report, each once."""
    (found,) = (f for f in report_of(project)["functions"] if f["function"] == function)
    return list(dict.fromkeys(f"{t['function']}:{t['version']}" for t in found["targets"]))


@pytest.fixture
def orders(project: Project) -> Project:
    """Four versions, ``live`` at 2."""
    client = client_of(project.server)
    code = zip_of({"app.py": "def handler(event, context): return {'ok': True}\n"})
    versions = [Version(code=code, settings={"MemorySize": 128 + n}) for n in range(4)]
    publish_function(client, "orders", versions, aliases={"live": "2"})
    project.event("orders", "any", {})
    return project


def point(project: Project, version: str, **more: Any) -> None:
    client_of(project.server).update_alias(
        FunctionName="orders", Name="live", FunctionVersion=version, **more
    )


def test_an_isolated_function_in_another_region_and_profile_is_a_target(
    orders: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "aws-config"
    config.write_text("[profile old]\naws_access_key_id = AKIAOLD\naws_secret_access_key = old\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    publish_function(client_of(orders.server, region_name="us-east-1"), "orders-v1")
    orders.configure(
        '[functions.orders]\naws = "orders"\ntargets = ["orders-v1:live"]\n[functions.orders-v1]\n'
        'aws = { function_name = "orders-v1", region = "us-east-1", profile = "old" }\n'
        "targets = []\n"
    )
    run = orders.pytest(JSON)
    assert run.code == 1, run.text
    run.shows("orders:2 always returns", "by alias answers without /ok")
    # Only by alias, as its code keeps its own stack; the old function is checked as a target alone.
    assert verdicts_of(report_of(orders)) == {
        f"lambda-rollback.toml::orders::orders-v1:4-alias::{name}": verdict
        for name, verdict in {
            "dependencies": "safe",
            "imports": "safe",
            "platform": "safe",
            "any": "breaks",
        }.items()
    }
    lock = json.loads(orders.lock("orders-v1"))
    assert lock["arn"].startswith("arn:aws:lambda:us-east-1:")


def test_a_target_in_a_function_that_aws_does_not_have(orders: Project) -> None:
    orders.configure(
        '[functions.orders]\naws = "orders"\ntargets = ["orders-v1:live"]\n'
        '[functions.orders-v1]\naws = "orders-v1"\n'
    )
    run = orders.pytest()
    assert run.code == 1
    run.shows(
        'unknown: lambda-rollback.toml: functions.orders.targets[0] names "live" of orders-v1: '
        "the versions of orders-v1 in eu-west-1 cannot be read: Function not found"
    )


def test_what_an_alias_pointed_at_before_is_a_target(orders: Project) -> None:
    orders.configure('[functions.orders]\naws = "orders"\ntargets = { previous = "live" }\n')
    first = orders.pytest()
    assert first.code == 1
    first.shows(
        "unknown: orders has no rollback target: the archive has seen alias live point at no "
        "other version, and AWS keeps no history of aliases. Run `lambda-rollback sync` with "
        "each release"
    )
    for version in ("2", "4", "3"):
        point(orders, version)
        assert orders.console("sync").code == 0
    for more in ((), ("--lambda-rollback-offline",)):
        run = orders.pytest(JSON, "-k", "any", *more)
        assert run.code == 0, run.text
        assert targets_of(orders) == ["orders:4", "orders:2"]
        run.shows("orders, current version 3")


def test_targets_are_not_older_than_said(orders: Project) -> None:
    point(orders, "4")
    versions = lambda_backends[ACCOUNT][REGION]._lambdas._functions["orders"]["versions"]
    for version in versions[:2]:
        version.last_modified = "2020-02-01T10:00:00.000+0000"
    orders.configure('[functions.orders]\naws = "orders"\ntargets = { max_age_days = 30 }\n')
    run = orders.pytest(JSON, "-k", "any")
    assert run.code == 0, run.text
    assert targets_of(orders) == ["orders:3"]

    versions[2].last_modified = "2020-03-01T10:00:00.000+0000"
    run = orders.pytest()
    assert run.code == 1
    run.shows("no older version was published in the last 30 days. Raise max_age_days")


def test_a_weighted_alias_is_what_most_traffic_goes_to(orders: Project) -> None:
    point(orders, "4", RoutingConfig={"AdditionalVersionWeights": {"3": 0.1}})
    orders.configure('[functions.orders]\naws = "orders"\n')
    run = orders.pytest(JSON, "-k", "3-alias")
    assert run.code == 0, run.text
    run.shows(
        "orders, current version 4",
        "orders:3 by alias must also end the weights of alias live: it sends 10% of its "
        "traffic to version 3",
    )


# --- sweeps ---------------------------------------------------------------------------------


def test_a_sweep_by_tags(project: Project) -> None:
    client = client_of(project.server)
    for name, tags in (
        ("cart", {"team": "shop", "stage": "prod"}),
        ("pay", {"team": "shop", "stage": "test"}),
        ("mail", {"team": "office", "stage": "prod"}),
    ):
        publish_function(client, name, tags=tags)
        project.event(name, "any", {})
    project.configure(
        '[discover.shop]\naws = { tags = { team = "shop", stage = "prod" } }\n'
        "targets = { last = 1 }\n"
    )
    run = project.pytest(JSON, "-k", "any")
    assert run.code == 0, run.text
    assert [f["function"] for f in report_of(project)["functions"]] == ["cart"]

    project.configure('[discover.shop]\naws = { tags = { team = "nobody" } }\n')
    run = project.pytest()
    assert run.code == 1
    run.shows("discover.shop found no function. Correct its conditions or its region")


def test_a_sweep_by_stack(project: Project) -> None:
    client = client_of(project.server)
    publish_function(client, "mail")
    cloudformation = client_of(project.server, "cloudformation")
    cloudformation.create_stack(StackName="shop", TemplateBody=json.dumps(STACK))
    client.publish_version(FunctionName="cart")
    client.publish_version(FunctionName="cart")
    project.event("cart", "any", {})
    project.configure('[discover.shop]\naws = { stack = "shop" }\n')
    run = project.pytest(JSON)
    assert run.code == 1
    run.shows("unknown: cart has no rollback target: no published version older than 1 is in AWS")
    assert [f["function"] for f in report_of(project)["functions"]] == ["cart"]

    project.configure('[discover.shop]\naws = { stack = "shoq" }\n')
    run = project.pytest()
    assert run.code == 1
    run.shows("unknown: shop: could not find the functions in eu-west-1", "shoq")


def test_a_function_that_is_declared_by_its_arn_is_not_found_twice(orders: Project) -> None:
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
    orders.configure(
        f'[functions.own]\naws = "{arn}"\nevents = "events/orders"\n'
        '[discover.all]\naws = { prefix = "ord" }\n'
    )
    run = orders.pytest("--co", "-q")
    assert "::own::" in run.text
    assert "::orders::" not in run.text


def test_a_function_of_a_name_that_another_one_has_is_said_and_not_dropped(
    orders: Project,
) -> None:
    publish_function(client_of(orders.server), "orders-prod", [Version(), Version()])
    orders.event("orders-prod", "any", {})
    orders.configure(
        '[functions.orders]\naws = "orders-prod"\n[discover.all]\naws = { prefix = "orders" }\n'
    )
    run = orders.pytest("-k", "any or all")
    assert run.code == 1
    run.shows(
        "discover.all found orders, and another function here has that name",
    )


def test_a_list_of_functions_that_cannot_be_kept_stops_nothing(orders: Project) -> None:
    orders.configure('[discover.all]\naws = { prefix = "ord" }\n')
    assert orders.pytest("-k", "any").code == 0
    remembered = orders.path / ".lambda-rollback" / "discovered" / "all.json"
    remembered.write_bytes(b"\xff\xfe")
    assert orders.pytest("-k", "any").code == 0
    assert json.loads(remembered.read_text()) == {"functions": ["orders"]}
    remembered.unlink()
    remembered.parent.rmdir()
    remembered.parent.write_text("a file in the place of a folder")
    run = orders.pytest("-k", "any")
    assert run.code == 0, run.text
    run.shows("the functions of discover.all could not be saved for offline runs: ")


def test_a_name_of_a_sweep_that_failed_is_not_called_unknown(orders: Project) -> None:
    orders.configure('[discover.all]\naws = { prefix = "ord" }\n')
    orders.server.fail("ListFunctions", "access-denied")
    run = orders.console("sync", "orders")
    assert run.code == 1
    run.shows("could not determine whether function orders exists", "lambda:ListFunctions")
    assert "--lambda-rollback-offline" not in run.text


@pytest.mark.parametrize(
    "aws",
    [
        '"orders-prod"',
        '{ function_name = "orders", region = "us-east-1" }',
        '"arn:aws:lambda:eu-west-1:999999999999:function:orders"',
    ],
)
def test_the_archive_answers_for_no_other_function(orders: Project, aws: str) -> None:
    orders.configure('[functions.orders]\naws = "orders"\n')
    assert orders.console("sync").code == 0
    orders.configure(f"[functions.orders]\naws = {aws}\n")
    run = orders.pytest("--lambda-rollback-offline")
    assert run.code == 1
    run.shows(
        "unknown: ",
        "orders: the archive's lock file is about another function",
        "delete the lock file of orders",
    )
    online = orders.pytest()
    assert online.code == 1
    assert "or use --lambda-rollback-offline" not in online.text


def test_a_function_in_folders_is_the_one_that_is_meant_by_its_name(orders: Project) -> None:
    (orders.path / "code").mkdir()
    (orders.path / "code" / "app.py").write_text("def handler(event, context):\n    return 1\n")
    version = 'code = "code"\nruntime = "python3.11"\nhandler = "app.handler"\n'
    orders.configure(
        '[functions.orders]\ncurrent = "2"\nevents = "events/orders"\n'
        f"[functions.orders.versions.2]\n{version}[functions.orders.versions.1]\n{version}"
        '[discover.all]\naws = { prefix = "ord" }\n'
    )
    run = orders.pytest("-k", "any")
    assert run.code == 0, run.text


def test_a_sweep_that_failed_is_not_left_out_by_a_name_that_it_may_stand_for(
    orders: Project,
) -> None:
    orders.configure(
        '[functions.orders]\naws = "orders"\n[discover.shop]\naws = { prefix = "shop-" }\n'
    )
    orders.server.fail("ListFunctions", "access-denied")
    for words, code in (("shop-cart or orders", 1), ("orders and any", 0)):
        run = orders.pytest("-k", words)
        assert run.code == code, run.text
