"""The README names every option, every console option and every permission that the code has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_lambda_rollback

PACKAGE = Path(pytest_lambda_rollback.__file__).parent
README = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
ACTION = re.compile(r'"((?:lambda|logs|sqs|s3|schemas|ecr|sts|tag|cloudformation):[A-Z][A-Za-z]+)"')


def test_every_option_of_pytest_is_in_the_readme() -> None:
    text = (PACKAGE / "plugin.py").read_text(encoding="utf-8")
    options = set(re.findall(r'"(--lambda-rollback[a-z-]*)"', text))
    assert len(options) > 10
    assert {option for option in options if f"`{option}" not in README} == set()


@pytest.mark.parametrize("command", ["sync", "record", "clean"])
def test_every_option_of_the_console_is_in_the_readme(command: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "pytest_lambda_rollback.cli", command, "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    options = set(re.findall(r"(--[a-z][a-z-]+)", shown)) - {"--help"}
    assert "--config" in options
    assert {option for option in options if option not in README} == set()


def test_every_permission_that_a_refusal_may_name_is_in_the_readme() -> None:
    actions = {
        action
        for path in (*(PACKAGE / "aws").glob("*.py"), *(PACKAGE / "recording").glob("*.py"))
        for action in ACTION.findall(path.read_text(encoding="utf-8"))
    }
    assert "lambda:ListVersionsByFunction" in actions
    actions -= {"sts:GetCallerIdentity"}  # stands for signing in; it is never called
    assert {action for action in actions if action not in README} == set()
