"""Values of environment variables that a build takes over, or that nobody can be asked for."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.account_content import Version, client_of, publish_function, zip_of
from helpers.aws_projects import JSON, Project, report_of

DIGITS = """
import os

def handler(event, context):
    return {"limit": 1} if os.environ["LIMIT"].isdigit() else {"no_limit": 1}
# %s
"""
PLAIN = """
def handler(event, context):
    return {"limit": 1}
# %s
"""


def published(project: Project, *codes: str) -> None:
    versions = [
        Version(code=zip_of({"app.py": code % number}), environment={"LIMIT": "10"})
        for number, code in enumerate(codes, 1)
    ]
    publish_function(client_of(project.server), "limits", versions)
    project.event("limits", "any", {})


def built(project: Project, code: str) -> None:
    (project.path / "build").mkdir()
    (project.path / "build" / "app.py").write_text(code % "candidate")


def verdicts(project: Project, *arguments: str) -> dict[str, Any]:
    project.pytest("-k", "any", JSON, *arguments)
    return {
        check["id"].partition("::limits::")[2]: check["verdict"]
        for target in report_of(project)["functions"][0]["targets"]
        for check in target["checks"]
    }


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_fetched_values_reach_a_build_in_every_process(
    project: Project, workers: tuple[str, ...]
) -> None:
    published(project, DIGITS, DIGITS)
    built(project, DIGITS)
    project.configure(
        '[functions.limits]\naws = { function_name = "limits", environment = "fetch" }\n'
        'current = { path = "build" }\n'
    )
    assert set(verdicts(project, *workers).values()) == {"safe"}


def test_a_build_whose_variables_are_not_known_is_no_baseline(project: Project) -> None:
    published(project, DIGITS, PLAIN)
    built(project, PLAIN)
    project.configure('[functions.limits]\naws = "limits"\ncurrent = { path = "build" }\n')
    project.server.fail("*", "environment-error")
    run = project.pytest("-k", "any")
    assert run.code == 1
    run.shows(
        "the environment of limits:candidate is not known: it is inherited from AWS, and Lambda "
        "could not decrypt it (KMSAccessDeniedException",
        "give all variables under functions.limits.environment",
    )
    assert "breaks: " not in run.text
    project.configure(
        '[functions.limits]\naws = "limits"\ncurrent = { path = "build" }\n'
        'environment = { LIMIT = "5" }\n'
    )
    assert verdicts(project)["2-alias::any"] == "safe"


def test_values_of_a_version_that_is_gone_are_placeholders(project: Project) -> None:
    published(project, PLAIN, PLAIN, PLAIN)
    project.configure(
        '[functions.limits]\naws = { function_name = "limits", environment = "fetch" }\n'
    )
    assert project.console("sync").code == 0
    client_of(project.server).delete_function(FunctionName="limits", Qualifier="2")
    found = verdicts(project)
    assert found["2-alias::any"] == found["2-redeploy::any"] == "safe"


def test_a_value_of_several_lines_is_not_shown(project: Project) -> None:
    key = "-----BEGIN KEY-----\nMIIEsecretsecretsecret\n-----END KEY-----\n" + "x" * 400
    codes = (
        "import os\ndef handler(event, context):\n    raise KeyError(os.environ['KEY'])\n",
        "import os\ndef handler(event, context):\n    return {'k': os.environ['KEY']}\n",
        "import os\ndef handler(event, context):\n    return {'k': os.environ['KEY'], 'a': 1}\n",
    )
    versions = [Version(code=zip_of({"app.py": c}), environment={"KEY": key}) for c in codes]
    publish_function(client_of(project.server), "limits", versions)
    project.event("limits", "any", {})
    project.configure(
        '[functions.limits]\naws = { function_name = "limits", environment = "fetch" }\n'
    )
    run = project.pytest("-k", "any and alias", JSON)
    run.shows("breaks: ", "KeyError")
    for text in (run.text, (project.path / "report.json").read_text()):
        assert "MIIEsecret" not in text
        assert "BEGIN KEY" not in text
