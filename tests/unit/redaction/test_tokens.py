"""JSON Web Tokens keep their form, with another payload and signature."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pytest_lambda_rollback.redaction.documents import redraw_token, token_header
from pytest_lambda_rollback.redaction.pseudonyms import Pseudonyms

DRAWN = Pseudonyms(b"1" * 32)
SIGNATURE = "aB3_" * 11


def part(value: object, *, padded: bool = False) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    encoded = base64.urlsafe_b64encode(text.encode()).decode()
    return encoded if padded else encoded.rstrip("=")


def read(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=="))


def token(payload: object, **header: str) -> str:
    return f"{part({'alg': 'RS256', 'typ': 'JWT', **header})}.{part(payload)}.{SIGNATURE}"


def with_n(claims: Any) -> object:
    return claims | {"n": 2}


def test_a_token_keeps_its_form() -> None:
    value = token({"n": 1}, kid="key-4711")
    header, payload, signature = redraw_token(value, text=DRAWN.text, claims=with_n).split(".")
    assert read(header) == {"alg": "RS256", "typ": "JWT", "kid": DRAWN.text("key-4711")}
    assert read(payload) == {"n": 2}
    assert len(signature) == len(SIGNATURE)
    assert signature != SIGNATURE


def test_numbers_are_written_back_as_they_were() -> None:
    made = redraw_token(token('{"exp":1700000000.10,"big":1e400}'), text=DRAWN.text, claims=with_n)
    payload = made.split(".")[1]
    assert base64.urlsafe_b64decode(payload + "==") == b'{"exp":1700000000.10,"big":1e400,"n":2}'


def test_padding_stays_where_it_was() -> None:
    value = f"{part({'alg': 'ES256'}, padded=True)}.{part({'ab': 17}, padded=True)}.{SIGNATURE}="
    assert value.count("=") == 5
    _, payload, signature = redraw_token(
        value, text=DRAWN.text, claims=lambda _: {"a": 18, "b": 1}
    ).split(".")
    assert payload.endswith("=")
    assert read(payload) == {"a": 18, "b": 1}
    assert signature.endswith("=")


def test_a_payload_that_cannot_be_read_is_drawn_as_a_text() -> None:
    twice = part('{"email":"ann@shop.com","email":""}')
    value = f"{part({'alg': 'none'})}.{twice}."
    made = redraw_token(value, text=DRAWN.text, claims=with_n).split(".")
    assert made[1] == DRAWN.text(twice)
    assert made[2] == ""


def test_an_encrypted_token_keeps_its_header_alone() -> None:
    value = f"{part({'alg': 'dir', 'enc': 'A128GCM'})}..aXZpdml2.Y2lwaGVy.dGFndGFn"
    made = redraw_token(value, text=DRAWN.text, claims=with_n).split(".")
    assert made[0] == value.split(".")[0]
    assert made[1] == ""
    assert made[3] == DRAWN.text("Y2lwaGVy")


@pytest.mark.parametrize("text", ["a.b.c", "eyJhIjoxfQ.b.c", "eyJ!.b.c", "www.example.com", ""])
def test_other_texts_with_dots_are_no_tokens(text: str) -> None:
    assert token_header(text) is None
