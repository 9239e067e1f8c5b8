"""A function that could not be found out fails the run, whatever checks are selected."""

from __future__ import annotations

import pytest

from helpers.made_projects import Project

UNKNOWN = "lambda-rollback.toml::gone::versions::aws"
LEFT_OUT = "lambda-rollback: gone was not checked: *"


@pytest.fixture
def with_gone(project: Project) -> Project:
    """Beside ``orders``, whose versions are safe, a function that the archive does not have."""
    project.version("1")
    add_gone(project)
    return project


def add_gone(project: Project, top: str = "") -> None:
    project.configure('current = "2"', 'events = "events"', top=top)
    file = project.path / "lambda-rollback.toml"
    project.write(file.read_text() + '\n[functions.gone]\naws = "gone"\n')


def run(project: Project, *arguments: str) -> pytest.RunResult:
    return project.run("--lambda-rollback-offline", *arguments)


@pytest.mark.parametrize(
    ("selected", "passed"),
    [
        (("-k", "alias"), 5),
        (("-k", "1-alias"), 5),
        (("-k", "3-alias or create"), 2),
        (("-k", "not redeploy"), 5),
        (("-k", "lambda_rollback and alias", "-m", "lambda_rollback"), 5),
        (("-m", "lambda_rollback"), 10),
        (("-k", "gone or create"), 2),
    ],
)
def test_a_selection_of_checks_does_not_leave_it_out(
    with_gone: Project, selected: tuple[str, ...], passed: int
) -> None:
    result = run(with_gone, *selected)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=passed, failed=1, deselected=10 - passed)
    result.stdout.fnmatch_lines([f"FAILED {UNKNOWN} - unknown: *gone*"])
    result.stdout.no_fnmatch_line(LEFT_OUT)


@pytest.mark.parametrize("selected", ["orders", "orders and alias", "test_login"])
def test_selecting_something_else_by_name_leaves_it_out_and_says_so(
    with_gone: Project, selected: str
) -> None:
    with_gone.pytester.makepyfile(test_login="def test_login(): pass")
    result = run(with_gone, "-k", selected)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([LEFT_OUT])


def test_leaving_it_out_by_name_is_heeded(with_gone: Project) -> None:
    for arguments in (("-k", "alias and not gone"), ("-k", "alias", "--deselect", UNKNOWN)):
        result = run(with_gone, *arguments)
        assert result.ret == pytest.ExitCode.OK
        result.assert_outcomes(passed=5, deselected=6)


def test_nothing_known_at_all_is_no_empty_selection(with_gone: Project) -> None:
    with_gone.write('[functions.gone]\naws = "gone"\n')
    with_gone.pytester.makepyfile(test_alias="def test_alias(): pass")
    result = run(with_gone, "-k", "alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=1, failed=1)


def test_a_function_without_targets_is_not_left_out_either(project: Project) -> None:
    project.configure('current = "1"', 'events = "events"', versions=("1",))
    result = project.run("-k", "alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["unknown: orders has no rollback target*"])


def test_the_configuration_may_take_it_upon_itself(with_gone: Project) -> None:
    add_gone(with_gone, top='unknown = "skip"')
    result = run(with_gone, "-k", "alias")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=5, skipped=1, deselected=5)


def test_a_distributed_run_does_not_leave_it_out(with_gone: Project) -> None:
    result = run(with_gone, "-k", "alias", "-n1")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=5, failed=1)


def test_the_command_that_repeats_it_holds_when_it_is_known_again(with_gone: Project) -> None:
    command = "  pytest * lambda-rollback.toml::gone"
    run(with_gone).stdout.fnmatch_lines(["Repeat just this check with:", command])
    run(with_gone, "lambda-rollback.toml::gone").assert_outcomes(failed=1)


@pytest.mark.parametrize("asked", ["3-alias::create", "3-alias", "versions::aws"])
def test_asking_for_a_check_by_id_tells_why_it_is_not_known(with_gone: Project, asked: str) -> None:
    result = run(with_gone, f"lambda-rollback.toml::gone::{asked}")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["unknown: *gone*", f"FAILED lambda-rollback.toml::gone::{asked}* - unknown: *"]
    )
