"""Candidate builds of SAM and CDK, checked against the versions that AWS has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from helpers.account_content import Version, client_of, publish_function, publish_layer, zip_of
from helpers.aws_projects import JSON, Project, breaks_of, report_of, unknowns_of, verdicts_of

ASSETS = Path(__file__).parents[1] / "assets"
SAM, CDK = "sam-app/.aws-sam/build", "cdk-app/cdk.out"
ANSWERS = "def handler(event, context): return {'handled_by': 'orders'}\n"
NEEDS_LAYERS = "import acme_shared\nimport metrics\n" + ANSWERS
OTHER = "def handler(event, context): return {'by': 'orders'}\n"
VALUE = "a-table-of-production"


@pytest.fixture
def shop(project: Project) -> Project:
    """The builds beside a function in AWS: version 2 needs layers, 1 lacks a key."""
    for name in ("sam-app", "cdk-app"):
        shutil.copytree(ASSETS / name, project.path / name)
    client = client_of(project.server)
    for number in range(1, 8):
        # Both templates name number 7 by its ARN.
        metrics = publish_layer(client, "metrics", {"python/metrics.py": f"NUMBER = {number}\n"})
    shared = publish_layer(client, "acme-shared", {"python/acme_shared.py": "CURRENCY = 'EUR'\n"})
    environment = {"TABLE": VALUE, "STAGE": "prod", "LOG_LEVEL": "INFO"}
    versions = [
        Version(code=zip_of({"app.py": code}), layers=layers, environment=environment)
        for code, layers in ((OTHER, ()), (NEEDS_LAYERS, (shared, metrics)))
    ]
    publish_function(client, "shop-orders", versions)
    project.event("orders", "any", {"id": 1})
    project.server.reset_counts()
    return project


def configure(project: Project, build: str, *, aws: str = '"shop-orders"') -> None:
    """The sandbox engine runs what this machine is built for, on an interpreter that is there."""
    project.configure(
        f"[functions.orders]\naws = {aws}\n"
        f'current = {{ path = "{build}", architecture = "x86_64", runtime = "python3.11" }}\n'
    )


@pytest.mark.parametrize(
    ("build", "origin", "computed"),
    [
        (
            SAM,
            "OrdersFunction in sam-app/.aws-sam/build/template.yaml",
            "Environment.Variables.STAGE and Environment.Variables.TABLE",
        ),
        (
            CDK,
            "Shop/Orders in cdk-app/cdk.out/Shop.template.json",
            "Environment.Variables.TABLE",
        ),
    ],
)
def test_a_build_is_compared_with_what_aws_has(
    shop: Project, build: str, origin: str, computed: str
) -> None:
    configure(shop, build)
    run = shop.pytest(JSON)
    report = report_of(shop)
    assert run.code == 1, run.text
    assert unknowns_of(report) == []
    # The old code finds the build's layers, its own and the one that AWS has.
    assert breaks_of(report) == {("1", "alias"): {"any"}, ("1", "redeploy"): {"any"}}, run.text
    function = report["functions"][0]
    assert function["current"] == "candidate"
    assert function["inherited"] == [
        f"settings from {origin}",
        f"known only at deployment: {computed}",
    ]
    run.shows("placeholders for values of:", "The newest safe target of orders is 2")
    assert VALUE not in run.text
    # Code of two versions and two layers, one of which the build names too.
    assert shop.server.downloads() == 4

    # All of it is in the archive now.
    shop.server.reset_counts()
    before = verdicts_of(report)
    offline = shop.pytest(JSON, "--lambda-rollback-offline")
    assert verdicts_of(report_of(shop)) == before, offline.text
    assert shop.server.counts()["requests"] == {}


def test_values_that_a_template_computes_are_those_of_latest_where_they_are_fetched(
    shop: Project,
) -> None:
    app = shop.path / SAM / "OrdersFunction" / "app.py"
    app.write_text("import os\ndef handler(event, context): return {'t': os.environ['TABLE'][0]}\n")
    aws = '{ function_name = "shop-orders", environment = "fetch" }'
    configure(shop, SAM, aws=aws)
    run = shop.pytest(JSON, "-k", "2-alias")
    assert report_of(shop)["functions"][0]["inherited"] == [
        "settings from OrdersFunction in sam-app/.aws-sam/build/template.yaml",
        "environment variables STAGE and TABLE from $LATEST",
        "known only at deployment: Environment.Variables.STAGE and Environment.Variables.TABLE",
    ]
    run.shows("answers without /t, which orders:candidate always returns")
    assert "placeholders" not in run.text
    assert VALUE not in run.text


def test_the_name_in_aws_finds_the_function_in_the_build(shop: Project) -> None:
    shop.configure('[functions.anything]\naws = "shop-orders"\n')
    shop.event("anything", "any", {"id": 1})
    run = shop.pytest("--lambda-rollback-candidate", f"anything={CDK}", "-k", "2-alias and imports")
    assert run.code == 0, run.text
    run.shows("settings from Shop/Orders in cdk-app/cdk.out/Shop.template.json")


def test_another_function_of_the_build_is_named(shop: Project) -> None:
    run_options = ("-k", "2-alias and imports")
    shop.configure('[functions.orders]\naws = "shop-orders"\n')
    run = shop.pytest(f"--lambda-rollback-candidate=orders={CDK}#Shop/Reports", *run_options)
    assert run.code == 0, run.text
    run.shows("settings from Shop/Reports in cdk-app/cdk.out/Shop.template.json")


def test_a_layer_that_aws_has_lost_is_unknown_with_what_to_do(shop: Project) -> None:
    client_of(shop.server).delete_layer_version(LayerName="metrics", VersionNumber=7)
    configure(shop, SAM)
    run = shop.pytest("-k", "1-alias and any")
    assert run.code == 1
    run.shows("unknown: orders:1 by alias on any", "orders:candidate: ", "metrics 7", "deleted")
    assert "Traceback" not in run.text


def test_a_build_that_names_no_function_of_the_account_is_a_usage_error(shop: Project) -> None:
    shop.configure('[functions.mail]\naws = "office-mail"\n')
    publish_function(client_of(shop.server), "office-mail")
    run = shop.pytest(f"--lambda-rollback-candidate={SAM}")
    assert run.code == pytest.ExitCode.USAGE_ERROR
    run.shows(
        'sam-app/.aws-sam/build has no function "mail": it has OrdersFunction',
        "Name one, as in sam-app/.aws-sam/build#",
    )
