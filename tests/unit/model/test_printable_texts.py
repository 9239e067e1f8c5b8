"""Texts that come from files which others made: a terminal must not obey what is in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_lambda_rollback import cli
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.text import printable

CLEAR = "\x1b[2J\x1b[1;1H"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, ünï\nand\tmore", "plain, ünï\nand\tmore"),
        (f"a{CLEAR}b", "a\\x1b[2J\\x1b[1;1Hb"),
        ("a\rsafe", "a\\rsafe"),
        ("title\x1b]0;x\x07", "title\\x1b]0;x\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("file\u202egnp.exe", "file\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_are_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).encode()


def test_errors_show_none() -> None:
    error = SourceError(f"what{CLEAR}", why=f"why{CLEAR}", do=f"do{CLEAR}")
    assert "\x1b" not in str(error)


def test_leaks_in_a_fixture_steer_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"event{CLEAR}.json"
    (tmp_path / name).write_text(json.dumps({f"key{CLEAR}": {"password": "hunter2-Tr0ub4dor"}}))
    assert cli.main(["record", "--check", name]) == 1
    shown = capsys.readouterr()
    assert "LEAK" in shown.out
    assert "\x1b" not in shown.out + shown.err


def test_an_event_whose_name_steers_a_terminal_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / f"a{CLEAR}.json").write_text("{}")
    (tmp_path / "lambda-rollback.toml").write_text(
        '[functions.orders]\nevents = "events"\ncurrent = "1"\n'
        '[functions.orders.versions.1]\ncode = "events"\nhandler = "a.b"\nruntime = "python3.11"\n'
    )
    assert cli.main(["record", "orders", "--from", "folder=none"]) == 2
    shown = capsys.readouterr().err
    assert "it has control characters" in shown
    assert "\x1b" not in shown
