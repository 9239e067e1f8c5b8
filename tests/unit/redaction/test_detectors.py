"""What is taken for a secret in plain text, and what is not."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.redaction.detectors import values_in
from pytest_lambda_rollback.redaction.rules import RedactionRules

RULES = RedactionRules()
HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "detector", "value"),
    [
        ("mail ann.lee+shop@mail.shop.co.uk now", "email", "ann.lee+shop@mail.shop.co.uk"),
        ("<jürgen@müller.de>", "email", "jürgen@müller.de"),
        ("mails/ann@shop.com.pdf", "email", "ann@shop.com"),
        ("mails/ann@shop.com.json.gz", "email", "ann@shop.com"),
        ("digit@github.com", "email", "digit@github.com"),
        ("card 4242424242424242.", "card", "4242424242424242"),
        ("4242-4242-4242-4242", "card", "4242-4242-4242-4242"),
        ("amex 3714 496353 98431", "card", "3714 496353 98431"),
        ("call +49 (0)171 123-4567", "phone", "+49 (0)171 123-4567"),
        ("to +14155552671,", "phone", "+14155552671"),
        ("(415) 555-2671", "phone", "(415) 555-2671"),
        ("415-555-2671", "phone", "415-555-2671"),
        ("ssn 123-45-6789", "ssn", "123-45-6789"),
        ("pay DE89 3704 0044 0532 0130 00 AND go", "iban", "DE89 3704 0044 0532 0130 00"),
        ("GB29NWBK60161331926819", "iban", "GB29NWBK60161331926819"),
        ("from 52.12.3.4, 10.0.0.1", "ip", "52.12.3.4"),
        ("2a00:1450:4001:81b::200e", "ip", "2a00:1450:4001:81b::200e"),
        ("id AKIAABCDEFGHIJKLMNOP", "aws-key", "ABCDEFGHIJKLMNOP"),
        (
            "aws_secret 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",
            "aws-key",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY",
        ),
        (f"IQoJb3JpZ2lu{'aB3/' * 20}", "aws-key", "aB3/" * 20),
        (f"AWS4-HMAC-SHA256 Signature={HEX}", "authorization", HEX),
        ("Authorization: Bearer abc123def456", "authorization", "abc123def456"),
        ("ghp_" + "a1" * 18, "vendor-token", "a1" * 18),
        ("xoxb-1234567890-abcdef", "vendor-token", "1234567890-abcdef"),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "vendor-token", "4eC39HqLyjWDarjtT1zdp7dc"),
        ("-----BEGIN RSA PRIVATE KEY-----AB12-----END RSA PRIVATE KEY-----", "private-key", "AB12"),
        ("login failed password=sesame now", "assignment", "sesame"),
        ('{"client_secret": "open sesame", trunc', "assignment", "open sesame"),
        ("<a><Password>sesame</Password></a>", "assignment", "sesame"),
        ('form-data; name="api_key"\r\n\r\nsesame\r\n--x', "assignment", "sesame"),
    ],
)
def test_found(text: str, detector: str, value: str) -> None:
    assert [(span.detector, text[span.start : span.end]) for span in values_in(text, RULES)] == [
        (detector, value)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-01T10:11:12.123+00:00",
        "2024-05-01 10:11:12",
        "1714557072123",
        "1714557072123456",
        "9f0e5b1c-1d2e-4f3a-8b4c-5d6e7f8a9b0c",
        "00000000-0000-4000-8000-000000000000",
        "arn:aws:lambda:us-east-1:123456789012:function:orders:4",
        "arn:aws:iam::123456789012:role/orders",
        "Root=1-5e66d96f-7491f09xmpl79d18acf3d050",
        "Mozilla/5.0 (X11) Chrome/120.0.0.0 Safari/537.36",
        "order 100200300400 for 1234.56 EUR",
        "112-1234567-1234567",
        "4242424242424241",
        "42424242424242424242424242",
        "10.0.0.1 192.168.1.1 127.0.0.1",
        "::ffff:10.0.0.1",
        "version 1.2.3",
        "12:34:56",
        "AKIAIOSFODNN7EXAMPLE",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "shop.orders.v1",
        "@scope/package@1.2.3",
        "tokens: 12, token count",
        "Bearer token is missing",
        "ICE 4096 kB",
        "https://shop.example/orders/4711",
        "avatars/user@2x.png",
        "s3://bucket/key@v1.json.gz",
        "git@github.com:acme/x.git",
        "4050000000001",
    ],
)
def test_left_alone(text: str) -> None:
    assert values_in(text, RULES) == ()


@pytest.mark.parametrize("key", ["phone", "mobilePhone", "msisdn", "customer_phone_number", "fax"])
def test_key_makes_a_phone_of_digits(key: str) -> None:
    assert [span.detector for span in values_in("0171 1234567", RULES, key)] == ["phone"]
    assert values_in("0171 1234567", RULES, "order") == ()


@pytest.mark.parametrize("key", ["version", "firmware", "release_name", "buildNumber"])
def test_key_makes_no_address_of_a_version(key: str) -> None:
    assert values_in("2.7.1.3", RULES, key) == ()
    assert [span.detector for span in values_in("2.7.1.3", RULES, "client")] == ["ip"]


def test_detector_that_is_off_finds_nothing() -> None:
    rules = RedactionRules(detectors=("card",))
    assert values_in("ann@shop.com 4242424242424242", rules)[0].detector == "card"
    assert len(values_in("ann@shop.com 4242424242424242", rules)) == 1


def test_unknown_detector_and_pointer_are_refused() -> None:
    with pytest.raises(ConfigError, match='no detector "emial"'):
        RedactionRules(detectors=("emial",))
    with pytest.raises(ConfigError, match="not a JSON Pointer"):
        RedactionRules(pointers=("body/x",))


def test_long_text_takes_no_long_time() -> None:
    for text in ("a" * 200_000, "aB3" * 60_000, "1 " * 100_000, "a." * 100_000, "x=" * 100_000):
        values_in(text, RULES)
