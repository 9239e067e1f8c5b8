"""The contracts that need no event, the cause of a break, and coverage, as a user sees them."""

from __future__ import annotations

import json

import jsonschema
import pytest

from helpers.made_projects import Project
from pytest_lambda_rollback.reports.json_report import SCHEMA_PATH

USES_LAYER = """
from acme_shared import money


def handler(event, context):
    if event.get("refund"):
        return {"text": money.to_text(1)}
    return {"statusCode": 200, "id": event["id"]}
"""


def layer(project: Project, number: str, source: str) -> None:
    folder = project.path / "layers" / f"acme-shared-{number}" / "python" / "acme_shared"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "money.py").write_text(source)


def bind(project: Project) -> None:
    """Version 1 is bound to layer 1, version 2 to layer 2."""
    path = project.path / "lambda-rollback.toml"
    text = path.read_text()
    for number in ("1", "2"):
        text = text.replace(
            f'code = "versions/{number}"\n',
            f'code = "versions/{number}"\nlayers = ["layers/acme-shared-{number}"]\n',
        )
    path.write_text(text)


def test_a_fault_that_no_event_reaches_is_found(project: Project) -> None:
    project.version("1", USES_LAYER)
    layer(project, "1", "def to_text(x): return str(x)\n")
    layer(project, "2", "def as_text(x): return str(x)\n")
    bind(project)
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=9, failed=1)
    result.stdout.fnmatch_lines(
        [
            "breaks: imports: orders:1 by redeploy *money.to_text (app.py:7), which layer"
            " acme-shared 2 does not offer; acme-shared 1 did",
            "  1       safe (5 safe)  BREAKS (1 breaks, 4 safe)",
        ]
    )


def test_a_missed_requirement_is_found_without_an_event(project: Project) -> None:
    project.configure('current = "2"', 'events = "events"', 'requires = ["acme-shared>=2,<3"]')
    for number in ("1", "2"):
        layer(project, number, "")
        info = project.path / "layers" / f"acme-shared-{number}" / "python"
        info = info / f"acme_shared-{number}.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: acme-shared\nVersion: {number}.0\n"
        )
    bind(project)
    result = project.run("-k", "dependencies")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["breaks: dependencies: orders:1 by alias *acme-shared*1.0*"])


def test_the_layer_that_breaks_is_named(project: Project) -> None:
    project.version(
        "1",
        "from acme_shared import money\n\n\ndef handler(event, context):\n"
        "    return {'statusCode': 200, 'id': money.number(event['id']) + 1}\n",
    )
    layer(project, "1", "def number(x): return x\n")
    layer(project, "2", "def number(x): return str(x)\n")
    bind(project)
    result = project.run("--lambda-rollback-json=r.json", "-k", "create and redeploy")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "breaks: create: orders:1 by redeploy raises TypeError:*",
            "redeploying 1: *acme-shared 2*1 was built against acme-shared 1*",
        ]
    )
    document = json.loads((project.path / "r.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_PATH.read_text()))
    (check,) = document["functions"][0]["targets"][0]["checks"]
    assert check["findings"][0]["cause"]["layer"].startswith("acme-shared")


def test_the_event_is_named_where_it_is_the_cause(project: Project) -> None:
    project.event("create", {"id": 1, "sku": "a"})
    project.event("gift_card", {"id": 2, "gift_card": "x"})
    project.version(
        "1", "def handler(event, context):\n    return {'statusCode': 200, 'id': event['sku']}\n"
    )
    project.configure('current = "2"', 'events = "events"', 'response = { mode = "none" }')
    result = project.run("--lambda-rollback-strategy=alias")
    result.stdout.fnmatch_lines(
        ["breaks: gift_card: *KeyError: 'sku'*", "the event has /gift_card,*lacks sku*"]
    )


def test_coverage_tells_what_the_events_reached(project: Project) -> None:
    project.version("1", USES_LAYER)
    layer(project, "1", "def to_text(x): return str(x)\n")
    layer(project, "2", "def to_text(x): return str(x)\n")
    bind(project)
    result = project.run(
        "--lambda-rollback-coverage",
        "--lambda-rollback-strategy=alias",
        "--lambda-rollback-json=r.json",
    )
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["evidence for orders:1 by alias: 2 events*reached 4 of 5 lines of app.py, not 7*"]
    )
    document = json.loads((project.path / "r.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_PATH.read_text()))
    (target,) = document["functions"][0]["targets"]
    assert target["coverage"]["percent"] == 80
