"""Values in files of a cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_lambda_rollback.model.packages import NodePackage
from pytest_lambda_rollback.packages import cached_values

VALUE = NodePackage(name="left", version="1.0", path="nodejs/node_modules/left")


def test_a_value_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "entry"
    cached_values.save(VALUE, path)

    assert cached_values.load(NodePackage, path) == VALUE
    assert [each.name for each in path.parent.iterdir()] == ["entry"]


@pytest.mark.parametrize("content", [b"", b"\xc0", b"\x80", b"\x81\xa1\xff\xc0", b"{}"])
def test_a_damaged_file_is_no_value(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "entry"
    path.write_bytes(content)

    assert cached_values.load(NodePackage, path) is None
    assert cached_values.load(NodePackage, tmp_path / "missing") is None


def test_another_type_is_no_value(tmp_path: Path) -> None:
    path = tmp_path / "entry"
    cached_values.save(["left"], path)

    assert cached_values.load(NodePackage, path) is None


def test_a_folder_that_cannot_be_written_raises_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cached_values.save(VALUE, tmp_path / "file" / "entry")

    assert cached_values.load(NodePackage, tmp_path / "file" / "entry") is None


def test_equal_sets_have_the_same_bytes() -> None:
    names = [f"name{number}" for number in range(50)]

    assert cached_values.encoded(frozenset(names)) == cached_values.encoded(
        frozenset(reversed(names))
    )
