"""The platform contract on declared versions, as a user sees it: no AWS, no engine, no Docker."""

from __future__ import annotations

import json

import jsonschema
import pytest

from helpers.made_projects import RUNTIME, Project
from pytest_lambda_rollback.reports.json_report import SCHEMA_PATH

BLOCKED = "python3.6"
"""AWS refuses updates since 2022, and has no base image for it."""

OWN_IMAGE = 'base_images = { "python3.6" = "images.example/python:3.6" }'

NO_ENGINE = """
def pytest_lambda_rollback_make_engine(config, settings, progress):
    raise RuntimeError("an engine was made")
"""


@pytest.fixture(autouse=True)
def no_engine(project: Project) -> None:
    """Nothing of this contract may need an engine."""
    project.pytester.makeconftest(NO_ENGINE)


def rewrite(project: Project, version: str, old: str, new: str) -> None:
    """Change one version's table."""
    path = project.path / "lambda-rollback.toml"
    head, table, rest = path.read_text().partition(f"[functions.orders.versions.{version}]\n")
    own, mark, others = rest.partition("[")
    assert own.count(old) == 1
    project.write(head + table + own.replace(old, new) + mark + others)


def on_blocked_runtime(project: Project, *versions: str) -> None:
    project.configure(top=OWN_IMAGE)
    for version in versions:
        rewrite(project, version, f'"{RUNTIME}"', f'"{BLOCKED}"')


def test_every_target_has_the_check_and_it_needs_no_engine(project: Project) -> None:
    result = project.run("-k", "platform", "--lambda-rollback-json=r.json")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2, deselected=8)
    result.stdout.fnmatch_lines(
        ["  1       UNKNOWN (1 safe, 4 not checked)  UNKNOWN (1 safe, 4 not checked)"]
    )
    document = json.loads((project.path / "r.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_PATH.read_text()))
    (function,) = document["functions"]
    assert (function["source"], function["placeholders"]) == (None, [])
    checks = [check for target in function["targets"] for check in target["checks"]]
    assert [check["id"] for check in checks] == [
        "lambda-rollback.toml::orders::1-alias::platform",
        "lambda-rollback.toml::orders::1-redeploy::platform",
    ]
    for check in checks:
        assert (check["contract"], check["event"], check["engine"]) == ("platform", None, None)
        assert check["verdict"] == "safe"
        assert check["notes"][0].startswith("aliases, permissions, event sources and layers in AWS")


def test_a_redeploy_to_a_runtime_that_aws_blocks_for_updates_breaks(project: Project) -> None:
    on_blocked_runtime(project, "1", "2")
    result = project.run("-k", "platform")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1, deselected=8)
    result.stdout.fnmatch_lines(
        [
            "breaks: platform: orders:1 by redeploy cannot be deployed: since 2022-08-29 AWS"
            " refuses to update functions on python3.6",
            "platform: runtime-update-blocked*",
            "  target   python3.6",
            "  pytest --lambda-rollback *::orders::1-redeploy::platform",
            "  1       UNKNOWN (1 safe, 4 not checked)  BREAKS (1 breaks, 4 not checked)",
        ]
    )


def test_an_alias_goes_back_to_a_blocked_runtime_with_a_warning(project: Project) -> None:
    on_blocked_runtime(project, "1")
    result = project.run("-k", "platform")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2, deselected=8)
    result.stdout.fnmatch_lines(
        ["  warning: orders:1 by alias runs on python3.6, deprecated since 2022-07-18: *"]
    )


def test_a_handler_that_is_not_in_the_artefact_is_told_without_docker(project: Project) -> None:
    rewrite(project, "1", '"app.handler"', '"app.main"')
    result = project.run("-k", "platform")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=2, deselected=8)
    result.stdout.fnmatch_lines(
        [
            "breaks: platform: orders:1 by alias cannot start: module app has no main, which*",
            "platform: handler-missing*",
            "  current  app.handler",
            "  target   app.main",
            "breaks: platform: orders:1 by redeploy cannot start: module app has no main, which*",
        ]
    )


def acceptance(check: str) -> str:
    return (
        f'[[functions.orders.accept]]\ntarget = "1"\ncheck = "{check}"\n'
        'reason = "1 starts once its handler is renamed back"\nuntil = 2999-01-01'
    )


def test_a_break_of_the_platform_is_accepted_by_its_name(project: Project) -> None:
    project.configure('current = "2"', 'events = "events"', acceptance("platform"))
    rewrite(project, "1", '"app.handler"', '"app.main"')
    result = project.run("-k", "platform", "-rx")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(xfailed=2, deselected=8)
    result.stdout.fnmatch_lines(
        [
            "*1 starts once its handler is renamed back (accepted until 2999-01-01)*cannot start*",
        ]
    )


def test_a_wildcard_accepts_no_break_of_the_platform(project: Project) -> None:
    project.configure('current = "2"', 'events = "events"', acceptance("*"))
    rewrite(project, "1", '"app.handler"', '"app.main"')
    result = project.run("-k", "platform")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=2, deselected=8)


def test_what_was_not_looked_at_is_said_once_for_all_functions(project: Project) -> None:
    text = (project.path / "lambda-rollback.toml").read_text()
    project.write(text + text.replace("functions.orders", "functions.billing"))
    result = project.run("-k", "platform")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=4, deselected=16)
    told = " ".join(line.strip() for line in result.outlines)
    assert told.count("aliases, permissions, event sources and layers in AWS") == 1
    result.stdout.fnmatch_lines(
        [
            "orders, current version 2",
            "billing, current version 2",
            "note: aliases, permissions, event sources and layers in AWS are not checked: *",
        ]
    )
