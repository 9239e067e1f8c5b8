"""Ways in which a secret could get past redaction: how it is wrapped, written or cut."""

from __future__ import annotations

import base64
import gzip
import json
import random
import time
import zlib
from collections.abc import Callable
from urllib.parse import quote, unquote

import pytest

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules

EMAIL = "maria.lopez@contoso-mail.com"
PASSWORD = "hunter2-Tr0ub4dor"
CARD = "4539148803436467"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtYXJpYSJ9.s5YQb9Z0abcDEFghiJKL12"
DOCUMENT = json.dumps({"email": EMAIL, "password": PASSWORD})
REDACTOR = Redactor(RedactionRules(), b"k" * 32)


def redacted(text: str) -> str:
    changed, _ = REDACTOR.redact({"body": text})
    assert isinstance(changed, dict)
    return str(changed["body"])


def coded(content: bytes | str) -> str:
    return base64.b64encode(content.encode() if isinstance(content, str) else content).decode()


def raw_deflated(content: bytes) -> bytes:
    return zlib.compress(content)[2:-4]


def inflated(text: str, wbits: int) -> str:
    return zlib.decompress(base64.b64decode(text), wbits).decode()


PACKED: dict[str, tuple[str, Callable[[str], str]]] = {
    "zlib": (coded(zlib.compress(DOCUMENT.encode())), lambda text: inflated(text, 15)),
    "deflate": (coded(raw_deflated(DOCUMENT.encode())), lambda text: inflated(text, -15)),
    "gzip in two members": (
        coded(gzip.compress(b"[" + DOCUMENT.encode()) + gzip.compress(b"]")),
        lambda text: gzip.decompress(base64.b64decode(text)).decode(),
    ),
    "UTF-16": (
        coded(DOCUMENT.encode("utf-16")),
        lambda text: base64.b64decode(text).decode("utf-16"),
    ),
    "a byte order mark": (
        coded("\ufeff" + DOCUMENT),
        lambda text: base64.b64decode(text).decode("utf-8-sig"),
    ),
    "a NUL behind it": (coded(DOCUMENT + "\0"), lambda text: base64.b64decode(text).decode()),
    "Latin 1": (
        coded(("é" + DOCUMENT).encode("latin-1")),
        lambda text: base64.b64decode(text).decode("latin-1"),
    ),
    "protocol buffers": (
        coded(b"\x0a\x1c" + EMAIL.encode() + b"\xff\xfe\x12" + bytes(range(128, 160))),
        lambda text: base64.b64decode(text).decode("latin-1"),
    ),
    "a data URL": (
        f"data:application/json;base64,{coded(DOCUMENT)}",
        lambda text: base64.b64decode(text.partition(",")[2]).decode(),
    ),
    "in the middle of a text": (
        f"the body is {coded(DOCUMENT)} here",
        lambda text: base64.b64decode(text.split()[3]).decode(),
    ),
    "percent signs twice": (
        quote(quote(DOCUMENT, safe=""), safe=""),
        lambda text: unquote(unquote(text)),
    ),
}


@pytest.mark.parametrize(("text", "read"), PACKED.values(), ids=PACKED)
def test_what_is_packed_is_opened(text: str, read: Callable[[str], str]) -> None:
    assert EMAIL in read(text)
    after = read(redacted(text))
    assert "maria" not in after
    assert "contoso" not in after
    assert PASSWORD not in after


WRITTEN = {
    "CSV": f"id,email,password\n1,{EMAIL},{PASSWORD}\n",
    "CSV in quotes": f'"id","pass_word","note"\r\n"1","{PASSWORD}","a ""b"""\r\n',
    "CSV with semicolons": f"id;password\n1;{PASSWORD}\n",
    "tabs": f"id\tpassword\n1\t{PASSWORD}\n",
    "YAML": f"user:\n  password: {PASSWORD}\n",
    "YAML in a list": f"users:\n- password: {PASSWORD}\n",
    "CDATA": f"<u><password><![CDATA[{PASSWORD}]]></password></u>",
    "XML in two levels": f"<password type='x'><value>{PASSWORD}</value></password>",
    "XML that is cut off": f"<u></u><password>{PASSWORD}",
    "XML attributes": f"<u name='x' password = '{PASSWORD}'/>",
    "an entity for @": "<e>maria.lopez&#64;contoso-mail.com</e>",
    "an escape for @": r"maria.lopez\u0040contoso-mail.com",
    "a wide @": "maria.lopez\uff20contoso-mail.com",
    "a sign that is not seen": "maria.lo\u200bpez@contoso-mail.com",
    "a soft hyphen": "maria.lopez@contoso\u00ad-mail.com",
    "italics": f"_{EMAIL}_",
    "a part with a bare name": f"--b\r\nContent-Disposition: form-data; name=password\r\n\r\n"
    f"{PASSWORD}\r\n--b--",
    "a part of two lines": f'--b\r\nContent-Disposition: form-data; name="password"\r\n\r\none\r\n'
    f"{PASSWORD}\r\n--b--",
    "GraphQL": f'mutation {{ login(email: "{EMAIL}", password: "{PASSWORD}") {{ id }} }}',
    "a card with dots": "4539.1488.0343.6467",
    "a card with narrow spaces": "4539\u00a01488\u00a00343\u00a06467",
    "a card behind a word": f"pan_{CARD}",
    "a card in wide digits": CARD.translate({48 + n: 0xFF10 + n for n in range(10)}),
    "a card in Arabic digits": CARD.translate({48 + n: 0x660 + n for n in range(10)}),
    "a token behind a word": f"t_{JWT}",
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_otherwise_is_found(text: str) -> None:
    after = redacted(text)
    assert "maria" not in after
    assert "contoso" not in after
    assert PASSWORD not in after
    assert JWT not in after
    digits = [str(int(char)) for char in after if char.isdecimal()]
    assert CARD not in "".join(digits)


def test_tables_and_documents_keep_their_form() -> None:
    lines = redacted(WRITTEN["CSV in quotes"]).split("\r\n")
    assert lines[0] == '"id","pass_word","note"'
    assert lines[1].startswith('"1","')
    assert lines[1].endswith('","a ""b"""')
    xml = redacted(WRITTEN["XML in two levels"])
    assert xml.startswith("<password type='x'><value>")
    assert xml.endswith("</value></password>")


def test_harmless_neighbours_stay() -> None:
    for text in (
        "id,amount,currency\n1,12.50,EUR\n",
        "<order><total>12.50</total></order>",
        "status: open\ncount: 5\n",
        "release 4.5.39, 4111.1111",
        coded(bytes(range(256))),
    ):
        assert redacted(text) == text


Wrapper = tuple[Callable[[str], str], Callable[[str], str]]


def bytes_of(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.replace("+", "-").replace("/", "_") + "==")


WRAPPERS: tuple[Wrapper, ...] = (
    (lambda text: json.dumps({"inner": text}), lambda text: str(json.loads(text)["inner"])),
    (lambda text: json.dumps([1, text, None]), lambda text: str(json.loads(text)[1])),
    (json.dumps, lambda text: str(json.loads(text))),
    (coded, lambda text: bytes_of(text).decode()),
    (
        lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        lambda text: bytes_of(text).decode(),
    ),
    (
        lambda text: coded(gzip.compress(text.encode(), mtime=0)),
        lambda text: gzip.decompress(bytes_of(text)).decode(),
    ),
    (
        lambda text: coded(zlib.compress(text.encode())),
        lambda text: zlib.decompress(bytes_of(text)).decode(),
    ),
    (
        lambda text: f"a=1&inner={quote(text, safe='')}",
        lambda text: unquote(text.partition("inner=")[2]),
    ),
    (
        lambda text: f'{{"n": 1}}\n{json.dumps({"inner": text})}',
        lambda text: str(json.loads(text.partition("\n")[2])["inner"]),
    ),
)


@pytest.mark.parametrize("seed", range(60))
def test_wrappers_in_any_order_hide_nothing(seed: int) -> None:
    chance = random.Random(seed)
    chosen = chance.choices(WRAPPERS, k=chance.randint(1, 5))
    text = DOCUMENT
    for wrap, _ in chosen:
        text = wrap(text)
    after = redacted(text)
    for _, unwrap in reversed(chosen):
        after = unwrap(after)
    # It is still a document of that form, with other values.
    document = json.loads(after)
    assert document.keys() == {"email", "password"}
    assert "maria" not in after
    assert PASSWORD not in after


def test_what_is_nested_too_deeply_is_refused_and_not_passed_on() -> None:
    text = DOCUMENT
    for _ in range(13):
        text = json.dumps({"inner": text})
    with pytest.raises(SourceError, match="nested too deeply"):
        redacted(text)


LONG = {
    "open elements": "</x>" + "<password>" * 60_000,
    "names of parts": "name=a " * 100_000,
    "lines of parts": "name=a\n" * 100_000,
    "assignments": "password=" * 60_000,
    "names of files": "a@b" + ".pdf" * 50_000 + ".com",
    "parts without an end": 'name="password"\r\n\r\n' * 40_000,
    "parts of names": "arn:token:x:" * 16_000,
    "quotes": "a,b\n" + '"' * 100_001,
    "at signs": "a@" * 100_000,
    "base64": "eyJ" + "A" * 600_000,
    "spaces": "a" + " " * 100_000 + "b",
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_no_text_takes_long(text: str) -> None:
    started = time.monotonic()
    redacted(text)
    assert time.monotonic() - started < 60


@pytest.mark.parametrize("header", ["id,mail", "id,password"])
def test_work_grows_with_a_text_and_not_with_its_square(header: str) -> None:
    chance = random.Random(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    rows = ("".join(chance.choices(letters, k=9)) for _ in range(40_000))
    text = f"{header}\n" + "".join(f"{row[:3]},{row}@{row[:5]}.com\n" for row in rows)
    started = time.process_time()
    redacted(text)
    assert time.process_time() - started < 20
