from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import jsonschema
import pytest

from helpers.made_projects import Project
from pytest_lambda_rollback.reports.json_report import SCHEMA_PATH


def test_the_report_is_valid_and_tells_what_the_terminal_tells(project: Project) -> None:
    result = project.run("--lambda-rollback-json=out/r.json", "-q")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    document = json.loads((project.path / "out" / "r.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_PATH.read_text()))
    assert document["verdict"] == "breaks"
    assert document["engine"] == "sandbox"
    (engine,) = document["engines"]
    assert engine["not_sealed"] == []
    (function,) = document["functions"]
    assert (function["function"], function["current"]) == ("orders", "2")
    assert {(t["version"], t["strategy"]): t["verdict"] for t in function["targets"]} == {
        ("1", "alias"): "breaks",
        ("1", "redeploy"): "breaks",
    }
    checks = {check["event"]: check for check in function["targets"][0]["checks"]}
    assert checks["create"]["verdict"] == "safe"
    broken = checks["gift_card"]
    assert broken["id"] == "lambda-rollback.toml::orders::1-alias::gift_card"
    assert broken["findings"][0]["kind"] == "function-error"
    (finding,) = broken["findings"]
    assert finding["stack_trace"]
    assert finding["why"].startswith("no change of layers, runtime or environment heals it")
    assert finding["details"]["target_type"] == "KeyError"
    assert finding["cause"]["kind"] == "code"
    assert function["verdict"] == "breaks"
    assert function["newest_safe_target"] is None


def test_the_report_holds_times_and_digests(project: Project) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    project.run("--lambda-rollback-json=r.json", "-k", "1-alias and create")
    document = json.loads((project.path / "r.json").read_text())
    assert began <= datetime.fromisoformat(document["started"]) <= datetime.now(UTC)
    assert document["duration_s"] > 0
    (configuration,) = document["configurations"]
    content = (project.path / "lambda-rollback.toml").read_bytes()
    assert configuration["digest"] == hashlib.sha256(content).hexdigest()
    (check,) = document["functions"][0]["targets"][0]["checks"]
    event = (project.path / "events" / "create.json").read_bytes()
    assert check["event_digest"] == hashlib.sha256(event).hexdigest()


def test_a_partial_run_reports_unknown(project: Project) -> None:
    project.run("--lambda-rollback-json=r.json", "-k", "1-alias and create")
    document = json.loads((project.path / "r.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_PATH.read_text()))
    assert document["verdict"] == "unknown"
    (target,) = document["functions"][0]["targets"]
    assert (target["checks_planned"], len(target["checks"])) == (5, 1)


def test_an_older_report_never_survives_a_run_that_checks_nothing(project: Project) -> None:
    (project.path / "r.json").write_text("{}")
    project.write("[functions")
    project.run("--lambda-rollback-json=r.json")
    assert not (project.path / "r.json").exists()


def test_xdist_gathers_the_same_report(project: Project) -> None:
    project.run("--lambda-rollback-json=one.json")
    result = project.run("--lambda-rollback-json=two.json", "-n2", "--dist=loadscope")
    result.assert_outcomes(passed=8, failed=2)
    result.stdout.fnmatch_lines(["*= lambda-rollback =*", "  1       BREAKS*BREAKS*"])

    def verdicts(name: str) -> list[tuple[str, str]]:
        document = json.loads((project.path / name).read_text())
        return [
            (check["id"], check["verdict"])
            for function in document["functions"]
            for target in function["targets"]
            for check in target["checks"]
        ]

    assert verdicts("one.json") == verdicts("two.json")


def test_a_wrong_configuration_is_a_clear_error_under_xdist_too(project: Project) -> None:
    project.configure('current = "9"', 'events = "events"')
    result = project.run("-n1")
    text = result.stdout.str() + result.stderr.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "functions.orders.current" in text
