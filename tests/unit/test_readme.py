"""The README names every option, permission and key that the code has, and no other ones."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

import pytest_lambda_rollback

PACKAGE = Path(pytest_lambda_rollback.__file__).parent
ROOT = PACKAGE.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TABLES = "\n".join(line for line in README.splitlines() if line.startswith("|"))
COMMANDS = ("sync", "record", "clean")

ACTION = re.compile(
    r"\b(?:lambda|logs|sqs|s3|schemas|ecr|sts|tag|cloudformation|kms):[A-Z][A-Za-z]+"
)
SERVICES = {
    "lambda": "lambda",
    "logs": "logs",
    "sqs": "sqs",
    "s3": "s3",
    "schemas": "schemas",
    "ecr": "ecr",
    "resourcegroupstaggingapi": "tag",
    "cloudformation": "cloudformation",
}
"""The prefix of a service's IAM actions, by the name of its client."""
NAMED_OTHERWISE = {
    "lambda:GetLayerVersionByArn": "lambda:GetLayerVersion",
    "s3:ListObjectsV2": "s3:ListBucket",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
"""Operations whose IAM action has another name."""
NEVER_CALLED = {"sts:GetCallerIdentity"}
"""It stands for signing in, in messages alone."""


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    found = re.search(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", README, re.DOTALL | re.MULTILINE
    )
    assert found is not None
    return found[1]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def words(path: Path) -> Iterator[str]:
    """The attributes and strings of a module: among them are the operations that it calls."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


# --- options ------------------------------------------------------------------------------------


def test_the_options_of_pytest_are_those_in_the_readme() -> None:
    text = (PACKAGE / "plugin.py").read_text(encoding="utf-8")
    options = set(re.findall(r'"(--lambda-rollback[a-z-]*)"', text))
    assert len(options) > 10
    assert set(re.findall(r"`(--lambda-rollback[a-z-]*)", section("Options"))) == options


def console_options(command: str) -> set[str]:
    shown = subprocess.run(
        [sys.executable, "-m", "pytest_lambda_rollback.cli", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    options = set(re.findall(r"(--[a-z][a-z-]+)", shown)) - {"--help"}
    assert "--config" in options
    return options


def test_the_options_of_the_console_are_those_in_the_readme() -> None:
    options = {option for command in COMMANDS for option in console_options(command)}
    said = set(re.findall(r"`(--[a-z][a-z-]+)", TABLES))
    assert {each for each in said if not each.startswith("--lambda-rollback")} == options


# --- permissions --------------------------------------------------------------------------------


def test_the_permissions_are_those_of_the_requests_that_are_made() -> None:
    session = botocore.session.Session()
    operations = {
        xform_name(operation): f"{prefix}:{operation}"
        for service, prefix in SERVICES.items()
        for operation in session.get_service_model(service).operation_names
    }
    # A name that two services have would hide one of them.
    assert operations["list_aliases"] == "lambda:ListAliases"
    called, named = set(), set()
    for path in (PACKAGE / "aws").glob("*.py"):
        called |= {operations[word] for word in words(path) if word in operations}
    for path in (
        *(PACKAGE / "aws").glob("*.py"),
        PACKAGE / "engines" / "docker" / "function_images.py",
    ):
        named |= {action for word in words(path) for action in ACTION.findall(word)}
    needed = {NAMED_OTHERWISE.get(action, action) for action in called} | named - NEVER_CALLED
    assert "sqs:ChangeMessageVisibility" in needed
    assert "ecr:BatchGetImage" in needed
    assert set(ACTION.findall(section("Permissions"))) == needed


def test_the_policy_allows_what_every_run_needs_and_no_more() -> None:
    policy = next(each for each in blocks("json") if '"Statement"' in each)
    assert set(ACTION.findall(policy)) == {
        "lambda:ListVersionsByFunction",
        "lambda:ListAliases",
        "lambda:GetFunction",
        "lambda:GetLayerVersion",
    }


# --- what can be copied -------------------------------------------------------------------------


@pytest.mark.parametrize("block", blocks("toml"))
def test_configurations_can_be_read(block: str) -> None:
    assert tomllib.loads(block)


@pytest.mark.parametrize("block", blocks("json"))
def test_json_can_be_read(block: str) -> None:
    assert json.loads(block)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_links_lead_somewhere(link: str) -> None:
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {
        "#" + re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings
    }
    assert link in anchors if link.startswith("#") else (ROOT / link).exists()


def test_no_variable_of_the_recorder_is_missing() -> None:
    text = (PACKAGE / "recording" / "recorder" / "lambda_rollback_recorder.py").read_text(
        encoding="utf-8"
    )
    variables = set(re.findall(r"^(LAMBDA_ROLLBACK_[A-Z_]+) ", text, re.MULTILINE))
    assert len(variables) == 5
    assert set(re.findall(r"`(LAMBDA_ROLLBACK_[A-Z_]+)`", README)) == variables | {
        "LAMBDA_ROLLBACK_PSEUDONYM_KEY"
    }
