"""Mistakes: one paragraph that says what to do, exit code 4, never a traceback."""

from __future__ import annotations

import zipfile

import pytest

from helpers.made_projects import Project


def usage_error(result: pytest.RunResult, *parts: str) -> None:
    text = result.stdout.str() + result.stderr.str()
    assert result.ret == pytest.ExitCode.USAGE_ERROR, text
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    for part in parts:
        assert part in text


def test_an_unknown_key_names_the_nearest_one(project: Project) -> None:
    project.configure('current = "2"', 'event = "events"')
    usage_error(project.run(), "lambda-rollback.toml", "event", "events")


def test_a_missing_code_folder(project: Project) -> None:
    project.write((project.path / "lambda-rollback.toml").read_text().replace("versions/1", "v/1"))
    usage_error(project.run(), "functions.orders.versions.1.code", "v/1")


def test_a_zip_that_is_not_a_zip(project: Project) -> None:
    (project.path / "one.zip").write_text("not a zip")
    text = (project.path / "lambda-rollback.toml").read_text()
    project.write(text.replace("versions/1", "one.zip"))
    usage_error(project.run(), "functions.orders.versions.1.code", "one.zip")


def test_an_unknown_version(project: Project) -> None:
    project.configure('current = "9"', 'events = "events"')
    usage_error(project.run(), "functions.orders.current", "9")


def test_an_unknown_runtime(project: Project) -> None:
    text = (project.path / "lambda-rollback.toml").read_text()
    project.write(text.replace('runtime = "python3', 'runtime = "pyton3'))
    usage_error(project.run(), "runtime", "pyton3")


def test_a_bad_date(project: Project) -> None:
    project.configure(
        'current = "2"',
        'events = "events"',
        '[[functions.orders.accept]]\ntarget = "1"\ncheck = "gift*"\nreason = "r"\nuntil = "soon"',
    )
    usage_error(project.run(), "until", "2027-01-31")


def test_an_acceptance_of_nothing(project: Project) -> None:
    project.configure(
        'current = "2"',
        'events = "events"',
        '[[functions.orders.accept]]\ntarget = "1"\ncheck = "gft*"\nreason = "r"\n'
        "until = 2999-01-01",
    )
    usage_error(project.run(), "gft*", "create, gift_card")


def test_broken_toml_and_a_broken_event(project: Project) -> None:
    project.event("create", "{")
    usage_error(project.run(), "create.json")
    project.write("[functions")
    usage_error(project.run("--collect-only"), "lambda-rollback.toml")


def test_several_mistakes_are_shown_at_once(project: Project) -> None:
    folder = project.path / "other"
    folder.mkdir()
    (folder / "lambda-rollback.toml").write_text("[functions.a]\n")
    project.write("[functions.b]\n")
    usage_error(project.run(), "functions.a", "functions.b")


def test_a_wrong_option_value(project: Project) -> None:
    usage_error(project.run("--lambda-rollback-workers=0"), "workers", "whole number above 0")
    usage_error(project.run("--lambda-rollback-engine=dokcer"), "dokcer")
    usage_error(project.run("--lambda-rollback-candidate=nothing=x"), "nothing")
    usage_error(project.run("--lambda-rollback-base-image=python"), "RUNTIME=IMAGE")


def test_a_report_path_that_cannot_be_written(project: Project) -> None:
    (project.path / "file").write_text("")
    usage_error(project.run("--lambda-rollback-json=file/r.json"), "file/r.json")


def test_a_candidate_takes_the_current_versions_place(project: Project) -> None:
    (project.path / "build").mkdir()
    with zipfile.ZipFile(project.path / "build" / "new.zip", "w") as package:
        entry = zipfile.ZipInfo("app.py")
        entry.external_attr = 0o100644 << 16
        package.writestr(entry, "def handler(event, context):\n    return {'new': True}\n")
    result = project.run("--lambda-rollback-candidate=build/new.zip", "-k", "2-alias and create")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*lost-key at /new*", "orders, current version candidate"])


def test_the_flag_with_nothing_to_collect_says_so(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--lambda-rollback", timeout=60)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["*no lambda-rollback.toml*nothing was checked*"])


def test_a_candidate_that_is_the_wrong_folder_blames_no_event(project: Project) -> None:
    event = {"lambda_rollback": 1, "event": {}, "expect": {"error": "KeyError"}}
    project.event("gift_card", event)
    result = project.run("--lambda-rollback-candidate=events", "--lambda-rollback-strategy=alias")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "unknown: *orders:candidate, the current version, does not start with any event: "
            "*No module named 'app'. So there is nothing to compare with. Check that its code "
            "is the right folder or zip and *",
        ]
        * 2
    )
    result.stdout.no_fnmatch_line('*Correct "expect"*')
    result.stdout.no_fnmatch_line("*Use an event*")
