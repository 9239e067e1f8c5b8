"""Pseudonyms: stable, of the same shape, valid where the value was, and recognised later."""

from __future__ import annotations

import ipaddress
import json
import random
import re
import string
import uuid
from datetime import datetime
from pathlib import Path

import pytest

from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.redaction import checksums
from pytest_lambda_rollback.redaction.checksums import luhn, ours
from pytest_lambda_rollback.redaction.key_file import VARIABLE, key_path, read_key
from pytest_lambda_rollback.redaction.pseudonyms import Pseudonyms

ONE = Pseudonyms(b"1" * 32)


def shape(text: str) -> str:
    return re.sub(r"\d", "9", re.sub("[a-z]", "a", re.sub("[A-Z]", "A", text)))


@pytest.mark.parametrize("seed", range(20))
def test_text_keeps_its_shape_and_changes(seed: int) -> None:
    chance = random.Random(seed)
    letters = string.ascii_letters + string.digits + "-_.:/ äÖ日"
    for _ in range(100):
        value = "".join(chance.choice(letters) for _ in range(chance.randrange(1, 40)))
        made = ONE.text(value)
        if any(char.isalnum() and char != "0" for char in value):
            assert made != value
        assert len(made.encode()) == len(value.encode())
        assert shape(re.sub(r"[^\x00-\x7f]", "?", made)) == shape(
            re.sub(r"[^\x00-\x7f]", "?", value)
        )
        assert made == Pseudonyms(b"1" * 32).text(value)


def test_another_key_gives_another_pseudonym() -> None:
    assert ONE.text("correct horse") != Pseudonyms(b"2" * 32).text("correct horse")


def test_different_values_get_different_pseudonyms() -> None:
    made = {ONE.text(f"customer-{number:05d}-secret") for number in range(2000)}
    assert len(made) == 2000


def test_uuid_stays_a_uuid_of_its_version() -> None:
    value = str(uuid.UUID(int=random.Random(1).getrandbits(128), version=4))
    made = uuid.UUID(ONE.text(value))
    assert made.version == 4
    assert made.variant == uuid.UUID(value).variant
    assert str(made) != value


@pytest.mark.parametrize(
    "value", ["1980-02-29", "2024-02-03T23:59:59Z", "2024-02-03T10:11:12.123456+02:00"]
)
def test_date_stays_a_date(value: str) -> None:
    made = ONE.text(value)
    assert made != value
    datetime.fromisoformat(made)
    assert made[19:] == value[19:]
    assert ours(made) > 0


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("05/06/1990", "%m/%d/%Y"),
        ("25/12/1990", "%d/%m/%Y"),
        ("31.12.1985", "%d.%m.%Y"),
        ("1.2.1985", "%d.%m.%Y"),
        ("31-12-1985", "%d-%m-%Y"),
        ("1985/12/31", "%Y/%m/%d"),
        ("31 Dec 1985", "%d %b %Y"),
        ("1-May-1985", "%d-%b-%Y"),
        ("December 31, 1985", "%B %d, %Y"),
    ],
)
def test_date_in_words_or_another_order_stays_one(value: str, form: str) -> None:
    made = ONE.text(value)
    assert made != value
    assert abs(datetime.strptime(made, form).year - datetime.strptime(value, form).year) < 10
    assert shape(made) == shape(value)
    assert checksums.LIKELY_BITS <= ours(made) < checksums.SURE_BITS


def test_date_without_signs_stays_one() -> None:
    made = ONE.date("19851231")
    assert made != "19851231"
    assert made.startswith("198")
    datetime.strptime(made, "%Y%m%d")
    assert checksums.date_is_ours(made) >= checksums.LIKELY_BITS


@pytest.mark.parametrize("value", ["4242424242424242", "5555 3412 4444 1115", "3714-496353-98431"])
def test_card_keeps_brand_separators_and_luhn(value: str) -> None:
    made = ONE.card(value)
    digits = re.sub(r"\D", "", made)
    assert made != value
    assert made[0] == value[0]
    assert re.sub(r"\d", "9", made) == re.sub(r"\d", "9", value)
    assert luhn(digits[:-1]) == digits[-1]
    assert checksums.card_is_ours(made) >= checksums.SURE_BITS
    assert not checksums.card_is_ours(value)


def test_card_is_the_same_with_other_separators() -> None:
    made = ONE.card("4242 4242 4242 4242")
    assert ONE.card("4242424242424242") == made.replace(" ", "")


def test_iban_keeps_country_form_and_checksum() -> None:
    made = ONE.iban("GB29 NWBK 6016 1331 9268 19")
    plain = made.replace(" ", "")
    assert re.fullmatch(r"GB\d\d [A-Z]{4} \d{4} \d{4} \d{4} \d\d", made)
    moved = "".join(str(int(char, 36)) for char in plain[4:] + plain[:4])
    assert int(moved) % 97 == 1


def test_email_is_in_a_reserved_domain_and_joins_on_it() -> None:
    first, second = ONE.email("Ann.Lee@shop.co.uk"), ONE.email("bob@SHOP.co.uk")
    assert first.partition("@")[2] == second.partition("@")[2]
    assert re.fullmatch(r"[A-Z][a-z]{2}\.[A-Z][a-z]{2}@[a-z]+\.example\.net", first)
    assert ONE.email("ann.lee@shop.co.uk") == first.lower()
    assert ONE.email("ann.lee@shop.com") != ONE.email("ann.lee@shop.co.uk")


@pytest.mark.parametrize(
    ("value", "start"), [("+49 171 1234567", "+49 17"), ("+1 (415) 555-2671", "+1 (415) ")]
)
def test_phone_keeps_country_and_form(value: str, start: str) -> None:
    made = ONE.phone(value)
    assert made.startswith(start)
    assert made != value
    assert re.sub(r"\d", "9", made) == re.sub(r"\d", "9", value)
    assert checksums.phone_is_ours(made) >= checksums.LIKELY_BITS


@pytest.mark.parametrize("value", ["52.1.2.3", "2a00:1450:4001:81b::200e"])
def test_address_is_one_for_documentation(value: str) -> None:
    made = ipaddress.ip_address(ONE.address(value))
    assert made.version == ipaddress.ip_address(value).version
    assert not made.is_global


@pytest.mark.parametrize("text", ["12", "1200", "12.50", "-7.25", "1.5e10", "100200300"])
def test_number_keeps_its_digits(text: str) -> None:
    made = ONE.number(text)
    assert made != text
    assert json.loads(made) != json.loads(text)
    assert re.sub(r"\d", "9", made) == re.sub(r"\d", "9", text.lower())


@pytest.mark.parametrize("text", ["0", "0.0", "-0"])
def test_zero_stays_zero(text: str) -> None:
    assert ONE.number(text) == text


@pytest.mark.parametrize("seed", range(10))
def test_real_values_are_not_taken_for_pseudonyms(seed: int) -> None:
    chance = random.Random(seed)
    letters = string.ascii_letters + string.digits
    for _ in range(300):
        value = "".join(chance.choice(letters) for _ in range(16))
        assert ours(value) == 0
        assert ours(ONE.text(value)) >= checksums.SURE_BITS


# --- the key --------------------------------------------------------------------------------


def test_key_is_made_once_for_its_user_alone(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    key = read_key(environment)
    assert len(key) == 32
    assert read_key(environment) == key
    path = key_path(environment)
    assert path == tmp_path / "pytest-lambda-rollback" / "pseudonym.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["pseudonym.key"]


def test_key_of_the_environment_comes_first(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path), VARIABLE: "a text long enough"}
    assert read_key(environment) == b"a text long enough"
    assert not list(tmp_path.iterdir())


def test_short_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="too short") as caught:
        read_key({"XDG_CONFIG_HOME": str(tmp_path), VARIABLE: "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    read_key(environment)
    key_path(environment).chmod(mode)
    with pytest.raises(ConfigError, match="other users"):
        read_key(environment)


def test_damaged_key_is_refused(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    read_key(environment)
    key_path(environment).write_bytes(b"short")
    with pytest.raises(ConfigError, match="damaged"):
        read_key(environment)


def test_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "pytest-lambda-rollback").write_text("a file")
    with pytest.raises(ConfigError, match="could not use the pseudonym key"):
        read_key({"XDG_CONFIG_HOME": str(tmp_path)})
