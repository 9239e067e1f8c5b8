"""Cold and warm passes as a user sees them, and the same verdict whatever is selected."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from helpers.made_projects import ANSWERS, Project
from pytest_lambda_rollback.reports.json_report import SCHEMA_PATH

HAS_STATE = """
SEEN = []

def handler(event, context):
    before, name = list(SEEN), event["name"]
    SEEN.append(name)
    if name == "b_needs_a" and "a_first" not in before:
        raise KeyError("config")
    if name == "c_needs_none" and before:
        raise ValueError("stale")
    return {"statusCode": 200, "id": 1}
"""
EVENTS = ("a_first", "b_needs_a", "c_needs_none", "d_last")
EXPECTED = {
    "a_first": ("safe", None, []),
    "b_needs_a": ("breaks", "cold", []),
    "c_needs_none": ("breaks", "warm", ["b_needs_a"]),
    "d_last": ("safe", None, []),
}


@pytest.fixture
def stateful(project: Project) -> Project:
    """A target that fails cold on one event and warm on another, on a stack for each strategy."""
    for path in (project.path / "events").iterdir():
        path.unlink()
    for name in EVENTS:
        project.event(name, {"id": 1, "name": name})
    project.version("2", ANSWERS)
    project.version("1", HAS_STATE)
    project.configure()
    text = (project.path / "lambda-rollback.toml").read_text()
    for version in ("2", "1"):
        table = f"[functions.orders.versions.{version}]\n"
        text = text.replace(table, f'{table}environment = {{ STACK = "{version}" }}\n')
    project.write(text)
    (project.path / "conftest.py").write_text(
        "import os\n"
        "def pytest_collection_modifyitems(items):\n"
        "    if os.environ.get('REVERSED'):\n"
        "        items.reverse()\n"
    )
    return project


def told(project: Project, *arguments: str) -> dict[str, dict[str, Any]]:
    """By strategy and event: the verdict, the pass of the finding and the events before it."""
    project.run("--lambda-rollback-json=r.json", *arguments)
    document = json.loads((project.path / "r.json").read_text())
    jsonschema.validate(document, json.loads(SCHEMA_PATH.read_text()))
    (function,) = document["functions"]
    return {
        target["strategy"]: {
            check["event"]: (
                check["verdict"],
                next(((f["replay_pass"], f["after"]) for f in check["findings"]), (None, [])),
            )
            for check in target["checks"]
            if check["event"] is not None
        }
        for target in function["targets"]
    }


BY_EVENT = {name: (verdict, (kind, after)) for name, (verdict, kind, after) in EXPECTED.items()}


def test_a_break_says_its_pass(stateful: Project) -> None:
    result = stateful.run("--lambda-rollback-strategy=alias", "--lambda-rollback-json=r.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "breaks: b_needs_a: orders:1 by alias raises KeyError: 'config' on a cold start "
            "where orders:2 answers",
            "invocation: function-error at app.py:* on a cold start",
            "breaks: c_needs_none: orders:1 by alias raises ValueError: stale after b_needs_a in "
            "the same environment where orders:2 answers",
            "FAILED *b_needs_a - breaks: KeyError: 'config' on a cold start where orders:2 *",
            "  1       BREAKS (2 breaks, 5 safe)",
        ]
    )
    document = json.loads((stateful.path / "r.json").read_text())
    (target,) = document["functions"][0]["targets"]
    assert (target["events_replayed"], target["events_tried_cold"]) == (4, 4)
    assert {tuple(c["passes"]) for c in target["checks"] if c["event"]} == {("cold", "warm")}


@pytest.mark.parametrize("arguments", [(), ("-n2",)], ids=["one process", "distributed"])
def test_every_run_of_all_has_the_same_verdicts(
    stateful: Project, arguments: tuple[str, ...]
) -> None:
    assert told(stateful, *arguments) == {"alias": BY_EVENT, "redeploy": BY_EVENT}


def test_the_order_of_the_items_changes_nothing(
    stateful: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REVERSED", "1")
    assert told(stateful) == {"alias": BY_EVENT, "redeploy": BY_EVENT}


def test_a_part_of_a_run_has_the_verdicts_of_the_whole(stateful: Project) -> None:
    for name in ("b_needs_a", "c_needs_none"):
        selected = told(stateful, "-k", f"redeploy and {name}")
        assert selected == {"redeploy": {name: BY_EVENT[name]}}
    first = told(stateful, "-x", "-k", "alias and not contract")
    assert first == {"alias": {name: BY_EVENT[name] for name in EVENTS[:2]}}


def test_failed_ones_alone_fail_alike(stateful: Project) -> None:
    cached = ("-p", "cacheprovider", "-k", "alias")
    told(stateful, *cached)
    again = told(stateful, *cached, "--lf")
    assert again == {"alias": {name: BY_EVENT[name] for name in ("b_needs_a", "c_needs_none")}}


def test_events_beyond_the_budget_are_said_to_be_tried_warm_only(stateful: Project) -> None:
    text = (stateful.path / "lambda-rollback.toml").read_text()
    stateful.write(text.replace('events = "events"', 'events = "events"\ncold_budget_s = 0.001'))
    result = stateful.run("--lambda-rollback-json=r.json", "--lambda-rollback-strategy=alias")
    result.stdout.fnmatch_lines(
        [
            "note: 1 of 4 events, the most different ones, were tried on a cold start: more *",
        ]
    )
    (target,) = json.loads((stateful.path / "r.json").read_text())["functions"][0]["targets"]
    assert (target["events_replayed"], target["events_tried_cold"]) == (4, 1)
    verdicts = {each["name"]: each["verdict"] for each in target["checks"] if each["event"]}
    assert verdicts == {**dict.fromkeys(EVENTS, "safe"), "c_needs_none": "breaks"}
