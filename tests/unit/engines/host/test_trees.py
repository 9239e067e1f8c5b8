"""Trees of code and layers are removed, whoever else removes them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_lambda_rollback.engines.host.trees import remove


def test_a_tree_that_is_read_only_is_removed(tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "file").write_text("text")
    (tmp_path / "tree" / "sub").chmod(0o500)
    remove(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_a_folder_may_vanish_while_its_tree_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / "tree" / name).mkdir(parents=True)
    walk = os.walk

    def racing(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for root, folders, files in walk(folder):
            if Path(root) != folder:
                Path(root).rmdir()  # another thread was here first
            yield root, folders, files

    monkeypatch.setattr(os, "walk", racing)
    remove(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
