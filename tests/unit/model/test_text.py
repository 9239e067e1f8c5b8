"""Counts, control characters and JSON Pointers in texts."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.model.json_values import pointer, pointer_tokens
from pytest_lambda_rollback.model.text import counted, printable


@pytest.mark.parametrize(
    ("number", "noun", "plural", "text"),
    [
        (0, "event", "", "0 events"),
        (1, "event", "", "1 event"),
        (1200, "event", "", "1,200 events"),
        (1, "entry", "entries", "1 entry"),
        (2, "entry", "entries", "2 entries"),
    ],
)
def test_counts_read_as_people_say_them(number: int, noun: str, plural: str, text: str) -> None:
    assert counted(number, noun, plural) == text


@pytest.mark.parametrize(
    ("keep", "text"),
    [
        ("\n\t", "a\nb\tc\\x1b[31m\\ud800"),
        ("\t", "a\\nb\tc\\x1b[31m\\ud800"),
        ("", "a\\nb\\tc\\x1b[31m\\ud800"),
    ],
)
def test_control_characters_are_escaped_but_for_those_that_are_kept(keep: str, text: str) -> None:
    assert printable("a\nb\tc\x1b[31m\ud800", keep=keep) == text


@pytest.mark.parametrize(
    ("tokens", "text"),
    [((), ""), (("",), "/"), (("a/b", "m~n", "0"), "/a~1b/m~0n/0"), (("~1",), "/~01")],
)
def test_json_pointers_escape_as_rfc_6901_says(tokens: tuple[str, ...], text: str) -> None:
    assert (pointer(tokens), pointer_tokens(text)) == (text, tokens)
