"""What must not get out of a run against AWS, and what files made by others must not do."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from helpers.account_content import Version, client_of, publish_function, zip_of
from helpers.aws_emulator.server import AwsServer
from helpers.aws_projects import Project
from pytest_lambda_rollback.aws.clients import Account

SECRET = "planted-environment-value-4711"
FAILS = """
def handler(event, context):
    raise ValueError("no")
"""
ANSWERS = """
def handler(event, context):
    return {"ok": True}
"""


@pytest.fixture
def project(tmp_path: Path, aws_environment: AwsServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    folder.mkdir()
    versions = [
        Version(code=zip_of({"app.py": code}), environment={"KEY": SECRET})
        for code in (FAILS, ANSWERS)
    ]
    publish_function(client_of(aws_environment), "orders", versions)
    project = Project(path=folder, server=aws_environment)
    project.event("orders", "any", {})
    project.configure(
        '[functions.orders]\naws = { function_name = "orders", environment = "fetch" }\n'
    )
    return project


def assert_nothing_leaks(text: str) -> None:
    assert SECRET not in text
    assert "X-Amz-" not in text
    assert "a-secret-of-the-tests" not in text


def test_logs_at_debug_show_neither_locations_nor_values(project: Project) -> None:
    run = project.pytest(
        "--log-level=DEBUG",
        "--log-file=all.log",
        "--log-file-level=DEBUG",
        "--junitxml=junit.xml",
        "-ojunit_logging=all",
        "-vv",
        "--showlocals",
        "--tb=long",
    )
    assert run.code == 1, run.text
    run.shows("breaks: any")
    for name in ("all.log", "junit.xml"):
        assert_nothing_leaks((project.path / name).read_text())
    assert_nothing_leaks(run.text)


def test_the_users_own_calls_are_logged_as_ever(
    aws_environment: AwsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    Account(region=None, profile=None, role_arn=None).client("lambda").list_functions()
    ours = [
        r.name for r in caplog.records if r.name in ("botocore.parsers", "urllib3.connectionpool")
    ]
    client_of(aws_environment).list_functions()
    users = {record.name for record in caplog.records}
    assert ours == []
    assert {"botocore.parsers", "urllib3.connectionpool"} <= users


@pytest.mark.parametrize(
    ("place", "in_words"),
    [
        ("sources.published_packages.with_placeholders", "a mistake of ours"),
        ("aws.locations._check_status", "a mistake of ours"),
        ("config.function_settings.declared_of", "a mistake of ours"),
    ],
)
def test_a_mistake_of_ours_shows_no_variables(project: Project, place: str, in_words: str) -> None:
    # What pytest prints of an exception that nobody expected: with --showlocals all variables.
    module, _, name = f"pytest_lambda_rollback.{place}".rpartition(".")
    project.configure(
        '[functions.orders]\naws = { function_name = "orders", environment = "fetch" }\n'
        f'environment = {{ KEY = "{SECRET}" }}\n'
    )
    (project.path / "conftest.py").write_text(
        f"import {module} as broken\n"
        "def mistake(*arguments, **named):\n"
        f"    raise RuntimeError({in_words!r})\n"
        f"broken.{name} = mistake\n"
    )
    run = project.pytest("--showlocals", "--tb=long", "-vv", "--junitxml=junit.xml")
    assert run.code != 0
    run.shows(in_words)
    assert_nothing_leaks(run.text)
    if (project.path / "junit.xml").exists():
        assert_nothing_leaks((project.path / "junit.xml").read_text())


def test_a_run_puts_nothing_into_a_bucket_that_the_configuration_names(project: Project) -> None:
    # Whoever may change the configuration may name a bucket. Only `sync` ever writes to it.
    s3 = client_of(project.server, "s3")
    s3.create_bucket(
        Bucket="not-ours", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    project.configure('store = { s3 = "s3://not-ours/here" }\n[functions.orders]\naws = "orders"\n')
    assert project.pytest().code == 1
    assert s3.list_objects_v2(Bucket="not-ours")["KeyCount"] == 0
    # That is what tells a run from a sync.
    assert project.console("sync").code == 0
    assert s3.list_objects_v2(Bucket="not-ours")["KeyCount"] == 2


def test_the_archive_is_readable_by_its_owner_alone(project: Project) -> None:
    assert project.pytest().code == 1
    objects = project.path / ".lambda-rollback" / "objects"
    files = [path for path in objects.rglob("*") if path.is_file()]
    assert files
    assert {path.stat().st_mode & 0o077 for path in (objects, *files)} == {0}


def test_an_object_with_other_content_is_never_run(project: Project) -> None:
    project.pytest()
    for path in (project.path / ".lambda-rollback" / "objects").rglob("*.zip"):
        content = zip_of({"app.py": 'raise SystemExit("planted")\n'})
        path.chmod(0o600)
        path.write_bytes(content)
    run = project.pytest("--lambda-rollback-offline")
    assert run.code == 1
    run.shows("is damaged in the archive")
    assert "planted\n" not in run.text
