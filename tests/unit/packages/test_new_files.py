"""Files that are there as a whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from pytest_lambda_rollback.packages import new_files


def test_a_file_takes_the_place_of_another(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(0o644)
    new_files.write(path, b"after")
    assert path.read_bytes() == b"after"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    new_files.write(path, b"again", mode=0o644, durable=True)
    assert path.read_bytes() == b"again"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_being_written_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    with new_files.new_file(tmp_path) as (file, publish):
        file.write(b"after")
        assert path.read_text() == "before"
        publish(path)
        assert path.read_text() == "after"


def test_a_failure_leaves_the_former_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")

    def interrupted() -> None:
        with new_files.new_file(tmp_path) as (file, _):
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("theirs")
    (tmp_path / "link").symlink_to(target)
    new_files.write(tmp_path / "link", b"ours")
    assert target.read_text() == "theirs"
    assert not (tmp_path / "link").is_symlink()


def test_only_what_is_unfinished_is_removed(tmp_path: Path) -> None:
    for name in (".lock", "file", "file.tmp", ".x.tmp"):
        (tmp_path / name).write_text("")
    with new_files.new_file(tmp_path):
        unfinished = [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]
        assert len(unfinished) == 3
        new_files.remove_unfinished(tmp_path)
        assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "file", "file.tmp"]
    new_files.remove_unfinished(tmp_path / "not there")
