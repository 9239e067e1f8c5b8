"""A run where KMS lets nobody here read the environment: what its user sees and can do."""

from __future__ import annotations

import pytest

from helpers.account_content import Version, client_of, publish_function, zip_of
from helpers.aws_projects import Project

CODE = """
import os

LIMIT = os.environ.get("LIMIT")

def handler(event, context):
    return {"limited": LIMIT is not None}
"""


@pytest.fixture
def undecrypted(project: Project) -> Project:
    code = zip_of({"app.py": CODE})
    versions = [Version(code=code, environment={"LIMIT": limit}) for limit in ("10", "20")]
    publish_function(client_of(project.server), "limits", versions)
    project.event("limits", "any", {})
    return project


@pytest.mark.parametrize("how", ["placeholder", "fetch"])
def test_a_function_without_its_variables_is_never_safe(undecrypted: Project, how: str) -> None:
    undecrypted.configure(
        f'[functions.limits]\naws = {{ function_name = "limits", environment = "{how}" }}\n'
    )
    undecrypted.server.fail("*", "environment-error")
    run = undecrypted.pytest("-k", "any")
    assert run.code == 1, run.text
    run.shows(
        "unknown: limits:1 by alias on any: the current version of limits cannot be run",
        "the environment of limits:2 is not known: Lambda could not decrypt it "
        "(KMSAccessDeniedException",
        "Allow kms:Decrypt",
        "or give all variables under functions.limits.environment",
    )


def test_values_that_are_given_need_no_key(undecrypted: Project) -> None:
    undecrypted.configure('[functions.limits]\naws = "limits"\nenvironment = { LIMIT = "5" }\n')
    undecrypted.server.fail("*", "environment-error")
    run = undecrypted.pytest("-k", "any")
    assert run.code == 0, run.text


def test_names_that_the_lock_file_knows_are_enough(undecrypted: Project) -> None:
    undecrypted.configure('[functions.limits]\naws = "limits"\n')
    assert undecrypted.console("sync").code == 0
    undecrypted.server.fail("*", "environment-error")
    run = undecrypted.pytest("-k", "any")
    assert run.code == 0, run.text
    run.shows("placeholders for values of: LIMIT")
