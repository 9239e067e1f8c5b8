"""Texts with percent-encoded characters: what is found in them is replaced, and nothing else."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus, unquote

import pytest

from pytest_lambda_rollback.redaction.checking import check
from pytest_lambda_rollback.redaction.documents import decode_fully, decoded_levels
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules

RULES = RedactionRules()
MAIL = r"[a-z]{2}@\w+\.example\.net"
ESCAPED = MAIL.replace("@", "%40")
END = "-----END P.*-----"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQ/IBADANBg\nBKcw+ggS\n-----END PRIVATE KEY-----\n"


def redacted(event: object) -> Any:
    return Redactor(RULES, b"k" * 32).redact(event)[0]


def leaks(tmp_path: Path, event: object) -> int:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    return len(check([path], RULES))


@pytest.mark.parametrize(
    ("key", "text", "expected"),
    [
        ("m", "<r><a>me@contoso.de</a><u>a%20b</u></r>", rf"<r><a>{MAIL}</a><u>a%20b</u></r>"),
        ("m", 'GET /a%20b HTTP/1.1" me@contoso.de [x]', rf'GET /a%20b HTTP/1\.1" {MAIL} \[x\]'),
        ("m", "id,mail,off\n1,me@contoso.de,20%25\n", rf"id,mail,off\n1,{MAIL},20%25\n"),
        ("rawPath", "/files/a%2Fb/me%40contoso.de", rf"/files/a%2Fb/{ESCAPED}"),
        ("m", "https://h.test/a%2fb/me@contoso.de/c%2F", rf"https://h\.test/a%2fb/{MAIL}/c%2F"),
        ("m", "<i> a%2540b me%2540contoso.de", rf"<i> a%2540b {MAIL.replace('@', '%2540')}"),
        ("m", "x%20me@contoso.de%20%C3%BC%FF", rf"x%20{MAIL}%20%C3%BC%FF"),
        ("m", "%FF%E4me%40contoso.de", rf"%FF%E4{ESCAPED}"),
        (
            "m",
            "10%25 done " + PEM,
            rf"10%25 done {PEM[:27]}\n\w{{6}}/\w{{8}}\n\w{{4}}\+\w{{3}}\n{END}\n",
        ),
        (
            "m",
            quote(PEM),
            rf"{quote(PEM[:27])}%0A\w{{6}}/\w{{8}}%0A\w{{4}}%2B\w{{3}}%0A{quote(END, '.*')}%0A",
        ),
        (
            "m",
            quote_plus(PEM),
            r"-----BEGIN\+PRIVATE\+KEY-----%0A\w{6}%2F\w{8}%0A\w{4}%2B\w{3}%0A-----END\+P.*%0A",
        ),
        ("m", "call?to=%2B4915123456789 a%2Fb", r"call\?to=%2B49\d{11} a%2Fb"),
        ("m", "pwd=abc%20cd12%26e; a=1%25", r"pwd=[a-z]{3}%20[a-z]{2}\d\d%26[a-z]; a=1%25"),
        ("address", "Am Markt 5%2F7, Berlin", r"[A-Z][a-z] [A-Z][a-z]{4} \d%2F\d, [A-Z][a-z]{5}"),
    ],
)
def test_what_has_no_value_stays_as_it_came(
    tmp_path: Path, key: str, text: str, expected: str
) -> None:
    event = {key: text}
    assert leaks(tmp_path, event)
    after = redacted(event)
    assert re.fullmatch(expected, after[key]), after[key]
    assert leaks(tmp_path, after) == 0
    assert "me@" not in unquote(unquote(after[key]))


def test_a_known_value_is_found_again_behind_escapes() -> None:
    after = redacted({"token": "Hunter/2Q9xyz", "m": "a%2Fb Hunter%2F2Q9xyz <i> Hunter%252F2Q9xyz"})
    once = after["token"].replace("/", "%2F")
    assert after["m"] == f"a%2Fb {once} <i> {once.replace('%', '%25')}"


@pytest.mark.parametrize(
    "text", ["a", "%41", "a%2Fb%", "%C3%BCx%FF%40", "%25252Fx", "%E4%B8%AD%2541%F0%9F%98%80."]
)
def test_places_are_those_of_the_text_as_it_came(text: str) -> None:
    for level in decoded_levels(text):
        assert level.place(0) == 0
        assert level.place(len(level.text)) == len(text)
        for at, char in enumerate(level.text):
            part = text[level.place(at) : level.place(at + 1)]
            assert char in ("\ufffd", *(each.text for each in decoded_levels(part)), part)


def test_escapes_within_escapes_end() -> None:
    start = time.monotonic()
    with pytest.raises(RecursionError):
        decode_fully("%" + "25" * 100_000)
    assert time.monotonic() - start < 5
