"""Which configuration files are read before pytest enters a folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_lambda_rollback.pytest_run.collection import IgnoredFolders

FILES = (".", "services/a", "services/b", "services/a/deep", "build/x", "env/site", ".aws-sam/y")


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        (["."], ["", "services/a", "services/a/deep", "services/b"]),
        (["services/b"], ["services/b", ""]),
        (["services/a::x", "services/b"], ["services/a", "", "services/b", "services/a/deep"]),
        (["services/a/deep/test_it.py", "services/b"], ["services/b", ""]),
        (["services/a/deep/test_it.py"], []),
    ],
)
def test_files_above_and_below_the_folders_that_are_given(
    tmp_path: Path, arguments: list[str], read: list[str]
) -> None:
    for name in FILES:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lambda-rollback.toml").write_text("")
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    asked: list[Path] = []
    config: Any = SimpleNamespace(
        args=arguments,
        invocation_params=SimpleNamespace(dir=tmp_path),
        getini=lambda _name: ["build", ".*"],
        getoption=lambda _name: None,
    )
    ignored = IgnoredFolders(config, lambda path: asked.append(path), tmp_path / "cache")
    assert tmp_path / "cache" in ignored
    assert tmp_path / "services" not in ignored
    assert {path.parent for path in asked} == {tmp_path / name for name in read}


def test_a_folder_that_pytest_ignores_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "big" / "lambda-rollback.toml").write_text("")
    asked: list[Path] = []
    config: Any = SimpleNamespace(
        args=["."],
        invocation_params=SimpleNamespace(dir=tmp_path),
        getini=lambda _name: [],
        getoption=lambda _name: ["big"],
    )
    assert tmp_path not in IgnoredFolders(config, lambda path: asked.append(path))
    assert asked == []
