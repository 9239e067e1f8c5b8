"""The imports contract against really importing names: a small pair of releases."""

from __future__ import annotations

from pathlib import Path

from tools.import_differential import Score, compared

OLD = """
import enum


class Client:
    def send(self): ...
    def close(self): ...


class Colour(enum.Enum):
    RED = 1


def old(): ...


def kept(): ...
"""
NEW = """
class Base:
    def close(self): ...


class Client(Base): ...


class Colour:
    BLUE = 1


for name in ("kept", "more"):
    globals()[name] = print
"""


def test_what_really_breaks_is_found_and_nothing_else(tmp_path: Path) -> None:
    for folder, source in (("old", OLD), ("new", NEW)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "acme.py").write_text(source, encoding="utf-8")
    (tmp_path / "bench").mkdir()

    score = compared("acme", tmp_path / "old", tmp_path / "new", tmp_path / "bench")

    assert score == Score(references=7, breaking=3, found=3, noted=0, missed=(), false=())
