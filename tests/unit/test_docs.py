"""README and docs name every option, permission and key that the code has, and no others."""

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
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "ARCHITECTURE.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "example_project" / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}
TABLES = "\n".join(
    line
    for page in ("docs/aws.md", "docs/recording.md")
    for line in PAGES[page].splitlines()
    if line.startswith("|")
)
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


def section(page: str, title: str) -> str:
    """The text below a heading of a page, up to the next heading."""
    found = re.search(
        rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", PAGES[page], re.DOTALL | re.MULTILINE
    )
    assert found is not None
    return found[1]


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, text) of every block of code in a language."""
    pattern = re.compile(rf"^```{language}\n(.*?)^```", re.DOTALL | re.MULTILINE)
    return [(page, text) for page, whole in PAGES.items() for text in pattern.findall(whole)]


def headings(page: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    titles = re.findall(r"^#+ (.+)$", PAGES[page], re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in titles}


def links() -> list[tuple[str, str]]:
    """(page, target) of every link that does not lead elsewhere."""
    found = {
        (page, link)
        for page, text in PAGES.items()
        for link in re.findall(r"\]\(([^)\s]+)\)", text)
        if not link.startswith("https://")
    }
    return sorted(found)


def words(path: Path) -> Iterator[str]:
    """The attributes and strings of a module: among them are the operations that it calls."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


# --- options ------------------------------------------------------------------------------------


def test_the_options_of_pytest_are_those_documented() -> None:
    text = (PACKAGE / "plugin.py").read_text(encoding="utf-8")
    options = set(re.findall(r'"(--lambda-rollback[a-z-]*)"', text))
    assert len(options) > 10
    told = section("docs/configuration.md", "Options")
    assert set(re.findall(r"`(--lambda-rollback[a-z-]*)", told)) == options


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


def test_the_options_of_the_console_are_those_documented() -> None:
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
    assert set(ACTION.findall(section("docs/aws.md", "Permissions"))) == needed


def test_the_policy_allows_what_every_run_needs_and_no_more() -> None:
    policy = next(text for _, text in blocks("json") if '"Statement"' in text)
    assert set(ACTION.findall(policy)) == {
        "lambda:ListVersionsByFunction",
        "lambda:ListAliases",
        "lambda:GetFunction",
        "lambda:GetLayerVersion",
    }


# --- what can be copied -------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "block"), blocks("toml"))
def test_configurations_can_be_read(page: str, block: str) -> None:
    assert tomllib.loads(block)


@pytest.mark.parametrize(("page", "block"), blocks("json"))
def test_json_can_be_read(page: str, block: str) -> None:
    assert json.loads(block)


@pytest.mark.parametrize(("page", "block"), blocks("python"))
def test_python_can_be_compiled(page: str, block: str) -> None:
    compile(block, page, "exec")


@pytest.mark.parametrize(("page", "link"), links())
def test_links_lead_somewhere(page: str, link: str) -> None:
    target, _, anchor = link.partition("#")
    path = (ROOT / page).parent / target if target else ROOT / page
    assert path.exists()
    if anchor:
        assert anchor in headings(path.resolve().relative_to(ROOT).as_posix())


def test_the_first_page_and_the_map_stay_short() -> None:
    assert len(PAGES["README.md"].encode()) <= 8_000
    assert len(PAGES["ARCHITECTURE.md"].splitlines()) <= 80


def test_no_variable_of_the_recorder_is_missing() -> None:
    text = (PACKAGE / "recording" / "recorder" / "lambda_rollback_recorder.py").read_text(
        encoding="utf-8"
    )
    variables = set(re.findall(r"^(LAMBDA_ROLLBACK_[A-Z_]+) ", text, re.MULTILINE))
    assert len(variables) == 7
    told = set(re.findall(r"`(LAMBDA_ROLLBACK_[A-Z_]+)`", PAGES["docs/recording.md"]))
    assert told == variables | {"LAMBDA_ROLLBACK_PSEUDONYM_KEY"}
