"""A run that was asked for checks and collected no configuration is no success."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from helpers.made_projects import Project

TABLE = '[tool.pytest.ini_options]\ntestpaths = ["tests"]\n'
NOTHING = "lambda-rollback: no lambda-rollback.toml and no * table was collected: nothing was*"


@pytest.fixture
def tests_apart(project: Project) -> Project:
    """The project with ordinary tests in a folder of their own, as ``testpaths`` says."""
    (project.path / "tests").mkdir()
    (project.path / "tests" / "test_ordinary.py").write_text("def test_it(): pass\n")
    (project.path / "pyproject.toml").write_text(TABLE)
    return project


def into_subfolder(project: Project) -> None:
    (project.path / "service").mkdir()
    for name in ("lambda-rollback.toml", "versions", "events"):
        (project.path / name).rename(project.path / "service" / name)


def test_testpaths_leave_out_no_configuration_at_the_root(tests_apart: Project) -> None:
    result = tests_apart.run("--lambda-rollback-json=r.json", "-q")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=9, failed=2)
    assert json.loads((tests_apart.path / "r.json").read_text())["verdict"] == "breaks"


def test_testpaths_leave_out_no_table_of_a_pyproject(tests_apart: Project) -> None:
    file = tests_apart.path / "lambda-rollback.toml"
    text = file.read_text().replace("[functions", "[tool.lambda-rollback.functions")
    file.unlink()
    (tests_apart.path / "pyproject.toml").write_text(TABLE + text)
    tests_apart.run("-q").assert_outcomes(passed=9, failed=2)


def test_testpaths_that_hold_the_configuration_collect_it_once(tests_apart: Project) -> None:
    table = TABLE.replace('"tests"', '".", "tests"')
    (tests_apart.path / "pyproject.toml").write_text(table)
    tests_apart.run("-q").assert_outcomes(passed=9, failed=2)


def test_testpaths_in_a_distributed_run(tests_apart: Project) -> None:
    tests_apart.run("-q", "-n1").assert_outcomes(passed=9, failed=2)


@pytest.mark.parametrize("more", [(), ("-n1",)], ids=["one process", "distributed"])
def test_naming_tests_alone_fails_and_says_what_to_name(
    tests_apart: Project, more: tuple[str, ...]
) -> None:
    result = tests_apart.run("tests", *more)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [f"{NOTHING}Name the file, as in `pytest --lambda-rollback lambda-rollback.toml`*"]
    )


@pytest.mark.parametrize("more", [(), ("-n1",)], ids=["one process", "distributed"])
def test_a_configuration_beside_testpaths_is_missed_aloud(
    tests_apart: Project, more: tuple[str, ...]
) -> None:
    into_subfolder(tests_apart)
    result = tests_apart.run(*more)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([NOTHING])


def test_listing_tests_is_no_failure(tests_apart: Project) -> None:
    assert tests_apart.run("tests", "--collect-only").ret == pytest.ExitCode.OK


def test_a_switch_in_addopts_lets_named_tests_run_alone(tests_apart: Project) -> None:
    options = 'addopts = ["--lambda-rollback", "--lambda-rollback-engine=sandbox"]\n'
    (tests_apart.path / "pyproject.toml").write_text(TABLE + options)
    named = tests_apart.run("tests/test_ordinary.py", on=False)
    assert named.ret == pytest.ExitCode.OK
    named.stdout.fnmatch_lines([NOTHING])
    assert tests_apart.run("tests", "--lambda-rollback", on=False).ret == 1
    tests_apart.run(on=False).assert_outcomes(passed=9, failed=2)
    into_subfolder(tests_apart)
    assert tests_apart.run(on=False).ret == pytest.ExitCode.TESTS_FAILED


def test_an_option_without_the_switch_is_refused(tests_apart: Project) -> None:
    result = tests_apart.run("--lambda-rollback-candidate=foo=bar", "-q", on=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --lambda-rollback-candidate was given without --lambda-rollback, so nothing *"]
    )


def test_options_in_addopts_wait_for_the_switch(tests_apart: Project) -> None:
    options = 'addopts = ["--lambda-rollback-engine=sandbox"]\n'
    (tests_apart.path / "pyproject.toml").write_text(TABLE + options)
    result = tests_apart.run(on=False)
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*lambda-rollback:*")


def test_the_switch_in_the_environment_lets_named_tests_run_alone(
    tests_apart: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--lambda-rollback --lambda-rollback-engine=sandbox")
    assert tests_apart.run("tests/test_ordinary.py", on=False).ret == pytest.ExitCode.OK


def test_last_failed_tests_may_be_none_of_the_checks(tests_apart: Project) -> None:
    ordinary = tests_apart.path / "tests" / "test_ordinary.py"
    ordinary.write_text("def test_it():\n    assert False\n")
    run = tests_apart.pytester.runpytest_subprocess
    options = ("--lambda-rollback", "--lambda-rollback-engine=sandbox")
    first = run(*options, "-k", "test_it or 1-alias and dependencies", timeout=120)
    first.assert_outcomes(passed=1, failed=1, deselected=9)
    ordinary.write_text("def test_it():\n    assert True\n")
    again = run(*options, "--lf", timeout=120)
    assert again.ret == pytest.ExitCode.OK
    again.assert_outcomes(passed=1)
    again.stdout.no_fnmatch_line(NOTHING)


def test_paths_may_be_objects(tests_apart: Project) -> None:
    code = (
        "import pathlib, pytest, sys\n"
        "sys.exit(pytest.main([pathlib.Path('tests/test_ordinary.py'), '-q']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tests_apart.path, check=False)
    assert done.returncode == 0
