"""A monorepo with several configuration files, whose functions may have the same name."""

from __future__ import annotations

import shutil

import pytest

from helpers.made_projects import RAISES_ON_GIFT_CARD, Project


@pytest.fixture
def monorepo(project: Project) -> Project:
    """``shop`` and ``office`` have a function ``orders`` each; that of ``office`` breaks."""
    (project.path / "shop").mkdir()
    for name in ("lambda-rollback.toml", "versions", "events"):
        (project.path / name).rename(project.path / "shop" / name)
    shutil.copytree(project.path / "shop", project.path / "office")
    Project(path=project.path / "shop", pytester=project.pytester).version("1")
    office = Project(path=project.path / "office", pytester=project.pytester)
    office.version("1", RAISES_ON_GIFT_CARD)
    return project


def test_functions_of_one_name_are_told_apart_by_their_files(monorepo: Project) -> None:
    result = monorepo.run("--lambda-rollback-strategy=alias")
    result.assert_outcomes(passed=9, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*_ office/lambda-rollback.toml::orders::1-alias::gift_card _*",
            "orders (office/lambda-rollback.toml), current version 2",
            "orders (office/lambda-rollback.toml) has no safe target: every one that was *",
            "orders (shop/lambda-rollback.toml), current version 2",
            "The newest safe target of orders (shop/lambda-rollback.toml) is 1, by alias.",
            "2 functions: 1 can go back to the newest target that was checked; 1 cannot: orders",
            "  (office/lambda-rollback.toml).",
        ]
    )


def test_a_file_alone_is_not_named(monorepo: Project) -> None:
    result = monorepo.run("office", "--lambda-rollback-strategy=alias")
    result.stdout.fnmatch_lines(
        ["*_ orders::1-alias::gift_card _*", "orders, current version 2", "orders has no safe *"]
    )


def test_a_candidate_that_may_be_of_either_is_refused(monorepo: Project) -> None:
    build = monorepo.path / "build"
    shutil.copytree(monorepo.path / "shop" / "versions" / "2", build)
    option = "--lambda-rollback-candidate=orders=build"
    result = monorepo.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            'ERROR: --lambda-rollback-candidate orders=build could be a build of "orders" in '
            "several files: "
            "office/lambda-rollback.toml and shop/lambda-rollback.toml declare one each. Run "
            "pytest on one of the files, as in pytest --lambda-rollback office/lambda-*",
        ]
    )
    alone = monorepo.run(option, "shop/lambda-rollback.toml")
    assert alone.ret == pytest.ExitCode.OK
    alone.stdout.fnmatch_lines(["orders, current version candidate"])


def test_a_mistake_in_a_file_above_is_no_matter_of_the_file_that_is_named(
    monorepo: Project,
) -> None:
    monorepo.write("[functions.a]\n")
    assert monorepo.run("shop").ret == pytest.ExitCode.OK
    assert monorepo.run().ret == pytest.ExitCode.USAGE_ERROR
