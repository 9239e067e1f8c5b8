"""Paths that mean something else in Lambda put the outcomes of a process in doubt."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_lambda_rollback.engines.process.doubts import doubt_of_paths, doubt_of_storage

ELSEWHERE = "which is another folder in a process of this machine"
BY_ROOT = "which root may write here and Lambda's user may not"


@pytest.fixture
def task(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("open('/tmp/state')", "/tmp"),
        ('path = f"/opt/{name}"', "/opt"),
        ("root = '/var/task'", "/var/task"),
        ("engine = create('sqlite:////tmp/x.db')", "/tmp"),
        ("run('cp a /tmp/b', shell=True)", "/tmp"),
        ("# keeps it in /tmp/state", ""),
        ("route = '/orders/opt'", ""),
        ("route = '/options'", ""),
        ("route = '/temporary/x'", ""),
        ("page = 'https://example.com/tmp/x'", ""),
        ("a = b /tmp", ""),
    ],
)
def test_string_literals_of_python_files(task: Path, text: str, path: str) -> None:
    (task / "app.py").write_text(f"import os\n{text}\n")
    expected = f"/var/task/app.py names {path}, {ELSEWHERE}" if path else ""
    assert doubt_of_paths([(task, "/var/task")], (), as_root=False) == expected


def test_configuration_files_layers_and_variables(task: Path) -> None:
    (task / "deep").mkdir()
    (task / "deep" / "conf.yaml").write_text("folder: /opt/models\n")
    assert doubt_of_paths([(task, "/opt")], (), as_root=False) == (
        f"/opt/deep/conf.yaml names /opt, {ELSEWHERE}"
    )
    variables = (("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrapper"),)
    assert doubt_of_paths([], variables, as_root=False) == (
        f"its variable AWS_LAMBDA_EXEC_WRAPPER names /opt, {ELSEWHERE}"
    )


def test_what_root_may_write(task: Path) -> None:
    (task / "app.py").write_text("open('/etc/orders.conf', 'w')")
    trees = [(task, "/var/task")]
    assert doubt_of_paths(trees, (), as_root=True) == f"/var/task/app.py names /etc, {BY_ROOT}"
    assert doubt_of_paths(trees, (), as_root=False) == ""


def test_metadata_of_packages_is_not_looked_at(task: Path) -> None:
    (task / "one-1.0.dist-info").mkdir()
    (task / "one-1.0.dist-info" / "top_level.txt").write_text("/opt/x")
    (task / "README.md").write_text("Unpack it in /opt/x.")
    assert doubt_of_paths([(task, "/var/task")], (), as_root=False) == ""


def test_more_temporary_files_than_lambda_has_room_for(tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(513 << 20)
    assert doubt_of_storage(tmp_path, 513) == ""
    assert doubt_of_storage(tmp_path, 512) == (
        "it keeps 513 MB of temporary files, more than Lambda's 512 MB"
    )
