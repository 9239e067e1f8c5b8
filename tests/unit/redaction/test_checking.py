"""Fixtures that exist are checked for what nobody took out."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.redaction.checking import check
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules

RULES = RedactionRules()
EVENT = {
    "headers": {"Authorization": "Bearer abcdef123456789", "Cookie": "sid=abcdef12345"},
    "body": json.dumps({"email": "ann@shop.com", "password": "hunter22", "card": 4242424242424242}),
    "phone": "+49 171 1234567",
}


def test_leaks_are_named_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "bare.json").write_text(json.dumps(EVENT))
    leaks = check([tmp_path], RULES)
    assert {(leak.pointer, leak.detector) for leak in leaks} == {
        ("/headers/Authorization", "authorization"),
        ("/headers/Cookie", "cookie"),
        ("/body/email", "email"),
        ("/body/password", "key"),
        ("/body/card", "card"),
        ("/phone", "phone"),
    }
    text = repr(leaks)
    for value in ("abcdef", "ann@", "hunter", "4242", "171"):
        assert value not in text
    assert next(leak for leak in leaks if leak.pointer == "/body/email").shown == (
        "an… (12 characters)"
    )


def test_what_was_redacted_passes(tmp_path: Path) -> None:
    redacted, _ = Redactor(RULES, b"k" * 32).redact(EVENT)
    (tmp_path / "bare.json").write_text(json.dumps(redacted))
    (tmp_path / "envelope.json").write_text(json.dumps({"lambda_rollback": 1, "event": redacted}))
    assert check([tmp_path], RULES) == ()


def test_envelope_and_its_context(tmp_path: Path) -> None:
    path = tmp_path / "envelope.json"
    document = {
        "lambda_rollback": 1,
        "recorded": {"function": "orders"},
        "context": {"client_context": {"custom": {"mail": "ann@shop.com"}}},
        "event": {"to": "bob@shop.com"},
    }
    path.write_text(json.dumps(document))
    assert [leak.pointer for leak in check([path], RULES)] == [
        "/to",
        "/context/client_context/custom/mail",
    ]


def test_kept_and_switched_off(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"to": "ann@shop.com", "ip": "52.1.2.3"}))
    rules = RedactionRules(keep=("/to",), detectors=("email",))
    assert check([path], rules) == ()


@pytest.mark.parametrize("content", [b"{", b"\xff", b'{"a": 1, "a": 2}'])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ConfigError, match=r"could not check event fixture .*a\.json"):
        check([tmp_path], RULES)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="could not check"):
        check([tmp_path / "none.json"], RULES)


@pytest.mark.parametrize("seed", range(20))
def test_a_redacted_access_key_under_its_usual_name_is_no_leak(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    key = "AKIA" + "".join(chance.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
    redacted, _ = Redactor(RedactionRules(), bytes([seed]) * 32).redact({"accessKeyId": key})
    (tmp_path / "event.json").write_text(json.dumps(redacted))
    assert key not in json.dumps(redacted)
    assert check([tmp_path], RedactionRules()) == ()


@pytest.mark.parametrize(
    "event", [{"otp": 7}, {"pin": "4"}, {"password": "a"}, {"username": "a:b"}, {"pwd": "ab"}]
)
def test_what_was_redacted_passes_however_short_it_is(tmp_path: Path, event: object) -> None:
    redacted, _ = Redactor(RULES, b"k" * 32).redact(event)
    assert redacted != event
    (tmp_path / "event.json").write_text(json.dumps(redacted))
    assert check([tmp_path], RULES) == ()
