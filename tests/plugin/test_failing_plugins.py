"""A plugin that fails, or returns something else, leaves checks unknown and stops no others."""

from __future__ import annotations

import pytest

from helpers.made_projects import Project

CONFTEST = """
from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource
from pytest_lambda_rollback.model.findings import Finding, Judgement
from pytest_lambda_rollback.model.replay import EngineDescription, Outcome, OutcomeKind


class Environment:
    alive = True

    def invoke(self, invocation):
        return Outcome(kind=OutcomeKind.RESPONSE, payload=b'{"ok": true}')

    def close(self):
        pass


class Engine:
    name = "theirs"

    def prepare(self, version, progress):
        pass

    def start(self, version):
        return Environment()

    def describe(self):
        return EngineDescription(name="theirs", version="7")

    def close(self):
        pass


class Theirs:
    name = "theirs"
    description = "theirs"

    def make(self, request):
        return Engine()


class Static:
    name = "memory"
    needs_replays = False

    def judge(self, case):
        return Judgement()


class Replayed:
    name = "polite"
    needs_replays = True

    def judge(self, case):
        return Judgement()


class Shelf:
    name = "shelf"

    def find(self, request):
        return None


def pytest_lambda_rollback_engines():
    return [Theirs()]


def pytest_lambda_rollback_contracts():
    return [Static(), Replayed()]


def pytest_lambda_rollback_version_sources():
    return [Shelf()]


def boom(*args, **kwargs):
    raise ValueError("boom")
"""


def run(project: Project, mistake: str, *options: str) -> pytest.RunResult:
    project.configure(top='engine = "theirs"\nstrategies = ["alias"]')
    project.pytester.makeconftest(f"{CONFTEST}\n{mistake}\n")
    return replayed(project, *options)


def replayed(project: Project, *options: str) -> pytest.RunResult:
    """Run with the engine that the configuration names."""
    return project.pytester.runpytest_inprocess(
        "--lambda-rollback", "-p", "no:cacheprovider", *options
    )


def test_without_a_mistake_every_check_is_safe(project: Project) -> None:
    result = run(project, "")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=6)
    result.stdout.fnmatch_lines(["engine theirs 7"])


TEXTLESS = """
Static.judge = lambda self, case: Judgement(
    findings=(Finding(contract="memory", kind="x", subject=case.subject),)
)
"""

UNKNOWN = {
    "contract fails": (
        "Static.judge = boom",
        "memory",
        'the contract "memory" (conftest.Static) failed: ValueError: boom (conftest.py:*). '
        "Correct or uninstall the plugin",
    ),
    "contract returns nothing": (
        "Static.judge = lambda self, case: None",
        "memory",
        'the contract "memory" (conftest.Static) returned None: a Judgement is expected*',
    ),
    "finding without a sentence": (
        TEXTLESS,
        "memory",
        'the contract "memory" (conftest.Static) returned a Judgement with unusable findings: *',
    ),
    "replay contract fails": (
        "Replayed.judge = boom",
        "create",
        'the contract "polite" (conftest.Replayed) failed: ValueError: boom (conftest.py:*',
    ),
    "engine cannot be made": (
        "Theirs.make = boom",
        "create",
        'the engine "theirs" (conftest.Theirs) failed: ValueError: boom (conftest.py:*',
    ),
    "engine is none": (
        "Theirs.make = lambda self, request: 3",
        "create",
        'the engine "theirs" (conftest.Theirs) returned 3: an Engine, with prepare, *',
    ),
    "engine does not prepare": (
        "Engine.prepare = boom",
        "create",
        '*the engine "theirs" (conftest.Engine), preparing orders:2, failed: ValueError: boom*',
    ),
    "engine does not start": (
        "Engine.start = boom",
        "create",
        'the engine "theirs" (conftest.Engine), starting orders:2, failed: ValueError: boom*',
    ),
    "engine starts nothing": (
        "Engine.start = lambda self, version: None",
        "create",
        'the engine "theirs" (conftest.Engine), starting orders:2, returned None: *',
    ),
    "environment fails": (
        "Environment.invoke = boom",
        "create",
        '*the engine "theirs" (conftest.Engine), replaying, failed: ValueError: boom*',
    ),
    "environment answers nothing": (
        "Environment.invoke = lambda self, invocation: None",
        "create",
        '*the engine "theirs" (conftest.Engine) returned None: an Outcome is expected*',
    ),
    "hook for engines fails": (
        "pytest_lambda_rollback_make_engine = boom",
        "create",
        "a plugin's hook pytest_lambda_rollback_make_engine failed: ValueError: boom*",
    ),
    "event source fails": (
        'SOURCE = EventSource(name="the shop", slug="shop", recognises=boom)\n'
        "def pytest_lambda_rollback_event_sources():\n    return [SOURCE]",
        "create",
        'the event source "the shop" (conftest) failed: ValueError: boom*',
    ),
}


@pytest.mark.parametrize(("mistake", "check", "reason"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_mistake_of_a_plugin_leaves_only_its_checks_unknown(
    project: Project, mistake: str, check: str, reason: str
) -> None:
    result = run(project, mistake)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    failed = 1 if check == "memory" else 2
    result.assert_outcomes(passed=6 - failed, failed=failed)
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("E  *")
    plain = reason.replace("[", "[[]")
    result.stdout.fnmatch_lines([f"unknown: orders:1 by alias on {check}: {plain}*"])


@pytest.mark.parametrize("found", ["boom", "lambda self, request: {'1': {}}"])
def test_a_version_source_that_fails_leaves_its_function_unknown(
    project: Project, found: str
) -> None:
    project.pytester.makeconftest(f"{CONFTEST}\nShelf.find = {found}\n")
    project.write(
        'engine = "theirs"\n[functions.orders]\nsource = { kind = "shelf" }\n'
        'current = "2"\nevents = "events"\n'
    )
    result = replayed(project)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.fnmatch_lines(['*unknown*version source "shelf" (conftest.Shelf) *'])


def test_an_engine_that_cannot_describe_itself_is_not_called_sealed(project: Project) -> None:
    result = run(project, "Engine.describe = boom")
    assert result.ret == pytest.ExitCode.OK
    text = " ".join(result.stdout.str().split())
    assert 'not sealed: as far as is known: the engine "theirs" (conftest.Engine)' in text


def test_an_engine_that_does_not_end_is_told_and_changes_no_verdict(project: Project) -> None:
    result = run(project, "Engine.close = boom")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["could not clean up everything: *ValueError: boom*"])


def test_a_plugin_that_cannot_say_what_it_adds_is_a_usage_error(project: Project) -> None:
    result = run(project, "pytest_lambda_rollback_contracts = boom")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: a plugin that adds contracts failed: ValueError: boom*"])


def test_a_report_that_fails_fails_the_run_and_hides_no_answer(project: Project) -> None:
    result = run(
        project, "pytest_lambda_rollback_report = boom", "--lambda-rollback-json=report.json"
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "The newest safe target of orders is 1, by alias.",
            "a plugin's hook pytest_lambda_rollback_report failed: ValueError: boom*",
        ]
    )
    assert (project.path / "report.json").exists()


def test_a_result_that_a_plugin_cannot_take_fails_its_check_without_a_traceback(
    project: Project,
) -> None:
    result = run(project, "pytest_lambda_rollback_result = boom")
    result.assert_outcomes(failed=6)
    result.stdout.no_fnmatch_line("E  *")
    result.stdout.fnmatch_lines(
        ["a plugin's hook pytest_lambda_rollback_result failed: ValueError: boom*"]
    )


def test_a_result_that_a_plugin_cannot_take_hides_no_break(project: Project) -> None:
    mistake = TEXTLESS.replace("subject=case.subject", 'subject=case.subject, text="too small"')
    result = run(project, f"{mistake}\npytest_lambda_rollback_result = boom")
    result.stdout.fnmatch_lines(["breaks: memory: too small"])
