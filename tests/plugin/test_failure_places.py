"""Failures in pytest's own words: one line, a file and a line, an assertion that does not hold."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from helpers.made_projects import Project

CONFTEST = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        assert call.excinfo.errisinstance(AssertionError)
    return report

def pytest_runtest_logreport(report):
    if report.failed:
        crash = report.longrepr.reprcrash
        with open("crashes", "a") as file:
            print(crash.path, crash.lineno, crash.message, *report.location, sep="|", file=file)
"""
ONE = ("--lambda-rollback-strategy=alias", "-k", "create or gift_card")
SHORT = "breaks: KeyError: 'sku' where orders:2 answers"


def line_of(project: Project, start: str) -> int:
    lines = (project.path / "lambda-rollback.toml").read_text().splitlines()
    return next(n for n, line in enumerate(lines, 1) if line.startswith(start))


@pytest.mark.parametrize("more", [(), ("-n1",)], ids=["one process", "distributed"])
def test_one_line_for_each_failure(project: Project, more: tuple[str, ...]) -> None:
    result = project.run("--tb=line", *ONE, *more)
    event = project.path / "events" / "gift_card.json"
    line = f"{event}:1: breaks: gift_card: orders:1 by alias raises KeyError: 'sku' where *"
    result.stdout.fnmatch_lines([line, "FAILED *::gift_card - breaks: KeyError*"])
    result.stdout.no_fnmatch_line("*stack trace*")
    result.stdout.no_fnmatch_line("*namespace*")


def test_no_text_of_failures_and_the_short_summary(project: Project) -> None:
    result = project.run("--tb=no", "-rf", *ONE)
    result.stdout.fnmatch_lines([f"FAILED *::gift_card - {SHORT}", "orders has no safe target*"])
    result.stdout.no_fnmatch_line("*stack trace*")


@pytest.mark.parametrize("more", [(), ("-n1",)], ids=["one process", "distributed"])
def test_a_break_is_an_assertion_about_its_event(project: Project, more: tuple[str, ...]) -> None:
    project.pytester.makeconftest(CONFTEST)
    result = project.run("--junitxml=j.xml", "--tb=short", *ONE, *more)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["breaks: gift_card: orders:1 *", "Repeat just this check with:"])
    crashes = (project.path / "crashes").read_text().splitlines()
    event = project.path / "events" / "gift_card.json"
    table = line_of(project, "[functions.orders]")
    place = f"lambda-rollback.toml|{table - 1}|orders::1-alias::gift_card"
    assert set(crashes) == {f"{event}|1|{SHORT}|{place}"}
    suite = ET.parse(project.path / "j.xml").getroot()[0]
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    (failure,) = suite.iter("failure")
    assert failure.get("message") == SHORT
    assert not list(suite.iter("property"))


def test_a_static_finding_is_at_its_versions_table(project: Project) -> None:
    project.configure('current = "2"', 'events = "events"', 'requires = ["acme-shared>=2"]')
    for number in ("1", "2"):
        info = project.path / "versions" / number / f"acme_shared-{number}.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: acme-shared\nVersion: {number}.0\n"
        )
    result = project.run("--tb=line", "-k", "dependencies and alias")
    table = line_of(project, "[functions.orders.versions.1]")
    file = project.path / "lambda-rollback.toml"
    result.stdout.fnmatch_lines([f"{file}:{table}: breaks: dependencies: *acme-shared*"])


def test_a_stale_acceptance_is_at_its_table(project: Project) -> None:
    project.version("1")
    project.configure(
        'current = "2"',
        'events = "events"',
        '[[functions.orders.accept]]\ntarget = "1"\ncheck = "create"\nreason = "r"\n'
        "until = 2999-01-31",
        '[[functions.orders.accept]]\ntarget = "1"\ncheck = "gift_card"\nreason = "r"\n'
        "until = 2020-01-31",
    )
    result = project.run("--tb=line", *ONE)
    table = line_of(project, "[[functions.orders.accept]]")
    file = project.path / "lambda-rollback.toml"
    result.stdout.fnmatch_lines([f"{file}:{table}: stale acceptance: orders:1 by alias is safe *"])


def test_what_is_unknown_is_at_the_configuration(project: Project) -> None:
    project.version("2", "def handler(event, context):\n    raise ValueError('no')\n")
    text = (project.path / "lambda-rollback.toml").read_text()
    file = project.path / "lambda-rollback.toml"
    table = line_of(project, "[functions.orders.versions.1]")
    result = project.run("--tb=line", "-k", "create and alias")
    result.stdout.fnmatch_lines([f"{file}:{table}: unknown: orders:1 by alias on create: *"])
    project.write('unknown = "skip"\n' + text)
    result = project.run("-rs", "-k", "create and alias")
    table = line_of(project, "[functions.orders]")
    result.stdout.fnmatch_lines([f"SKIPPED [[]1] lambda-rollback.toml:{table}: unknown: *"])
