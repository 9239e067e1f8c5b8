"""An installed package adds to each plug point; pytest and the console script use it alike."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.made_projects import ANSWERS, RUNTIME, Project

OUTSIDE = Path(__file__).parents[1] / "assets" / "outside_plugin"


FROM_SHELF = f"""
engine = "canned"
[functions.orders]
source = {{ kind = "shelf", folder = "versions", runtime = "{RUNTIME}" }}
current = "2"
events = "events"
"""


@pytest.fixture
def with_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the outside package importable, with its entry points, as an installation does."""
    path = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(OUTSIDE), path))))


def console(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the console script as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_lambda_rollback.cli", *arguments],
        cwd=project.path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def on_outside_engine(project: Project) -> None:
    project.configure(top='engine = "canned"')


def run(project: Project, *arguments: str) -> pytest.RunResult:
    return project.pytester.runpytest_subprocess(
        "--lambda-rollback", "-p", "no:cacheprovider", *arguments, timeout=120
    )


@pytest.mark.usefixtures("with_plugin")
def test_a_configuration_names_the_engine_of_a_plugin(project: Project) -> None:
    on_outside_engine(project)
    result = run(project)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["engine canned 7"])


@pytest.mark.usefixtures("with_plugin")
def test_an_option_names_the_engine_of_a_plugin(project: Project) -> None:
    result = run(project, "--lambda-rollback-engine=canned")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["engine canned 7"])


@pytest.mark.usefixtures("with_plugin")
def test_versions_come_from_the_version_source_of_a_plugin(project: Project) -> None:
    project.write(FROM_SHELF)
    result = run(project)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["The newest safe target of orders is 1, by alias and redeploy."])


def more_memory(project: Project, *lines: str) -> None:
    """Configure version 2, the current one, with more memory than its target has."""
    project.configure(top='strategies = ["alias"]')
    path = project.path / "lambda-rollback.toml"
    second = "[functions.orders.versions.2]\n"
    text = path.read_text().replace(second, f"{second}memory_mb = 256\n")
    path.write_text("\n".join((text, *lines)))


@pytest.mark.usefixtures("with_plugin")
def test_a_contract_of_a_plugin_has_ids_and_verdicts_of_its_own(project: Project) -> None:
    more_memory(project)
    result = run(project, "--lambda-rollback-engine=canned", "--lambda-rollback-json=report.json")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["*breaks: memory: orders:1 by alias has 128 MB, orders:2 has 256 MB*"]
    )
    result.stdout.fnmatch_lines(["FAILED lambda-rollback.toml::orders::1-alias::memory*"])
    result.assert_outcomes(passed=5, failed=1)
    report = (project.path / "report.json").read_text()
    assert '"contract": "memory"' in report


@pytest.mark.usefixtures("with_plugin")
def test_a_break_of_a_plugins_contract_is_accepted_by_name_alone(project: Project) -> None:
    accept = (
        "[[functions.orders.accept]]",
        'target = "1"',
        'reason = "enough"',
        "until = 2999-01-01",
    )
    more_memory(project, *accept, 'check = "memory"')
    run(project, "--lambda-rollback-engine=canned").assert_outcomes(passed=5, xfailed=1)
    more_memory(project, *accept, 'check = "mem*"')
    assert run(project).ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.usefixtures("with_plugin")
def test_a_contract_of_a_plugin_judges_replays(project: Project) -> None:
    project.version("1", ANSWERS.replace("200,", '200, "more": "and more",'))
    project.configure(top='strategies = ["alias"]')
    result = run(project, "--lambda-rollback-engine=sandbox")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        ["breaks: create: orders:1 by alias talks too much about create", "politeness: verbose"]
    )


@pytest.mark.usefixtures("with_plugin")
def test_no_event_has_the_name_of_a_plugins_contract(project: Project) -> None:
    on_outside_engine(project)
    project.event("memory", {})
    result = run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(['*cannot be named "memory": a contract\'s check has that name*'])


@pytest.mark.usefixtures("with_plugin")
def test_versions_that_a_plugin_cannot_find_are_unknown_to_its_contract_too(
    project: Project,
) -> None:
    project.write(FROM_SHELF.replace('"versions"', '"nowhere"'))
    result = run(project, "-k", "memory")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED *::orders::versions::source - unknown: *no shelf*"])
    assert run(project, "-k", "nothing_of_it").ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.usefixtures("with_plugin")
@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "workers"])
def test_a_plugin_writes_a_report_of_its_own(project: Project, options: tuple[str, ...]) -> None:
    on_outside_engine(project)
    result = run(project, *options)
    assert result.ret == pytest.ExitCode.OK
    assert (project.path / "verdict.txt").read_text() == "safe: 1 function(s)\n"
    result.stdout.fnmatch_lines(["engine canned 7"])
    result.assert_outcomes(passed=12)


@pytest.mark.usefixtures("with_plugin")
def test_the_console_script_reads_the_version_source_of_a_plugin(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_ROLLBACK_PSEUDONYM_KEY", "k" * 32)
    project.write(FROM_SHELF)
    done = console(project, "record", "orders", "--from", "topic=placed", "--into", "new")
    assert done.returncode == 0, done.stderr
    project.write(FROM_SHELF.replace('"shelf"', '"shlef"'))
    refused = console(project, "record", "orders", "--from", "topic=placed", "--into", "new")
    assert refused.returncode == 2
    assert 'Did you mean "shelf"?' in refused.stderr


def test_without_the_plugin_its_engine_is_refused(project: Project) -> None:
    on_outside_engine(project)
    result = run(project)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            'ERROR: lambda-rollback.toml: engine is "canned", which is not an engine: engines are '
            "auto, docker, process and sandbox. Other engines need a plugin that adds them."
        ]
    )


@pytest.mark.usefixtures("with_plugin")
def test_a_plugin_is_not_loaded_where_pytest_is_told_so(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_outside_engine(project)
    assert run(project, "-p", "no:outside").ret == pytest.ExitCode.USAGE_ERROR
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    assert run(project, "-p", "pytest_lambda_rollback.plugin").ret == pytest.ExitCode.USAGE_ERROR


def test_the_console_script_knows_the_engine_of_a_plugin(
    project: Project, request: pytest.FixtureRequest
) -> None:
    on_outside_engine(project)
    refused = console(project, "sync")
    assert refused.returncode == 2
    assert '"canned", which is not an engine' in refused.stderr

    request.getfixturevalue("with_plugin")
    done = console(project, "sync")
    assert "no configuration has a function in AWS" in done.stderr


def test_record_reads_the_event_origin_of_a_plugin(
    project: Project, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_ROLLBACK_PSEUDONYM_KEY", "k" * 32)
    refused = console(project, "record", "orders", "--from", "topic=placed")
    assert refused.returncode == 2
    assert '--from is "topic=placed", which is not an event origin' in refused.stderr

    request.getfixturevalue("with_plugin")
    done = console(project, "record", "orders", "--from", "topic=placed", "--into", "new")
    assert done.returncode == 0, done.stderr
    assert "1 event from topic placed" in done.stdout
    (fixture,) = (project.path / "new").glob("*.json")
    assert '"topic": "placed"' in fixture.read_text()
    assert "ann.lee" not in fixture.read_text()


ACCEPTS = """
def handler(event, context):
    return {"accepted": True}
"""


def test_the_event_source_of_a_plugin_judges_answers(
    project: Project, request: pytest.FixtureRequest
) -> None:
    project.version("2", ACCEPTS)
    project.version("1", ACCEPTS.replace("True", "False"))
    project.event("create", {"shop": "north", "order": {"id": 1}})
    assert run(project, "--lambda-rollback-engine=sandbox").ret == pytest.ExitCode.OK

    request.getfixturevalue("with_plugin")
    result = run(project, "--lambda-rollback-engine=sandbox")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = " ".join(result.stdout.str().split())
    assert "answers the shop that an order is refused that orders:2 accepts" in text


@pytest.mark.usefixtures("with_plugin")
def test_record_names_fixtures_by_the_event_source_of_a_plugin(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMBDA_ROLLBACK_PSEUDONYM_KEY", "k" * 32)
    folder = project.path / "captured"
    folder.mkdir()
    (folder / "one.json").write_text('{"shop": "north", "order": {"id": 1}}')
    done = console(project, "record", "orders", "--from", f"folder={folder}", "--into", "new")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (project.path / "new").glob("*.json")] == ["shop-north.json"]
