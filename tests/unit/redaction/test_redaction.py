"""Redaction of whole events: nothing planted survives, structure stays, equal stays equal."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import random
import string
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import pytest

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.recording.structures import structure_of
from pytest_lambda_rollback.redaction.documents import NumberText
from pytest_lambda_rollback.redaction.redactor import Redactor
from pytest_lambda_rollback.redaction.rules import RedactionRules

KEY = b"k" * 32
RULES = RedactionRules()


def redacted(event: object, rules: RedactionRules = RULES) -> Any:
    return Redactor(rules, KEY).redact(event)[0]


def b64(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.b64encode(text.encode()).decode()


def jwt(claims: object) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.{'sIgn4ture_' * 4}abc"


def claims_of(token: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


# --- random documents -------------------------------------------------------------------------


def text(chance: random.Random, count: int, letters: str = string.ascii_letters) -> str:
    return "".join(chance.choice(letters) for _ in range(count))


def luhn_card(chance: random.Random) -> str:
    body = "4" + text(chance, 14, string.digits)
    return next(
        body + last
        for last in string.digits
        if not sum(
            sum(divmod(int(digit) * (1 + place % 2), 10))
            for place, digit in enumerate(reversed(body + last))
        )
        % 10
    )


PLANTS: tuple[tuple[str, Callable[[random.Random], str]], ...] = (
    ("mail", lambda c: f"{text(c, 9).lower()}@{text(c, 8).lower()}.com"),
    ("note", luhn_card),
    ("to", lambda c: "+49171" + text(c, 7, string.digits)),
    ("password", lambda c: text(c, 12, string.ascii_letters + string.digits) + "7x"),
    ("client_secret", lambda c: text(c, 20, string.ascii_letters + string.digits) + "7x"),
    ("id", lambda c: "AKIA" + text(c, 16, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")),
    ("git", lambda c: "ghp_" + text(c, 30) + "123456"),
    (
        "social",
        lambda c: f"{c.randrange(100, 600)}-{c.randrange(10, 99)}-{c.randrange(1000, 9999)}",
    ),
    ("host", lambda c: f"52.{c.randrange(99)}.{c.randrange(99)}.{c.randrange(1, 99)}"),
)


class Documents:
    """Random documents with planted values in every form that an event carries values in."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.planted: list[str] = []

    def make(self, depth: int = 0) -> Any:
        chance = self.chance
        roll = chance.randrange(12 if depth < 4 else 4)
        if roll < 2:
            return self.plain()
        if roll < 4:
            return self.plant()
        if roll < 7:
            return {f"{text(chance, 5)}{n}": self.make(depth + 1) for n in range(3)}
        if roll == 7:
            return [self.make(depth + 1) for _ in range(chance.randrange(4))]
        if roll == 8:
            return json.dumps({"inner": self.make(depth + 1)})
        if roll == 9:
            return b64({"inner": self.make(depth + 1)})
        if roll == 10:
            packed = gzip.compress(json.dumps([self.make(depth + 1)]).encode())
            return base64.b64encode(packed).decode()
        key, value = self.new()
        return chance.choice(
            (
                f"{key}={quote(value, safe='')}&page=1",
                {"headers": {"Authorization": f"Bearer {jwt({key: value, 'exp': 1})}"}},
                {"cookies": [f"session={value}", "lang=de"]},
                f"see https://shop.example/a?{urlencode({key: value})}#top",
                f"text before {key}: {value}, and after",
                {key: {"S": value}},
                [{"Name": key, "Value": value}],
                {"n": list(json.dumps({key: value}).encode())},
            )
        )

    def plain(self) -> Any:
        chance = self.chance
        return chance.choice(
            (None, True, False, 0, 17, 12.5, "", "open", "2024-05-01T10:00:00Z", 1714557072123)
        )

    def plant(self) -> dict[str, Any]:
        key, value = self.new()
        return {key: value}

    def new(self) -> tuple[str, str]:
        key, make = self.chance.choice(PLANTS)
        if self.planted and self.chance.random() < 0.3:
            return "password", self.chance.choice(self.planted)
        value = make(self.chance)
        self.planted.append(value)
        return key, value


def texts(node: object) -> Iterator[str]:
    """Every text of a document, and what can be decoded from it, to any depth."""
    if isinstance(node, dict):
        for key, item in node.items():
            yield key
            yield from texts(item)
    elif isinstance(node, list):
        if node and all(type(item) is int and 0 <= item < 256 for item in node):
            yield from texts(bytes(node).decode("utf-8", "replace"))
        for item in node:
            yield from texts(item)
    elif isinstance(node, str):
        yield node
        for part in node.replace("&", " ").replace("=", " ").replace(".", " ").split():
            yield from decoded(part)
        yield from decoded(node)
        if "%" in node:
            yield from (value for each in parse_qs(node).values() for value in each)


def decoded(part: str) -> Iterator[str]:
    if part[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            yield from texts(json.loads(part))
    try:
        content = base64.urlsafe_b64decode(part.replace("+", "-").replace("/", "_") + "==")
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        inner = content.decode()
    except (ValueError, OSError, EOFError):
        return
    if inner:
        yield from texts(inner)


def same_form(one: object, other: object) -> None:
    assert type(one) is type(other)
    if isinstance(one, dict) and isinstance(other, dict):
        assert len(one) == len(other)
        for first, second in zip(one.values(), other.values(), strict=True):
            same_form(first, second)
    elif isinstance(one, list) and isinstance(other, list):
        if not all(isinstance(item, int) for item in one):
            assert len(one) == len(other)
            for first, second in zip(one, other, strict=True):
                same_form(first, second)
    elif one is None or isinstance(one, bool):
        assert one is other


@pytest.mark.parametrize("seed", range(100))
def test_nothing_planted_survives_and_the_form_stays(seed: int) -> None:
    documents = Documents(seed)
    event = {f"part{n}": documents.make() for n in range(6)}
    before = json.dumps(event)
    readable = "\n".join(texts(event))
    assert [value for value in documents.planted if value not in readable] == []
    result = redacted(event)
    assert json.dumps(event) == before
    everything = "\n".join(texts(result))
    for value in documents.planted:
        secret = value.removeprefix("AKIA").removeprefix("ghp_")
        assert secret not in everything
        assert secret not in json.dumps(result)
    same_form(event, result)
    assert structure_of(result).source == structure_of(event).source


@pytest.mark.parametrize("seed", range(40))
def test_equal_stays_equal_across_events_and_fields(seed: int) -> None:
    chance = random.Random(seed)
    for _, make in PLANTS:
        value = make(chance)
        first = redacted({"password": value, "n": 1})
        second = redacted({"list": [{"secret": {"deep": value}}]})
        assert first["password"] == second["list"][0]["secret"]["deep"] != value


# --- places -----------------------------------------------------------------------------------


def test_email_in_body_token_form_and_key_is_the_same() -> None:
    mail = "ann.lee@shop.com"
    result = redacted(
        {
            "body": json.dumps({"email": mail}),
            "headers": {"authorization": f"Bearer {jwt({'email': mail, 'exp': 1700000000})}"},
            "rawQueryString": f"mail={quote(mail)}&x=1",
            "byMail": {mail: 1},
            "data": b64(f"hello {mail}"),
        }
    )
    made = json.loads(result["body"])["email"]
    token = result["headers"]["authorization"].removeprefix("Bearer ")
    assert claims_of(token) == {"email": made, "exp": 1700000000}
    assert parse_qs(result["rawQueryString"]) == {"mail": [made], "x": ["1"]}
    assert result["byMail"] == {made: 1}
    assert base64.b64decode(result["data"]).decode() == f"hello {made}"


def test_short_values_in_tokens_and_urls_are_the_same_as_elsewhere() -> None:
    for subject in ("248289761001", "janedoe", "1234"):
        claims = {"sub": subject, "iss": "https://login.example", "exp": 1700000000}
        result = redacted(
            {
                "requestContext": {"authorizer": {"claims": claims}},
                "headers": {"x-amzn-oidc-data": jwt(claims)},
                "log": f"token {jwt(claims)} for",
            }
        )
        made = result["requestContext"]["authorizer"]["claims"]["sub"]
        assert made != subject
        assert claims_of(result["headers"]["x-amzn-oidc-data"])["sub"] == made
        assert claims_of(result["log"].split()[1])["sub"] == made
    result = redacted({"note": "of 123-45-6789", "url": "https://x.io/p%20q/123-45-6789?a=1"})
    made = result["note"].removeprefix("of ")
    assert made != "123-45-6789"
    assert result["url"] == f"https://x.io/p%20q/{made}?a=1"
    url = redacted({"url": "http://52.1.2.3:80/a%2Fb"})["url"]
    assert url.endswith(":80/a%2Fb")
    assert "52.1.2.3" not in url


def test_value_of_a_key_is_replaced_wherever_the_event_has_it() -> None:
    result, found = Redactor(RULES, KEY).redact(
        {"password": "s3same-0pen", "log": "login of s3same-0pen failed", "t": b64("x s3same-0pen")}
    )
    made = result["password"]  # type: ignore[index]
    assert result["log"] == f"login of {made} failed"  # type: ignore[index]
    assert base64.b64decode(result["t"]).decode() == f"x {made}"  # type: ignore[index]
    assert {(one.pointer, one.detector) for one in found} == {
        ("/password", "key"), ("/log", "echo"), ("/t", "echo")
    }  # fmt: skip


def test_basic_credentials_stay_decodable() -> None:
    result = redacted({"Authorization": f"Basic {b64('ann@shop.com:hunter22')}"})
    user, password = base64.b64decode(result["Authorization"][6:]).decode().split(":")
    assert user.endswith(".example.com")
    assert len(password) == 8
    assert password != "hunter22"


def test_cookies_keep_names_and_attributes() -> None:
    result = redacted(
        {
            "headers": {"Cookie": "sid=abcdef12345; theme=dark"},
            "multiValueHeaders": {"Set-Cookie": ["sid=abcdef12345; Path=/; Max-Age=60; HttpOnly"]},
        }
    )
    first, second = result["headers"]["Cookie"].split("; ")
    assert first.startswith("sid=")
    assert second.startswith("theme=")
    assert "dark" not in second
    assert result["multiValueHeaders"]["Set-Cookie"] == [f"{first}; Path=/; Max-Age=60; HttpOnly"]


@pytest.mark.parametrize(
    ("value", "kept", "secrets"),
    [
        ("Token token=abcdef123456", "Token token=", ("abcdef123456",)),
        (
            'Digest username="ann", realm="shop", nonce="dcd98b7102dd", qop=auth, nc=00000001',
            'realm="shop", nonce="',
            ("ann", "dcd98b7102dd"),
        ),
        (
            'Signature keyId="key-77123",algorithm="rsa-sha256",signature="Abc123=="',
            '",algorithm="rsa-sha256",signature="',
            ("key-77123", "Abc123"),
        ),
        (
            'OAuth oauth_consumer_key="ck77", oauth_signature="ab%2Fcd%3D99", oauth_version="1.0"',
            '", oauth_version="1.0"',
            ("ck77", "ab%2Fcd", "ab/cd"),
        ),
    ],
)
def test_credentials_in_parameters_keep_their_names(
    value: str, kept: str, secrets: tuple[str, ...]
) -> None:
    made = redacted({"headers": {"Authorization": value}})["headers"]["Authorization"]
    assert kept in made
    assert [part.partition("=")[0] for part in made.split(",")] == [
        part.partition("=")[0] for part in value.split(",")
    ]
    assert not any(secret in made for secret in secrets)


@pytest.mark.parametrize("token", ["YWJj==", "abc123=", "a.b-c123456"])
def test_token_with_padding_is_replaced_as_a_whole(token: str) -> None:
    made = redacted({"Authorization": f"Bearer {token}"})["Authorization"]
    assert token.rstrip("=") not in made


def test_dates_of_birth_stay_dates() -> None:
    event = {"dob": "19851231", "birth_date": 19851231, "birthdate": "31.12.1985", "pin": 19851231}
    made = redacted(event)
    datetime.strptime(made["dob"], "%Y%m%d")
    assert made["birth_date"] == int(made["dob"])
    datetime.strptime(made["birthdate"], "%d.%m.%Y")
    assert all(made[key] != event[key] for key in event)


def test_signed_request_keeps_its_form() -> None:
    value = (
        "AWS4-HMAC-SHA256 Credential=AKIAABCDEFGHIJKLMNOP/20240501/eu-west-1/s3/aws4_request, "
        f"SignedHeaders=host, Signature={'ab12' * 16}"
    )
    made = redacted({"headers": {"Authorization": value}})["headers"]["Authorization"]
    assert made.startswith("AWS4-HMAC-SHA256 Credential=AKIA")
    assert "/20240501/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=" in made
    assert "ABCDEFGHIJKLMNOP" not in made
    assert "ab12ab12" not in made
    assert len(made) == len(value)


def test_url_keeps_host_path_and_parameters() -> None:
    url = (
        "https://ann:hunter22@bucket.s3.amazonaws.com/a/b.csv?X-Amz-Date=20240501T000000Z"
        "&X-Amz-Credential=AKIAABCDEFGHIJKLMNOP%2F20240501&X-Amz-Signature=abcdef0123456789#top"
    )
    made = redacted({"ResponseURL": url})["ResponseURL"]
    assert "@bucket.s3.amazonaws.com/a/b.csv?X-Amz-Date=20240501T000000Z&X-Amz-Credential=" in made
    assert made.endswith("#top")
    for secret in ("hunter22", "ABCDEFGHIJKLMNOP", "abcdef0123456789"):
        assert secret not in made


def test_percent_encoded_paths_and_parameters() -> None:
    result = redacted(
        {"rawPath": "/users/ann%40shop.com/50%25", "pathParameters": {"mail": "ann%40shop.com"}}
    )
    made = result["pathParameters"]["mail"]
    assert made.endswith("%40" + made.partition("%40")[2])
    assert "ann" not in made
    assert result["rawPath"] == f"/users/{made}/50%25"


def test_numbers_stay_numbers_of_their_kind() -> None:
    result = redacted({"pin": 4711, "secret": 12.5, "otp": Decimal("3.25"), "phone": 491711234567})
    assert isinstance(result["pin"], int)
    assert len(str(result["pin"])) == 4
    assert isinstance(result["secret"], float)
    assert isinstance(result["otp"], Decimal)
    assert len(str(result["phone"])) == 12
    assert result != {"pin": 4711, "secret": 12.5, "otp": Decimal("3.25"), "phone": 491711234567}


def test_body_is_written_back_as_it_was() -> None:
    body = '{"price": 1.10, "big": 1e400, "mail": "ann@shop.com", "name": "J\\u00fcrgen"}'
    made = redacted({"body": body})["body"]
    assert made.startswith('{"price": 1.10, "big": 1e400, "mail": "')
    assert made.endswith('"name": "J\\u00fcrgen"}')


@pytest.mark.parametrize(
    "value",
    [
        {"password": None, "secret": True, "token": "", "apiKey": "REDACTED", "pwd": "null"},
        {"body": '{"a":  [1, 2.0 ]}', "t": "eyJhIjoxfQ==", "q": "a=1&b=%20"},
        {"requestContext": {"accountId": "123456789012", "requestId": "c6af9ac6-7b61-11e6"}},
        {"n": NumberText("1.10"), "text": "4242424242424241"},
        [],
        None,
        "text",
    ],
)
def test_what_holds_no_secret_is_left_as_it_is(value: object) -> None:
    result, found = Redactor(RULES, KEY).redact(value)
    assert result == value
    assert found == ()


def test_key_that_stands_twice_hides_nothing() -> None:
    made = redacted({"body": '{"password":"hunter22","password":""}'})["body"]
    assert "hunter22" not in made


def test_pointers_keys_and_keep() -> None:
    rules = RedactionRules(
        pointers=("/body/order/*/code", "/**/nick"), keys=("*_Ref",), keep=("/headers", "/body/to")
    )
    event = {
        "headers": {"Authorization": "Bearer abcdef123"},
        "body": json.dumps(
            {"order": {"a": {"code": "XY12"}, "b": {"other": "XY12"}}, "to": "ann@shop.com"}
        ),
        "a": {"b": {"nick": "annie", "customer-ref": "C-17"}, "password": "hunter22"},
    }
    result = redacted(event, rules)
    body = json.loads(result["body"])
    assert result["headers"] == event["headers"]
    assert body["order"]["a"]["code"] != "XY12"
    assert body["order"]["b"]["other"] == "XY12"
    assert body["to"] == "ann@shop.com"
    assert result["a"]["b"]["nick"] != "annie"
    assert result["a"]["b"]["customer-ref"] != "C-17"
    assert result["a"]["password"] == "hunter22"


def test_reports_name_places_and_no_values() -> None:
    _, found = Redactor(RULES, KEY).redact({"ann@shop.com": {"password": "hunter22"}})
    assert [(one.pointer, one.detector) for one in found] == [
        ("/*", "email"),
        ("/*/password", "key"),
    ]
    assert "hunter22" not in repr(found)


@pytest.mark.parametrize("seed", range(20))
def test_strong_pseudonyms_are_left_alone_the_second_time(seed: int) -> None:
    chance = random.Random(seed)
    event = {
        "mail": f"{text(chance, 8)}@shop.com",
        "card": luhn_card(chance),
        "secret": text(chance, 24, string.ascii_letters + string.digits),
        "headers": {"Authorization": f"Bearer {jwt({'email': f'{text(chance, 8)}@shop.com'})}"},
        "ip": "52.1.2.3",
        "iban": "DE89370400440532013000",
    }
    once = redacted(event)
    assert once != event
    assert redacted(once) == once


def test_event_that_is_nested_too_deeply_is_refused() -> None:
    event: Any = "ann@shop.com"
    for _ in range(5000):
        event = [event]
    with pytest.raises(SourceError, match="nested too deeply"):
        redacted(event)


def test_key_is_not_shown() -> None:
    assert "kkkk" not in repr(Redactor(RULES, KEY)) + repr(vars(Redactor(RULES, KEY)))
