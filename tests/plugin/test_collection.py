from __future__ import annotations

import pytest

from helpers.made_projects import Project

NAMES = ("dependencies", "imports", "platform", "create", "gift_card")
IDS = [
    f"lambda-rollback.toml::orders::1-{strategy}::{name}"
    for strategy in ("alias", "redeploy")
    for name in NAMES
]


def collected(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if "::" in line]


def test_ids_are_file_function_target_event(project: Project) -> None:
    result = project.run("--collect-only", "-q")
    assert result.ret == pytest.ExitCode.OK
    assert collected(result) == IDS


def test_a_listing_names_what_there_is(project: Project) -> None:
    project.run("--collect-only", "-k", "gift_card and alias").stdout.fnmatch_lines(
        [
            "*<ConfigFile lambda-rollback.toml>",
            "*<LambdaFunction orders>",
            "*<RollbackTarget 1-alias>",
            "*<RollbackCheck gift_card>",
        ]
    )


def test_without_the_flag_nothing_is_collected(project: Project) -> None:
    assert project.run("--collect-only", "-q", on=False).ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_collection_starts_nothing(project: Project) -> None:
    project.version("1", "raise SystemExit('imported at collection')")
    project.pytester.makeconftest(
        """
        def pytest_lambda_rollback_make_engine(config, settings, progress):
            raise RuntimeError("an engine was made at collection")
        """
    )
    result = project.run("--collect-only", "-q")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*was made at collection*")


def test_selection_by_keyword_marker_and_id(project: Project) -> None:
    project.pytester.makepyfile(test_ordinary="def test_it(): pass")
    assert collected(project.run("--co", "-q", "-k", "gift_card and alias")) == [IDS[4]]
    assert collected(project.run("--co", "-q", "-m", "lambda_rollback")) == IDS
    assert collected(project.run("--co", "-q", "-m", "not lambda_rollback")) == [
        "test_ordinary.py::test_it"
    ]
    assert collected(project.run("--co", "-q", IDS[5])) == [IDS[5]]


def test_a_pyproject_table_is_collected_like_a_file(project: Project) -> None:
    text = (project.path / "lambda-rollback.toml").read_text()
    (project.path / "lambda-rollback.toml").unlink()
    text = text.replace("[functions", "[tool.lambda-rollback.functions")
    project.pytester.makepyprojecttoml(text)
    assert collected(project.run("--co", "-q")) == [
        each.replace("lambda-rollback.toml", "pyproject.toml") for each in IDS
    ]


def test_a_monorepo_may_hold_several_files(project: Project) -> None:
    for name in ("billing", "shipping"):
        folder = project.path / name
        folder.mkdir()
        for part in ("versions", "events", "lambda-rollback.toml"):
            source = project.path / part
            if source.is_dir():
                (folder / part).symlink_to(source)
            else:
                (folder / part).write_text(source.read_text())
    (project.path / "lambda-rollback.toml").unlink()
    found = collected(project.run("--co", "-q"))
    assert found == [f"{name}/{each}" for name in ("billing", "shipping") for each in IDS]


def test_test_files_inside_code_and_layers_are_not_collected(project: Project) -> None:
    (project.path / "versions" / "1" / "test_vendored.py").write_text("def test_it(): assert 0")
    assert collected(project.run("--co", "-q")) == IDS
    (project.path / "test_own.py").write_text("def test_it(): pass")
    assert "test_own.py::test_it" in collected(project.run("--co", "-q"))


def test_last_and_strategy_options(project: Project) -> None:
    project.version("3")
    project.configure('current = "3"', 'events = "events"', versions=("3", "2", "1"))
    arguments = ("--lambda-rollback-last=1", "--lambda-rollback-strategy=alias")
    assert collected(project.run("--co", "-q", *arguments)) == [
        f"lambda-rollback.toml::orders::2-alias::{name}" for name in NAMES
    ]
