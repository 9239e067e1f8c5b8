"""pytest on a project that only names a function in AWS: what its user sees, online and offline."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.account_content import Version, client_of, publish_example, publish_function, zip_of
from helpers.aws_projects import JSON, Project, breaks_of, report_of, unknowns_of, verdicts_of

EXAMPLE = Path(__file__).parents[2] / "example_project"
BREAKS = {
    ("2", "alias"): {"gift_card"},
    ("2", "redeploy"): {"create_order", "create_order_lines", "gift_card"},
    ("1", "alias"): {"create_order", "create_order_lines", "gift_card", "marketplace_order_lines"},
    ("1", "redeploy"): {
        "imports",
        "create_order",
        "create_order_lines",
        "gift_card",
        "marketplace_order",
        "marketplace_order_lines",
        "marketplace_quantity_zero",
        "reject_order",
    },
}
"""What the example says of itself: the same as from local folders."""


@pytest.fixture
def example(project: Project) -> Project:
    if not (EXAMPLE / "layers" / "third-party-2").is_dir():
        subprocess.run([sys.executable, str(EXAMPLE / "build.py")], check=True, timeout=300)
    publish_example(client_of(project.server), EXAMPLE)
    shutil.copytree(EXAMPLE / "events" / "orders", project.path / "events" / "orders")
    project.configure('[functions.orders]\naws = "orders"\n')
    project.server.reset_counts()
    return project


def test_the_name_of_a_function_is_enough_and_the_archive_outlives_aws(example: Project) -> None:
    first = example.pytest(JSON)
    report = report_of(example)
    assert first.code == 1, first.text
    assert breaks_of(report) == BREAKS, first.text
    assert unknowns_of(report) == []
    first.shows(
        "orders, current version 4, from alias live", "placeholders for values of: RECEIPT_KEY"
    )
    assert example.server.downloads() == 8

    # A second run asks what is there and downloads nothing.
    example.server.reset_counts()
    assert example.pytest(JSON).code == 1
    assert example.server.downloads() == 0
    # One request tells the state of each version that is checked.
    assert example.server.requests("GetFunction") == 4

    # AWS loses layers and versions: everything but where AWS itself is the matter stays the same.
    before = verdicts_of(report)
    client = client_of(example.server)
    for name, version in (("acme-shared", 1), ("third-party", 1), ("third-party", 2)):
        client.delete_layer_version(LayerName=name, VersionNumber=version)
    for version in ("1", "2"):
        client.delete_function(FunctionName="orders", Qualifier=version)

    example.server.reset_counts()
    offline = example.pytest(JSON, "--lambda-rollback-offline")
    assert offline.code == 1, offline.text
    assert verdicts_of(report_of(example)) == before
    assert example.server.counts()["requests"] == {}

    online = example.pytest(JSON)
    after = verdicts_of(report_of(example))
    changed = {check.partition("::")[2] for check in before if after[check] != before[check]}
    assert example.server.downloads() == 0
    assert set(after) == set(before)
    # An alias cannot be pointed at what is gone. All else is as before.
    assert changed == {"orders::1-alias::platform", "orders::2-alias::platform"}, online.text
    online.shows("needs layer acme-shared 1, which was deleted")


@pytest.mark.docker
def test_containers_give_the_same_verdicts(example: Project) -> None:
    image = "--lambda-rollback-base-image=python3.11=lambda-rollback-standin:python3.11"
    run = example.pytest(JSON, image, engine="docker")
    assert run.code == 1, run.text
    assert breaks_of(report_of(example)) == BREAKS
    assert unknowns_of(report_of(example)) == []


def test_no_value_of_the_environment_is_written_or_shown(example: Project) -> None:
    example.configure(
        '[functions.orders]\naws = { function_name = "orders", environment = "fetch" }'
    )
    run = example.pytest(JSON, "-k", "create_order and 3-alias")
    assert run.code == 0, run.text
    secret = "an-example-key-that-signs-nothing-real"
    assert "placeholders" not in run.text
    assert secret not in run.text
    files = [path for path in example.path.parent.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    assert "RECEIPT_KEY" in example.lock("orders")


NUMBER = """
import os

LIMIT = int(os.environ["LIMIT"])

def handler(event, context):
    return {"limit": LIMIT}
"""


@pytest.fixture
def numbered(project: Project) -> Project:
    code = zip_of({"app.py": NUMBER})
    versions = [Version(code=code, environment={"LIMIT": limit}) for limit in ("10", "20")]
    publish_function(client_of(project.server), "limits", versions)
    project.event("limits", "any", {})
    return project


def test_a_placeholder_is_never_a_break(numbered: Project) -> None:
    numbered.configure('[functions.limits]\naws = "limits"\n')
    run = numbered.pytest("-k", "any")
    assert run.code == 1
    run.shows(
        "unknown: limits:1 by alias on any: limits:2, the current version, does not start "
        "with any event: ValueError: ",
        "The values of LIMIT are placeholders: give them under functions.limits.environment, or "
        'fetch them at run time with functions.limits.aws.environment = "fetch"',
    )
    assert "breaks" not in run.text.partition("= lambda-rollback =")[0]


@pytest.mark.parametrize(
    "text",
    [
        'aws = "limits"\nenvironment = { LIMIT = "5" }',
        'aws = { function_name = "limits", environment = "fetch" }',
    ],
)
def test_values_that_are_given_or_fetched_reach_the_replay(numbered: Project, text: str) -> None:
    numbered.configure(f"[functions.limits]\n{text}\n")
    run = numbered.pytest("-k", "any")
    assert run.code == 0, run.text


def test_a_candidate_takes_layers_and_environment_from_latest(example: Project) -> None:
    shutil.copytree(EXAMPLE / "versions" / "4", example.path / "build")
    run = example.pytest(JSON, "--lambda-rollback-candidate=build", "--lambda-rollback-last=2")
    report = report_of(example)
    function = report["functions"][0]
    assert function["current"] == "candidate"
    assert "layers from $LATEST" in function["inherited"]
    run.shows("layers from $LATEST")
    verdicts = {
        (target["version"], target["strategy"]): target["verdict"] for target in function["targets"]
    }
    assert verdicts == {
        ("4", "alias"): "safe",
        ("4", "redeploy"): "safe",
        ("3", "alias"): "safe",
        ("3", "redeploy"): "safe",
    }, run.text


def test_one_functions_failure_stops_no_other_one(example: Project) -> None:
    publish_function(client_of(example.server), "other")
    example.event("other", "any", {})
    example.configure('[functions.gone]\naws = "gone"\n[functions.other]\naws = "other"\n')
    run = example.pytest("-q")
    assert run.code == 1
    run.shows(
        "unknown: the versions of gone in eu-west-1 cannot be read",
        "Nothing was checked for gone: see the unknown check above.",
        "The newest safe target of other is 3",
    )
    assert "Traceback" not in run.text


def test_a_sweep_finds_functions_and_knows_them_offline(project: Project) -> None:
    client = client_of(project.server)
    for name in ("shop-cart", "shop-pay", "office-mail"):
        publish_function(client, name)
    for name in ("shop-cart", "shop-pay"):
        project.event(name, "any", {})
    project.configure('[discover.shop]\naws = { prefix = "shop-" }\ntargets = { last = 1 }\n')
    assert project.console("sync").code == 0
    for arguments in ((), ("--lambda-rollback-offline",)):
        run = project.pytest(*arguments)
        assert run.code == 0, run.text
        run.shows("The newest safe target of shop-cart is 3", "The newest safe target of shop-pay")
        assert "office-mail" not in run.text


@pytest.mark.parametrize("workers", ["2"])
def test_workers_of_a_distributed_run_ask_aws_once(example: Project, workers: str) -> None:
    run = example.pytest("-n", workers, "--dist", "loadscope", "-q", "-k", "create_order and alias")
    assert run.code == 1, run.text
    assert example.server.requests("ListVersionsByFunction") == 1
    assert example.server.downloads() <= 8


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        ("access-denied", "lambda:ListVersionsByFunction"),
        ("expired-token", "expired"),
        ("server-error", "AWS"),
    ],
)
def test_what_aws_refuses_is_said_and_is_unknown(example: Project, fault: str, shown: str) -> None:
    example.server.fail("ListVersionsByFunction", fault)
    run = example.pytest("-q")
    assert run.code == 1
    run.shows("unknown: the versions of orders in eu-west-1 cannot be read", shown)
    assert "Traceback" not in run.text


def test_offline_without_an_archive_says_what_to_do(example: Project) -> None:
    run = example.pytest("--lambda-rollback-offline")
    assert run.code == 1
    run.shows("orders is not in the archive", "Run `lambda-rollback sync orders`")
    assert example.server.counts()["requests"] == {}


def test_a_sync_of_one_function_asks_for_no_other(example: Project) -> None:
    example.configure('[functions.orders]\naws = "orders"\n[functions.gone]\naws = "not-there"\n')
    every = example.console("sync")
    assert every.code == 1
    every.shows("FAILED  gone: ", "1 function with 5 versions")
    example.server.reset_counts()
    one = example.console("sync", "orders")
    assert one.code == 0, one.text
    assert example.server.requested() == {"ListVersionsByFunction": 1, "ListAliases": 1}


def test_sync_and_clean_from_the_console(example: Project) -> None:
    first = example.console("sync")
    assert first.code == 0, first.text
    first.shows("1 function with 5 versions", "8 packages fetched", "1 lock file changed")
    second = example.console("sync", "orders")
    second.shows("0 packages fetched", "8 already there", "0 lock files changed")
    dry = example.console("clean", "--max-age-days", "0", "--archive-only")
    dry.shows("0 removed", "8 of them in lock files")
    wrong = example.console("sync", "ordres")
    assert wrong.code == 2
    wrong.shows('has a function "ordres" in AWS. Did you mean "orders"?')
