"""One check has one verdict, however often it is made; what was not made is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helpers.made_projects import Project

FAILS_TWICE = """
from pathlib import Path

CALLS = Path(bytes.fromhex("{calls}").decode())

def handler(event, context):
    if "gift_card" in event:
        with CALLS.open("a") as calls:
            calls.write(".")
        if CALLS.stat().st_size <= {times}:
            raise KeyError("sku")
    return {{"statusCode": 200, "id": event["id"]}}
"""


@pytest.fixture
def flaky(project: Project) -> Project:
    """Version 1 breaks on its first replay of a gift card and on the one that confirms it.

    It counts in a file of this machine, which only the process engine lets it reach.
    """
    # The process engine has doubts about code that names /tmp.
    calls = str(project.path / "calls").encode().hex()
    project.version("1", FAILS_TWICE.format(calls=calls, times=2))
    return project


def report(project: Project) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((project.path / "r.json").read_text())
    return document


@pytest.mark.parametrize("more", [(), ("-n1",)], ids=["one process", "distributed"])
def test_a_rerun_that_passed_is_the_verdict(flaky: Project, more: tuple[str, ...]) -> None:
    result = flaky.run(
        "--reruns=2",
        "--lambda-rollback-strategy=alias",
        "--lambda-rollback-json=r.json",
        *more,
        engine="process",
    )
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "  1       safe (5 safe)",
            "The newest safe target of orders is 1, by alias.",
            "*= 5 passed, 1 rerun in *",
        ]
    )
    (target,) = report(flaky)["functions"][0]["targets"]
    assert (target["verdict"], len(target["checks"])) == ("safe", 5)


def test_reruns_that_all_fail_are_one_break(project: Project) -> None:
    result = project.run("--reruns=2", "--lambda-rollback-strategy=alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*stack trace from inside the function:",
            "Repeat just this check with:",
            "  1       BREAKS (1 breaks, 4 safe)",
            "*= 1 failed, 4 passed, 2 rerun in *",
        ]
    )


def test_a_reason_that_a_passed_rerun_gave_is_told_where_it_fails(flaky: Project) -> None:
    """The first check fails once and passes then; the second fails for the same reason."""
    code = (flaky.path / "versions" / "1" / "app.py").read_text()
    flaky.version("1", code.replace("<= 2:", "<= 2 or event['id'] == 2:"))
    flaky.event("a_gift_card", {"id": 1, "gift_card": "x"})
    result = flaky.run("--reruns=1", "-k", "gift_card and alias", engine="process")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*ame reason as*")
    result.stdout.fnmatch_lines(["Repeat just this check with:"])


def test_every_process_of_dist_each_makes_the_same_checks(project: Project) -> None:
    result = project.run("--dist=each", "--tx=2*popen", "-k", "create and alias")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["  1       UNKNOWN (1 safe, 4 not checked)"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--keep-duplicates", "lambda-rollback.toml", "lambda-rollback.toml"),
        ("lambda-rollback.toml", "lambda-rollback.toml"),
    ],
)
def test_a_file_that_is_given_twice_is_counted_once(
    project: Project, arguments: tuple[str, ...]
) -> None:
    options = ("--lambda-rollback-strategy=alias", "--lambda-rollback-json=r.json")
    result = project.run(*arguments, *options)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "  1       BREAKS (1 breaks, 4 safe)",
            "orders has no safe target: every one that was checked breaks.",
        ]
    )
    (target,) = report(project)["functions"][0]["targets"]
    assert len(target["checks"]) == target["checks_planned"] == 5


# --- what was not checked ------------------------------------------------------------------------


@pytest.fixture
def three(project: Project) -> Project:
    """Versions 2 and 1 of the function are targets; 2 is safe and 1 breaks."""
    project.version("3")
    project.configure(versions=("3", "2", "1"))
    text = (project.path / "lambda-rollback.toml").read_text()
    project.write(text.replace('current = "2"', 'current = "3"'))
    return project


@pytest.mark.parametrize(
    "arguments",
    [
        ("-k", "1-alias"),
        ("lambda-rollback.toml::orders::1-alias::gift_card",),
    ],
)
def test_the_conclusion_names_targets_that_were_not_checked(
    three: Project, arguments: tuple[str, ...]
) -> None:
    result = three.run(*arguments, "--lambda-rollback-json=r.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "No target of orders is known to be safe: 1 by alias breaks; 2 and 1 by redeploy were "
            "not checked."
        ]
    )
    assert report(three)["functions"][0]["not_checked"] == [
        {"function": "orders", "version": version, "strategy": strategy}
        for version, strategy in (("2", "alias"), ("2", "redeploy"), ("1", "redeploy"))
    ]


def test_what_failed_last_is_not_all_that_is_to_be_checked(three: Project) -> None:
    arguments = ("--lambda-rollback", "--lambda-rollback-engine=sandbox")
    run = three.pytester.runpytest_subprocess
    run(*arguments, timeout=120)
    result = run(*arguments, "--lf", timeout=120)
    result.assert_outcomes(failed=2, deselected=18)
    result.stdout.fnmatch_lines(
        [
            "  1       BREAKS (1 breaks, 4 not checked)  BREAKS (1 breaks, 4 not checked)",
            "No target of orders is known to be safe: 1 by alias and 1 by redeploy break; 2 was *",
        ]
    )


def test_a_safe_target_beside_one_that_was_not_checked(three: Project) -> None:
    three.version("1")
    result = three.run("-k", "1-alias or 1-redeploy")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        ["The newest safe target of orders is 1, by alias and redeploy; 2 was not checked."]
    )


def test_what_stops_at_the_first_failure_says_what_it_left_out(three: Project) -> None:
    three.event("a_gift_card", {"id": 3, "gift_card": "x"})
    result = three.run("-x", "lambda-rollback.toml::orders::1-redeploy")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "  target  redeploy",
            "  1       BREAKS (1 breaks, 3 safe, 2 not checked)",
            "No target of orders is known to be safe: 1 by redeploy breaks; 2 and 1 by alias *",
        ]
    )
