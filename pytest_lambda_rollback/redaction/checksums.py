"""Check digits of cards and bank accounts, and the checksum by which a pseudonym is recognised.

A pseudonym keeps the form of its value: letters stay letters of their case, digits digits,
everything else stays. UUIDs, hexadecimal text and dates stay such. Half of the
characters that are drawn (at most eight) are a checksum of the others. It needs no key, so that a
pseudonym is recognised on any machine.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import string
from collections.abc import Iterator
from math import log2
from typing import Final

# --- numbers of cards, bank accounts and telephones -----------------------------------------------

CARD_PREFIXES: Final = (
    # (brand's prefixes, lengths, prefix of test numbers of the same brand)
    (re.compile(r"4"), (16, 19), "411111"),  # with 13 digits it would be most often an article's
    (re.compile(r"5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)"), (16,), "555555"),
    (re.compile(r"3[47]"), (15,), "378282"),
    (re.compile(r"6(?:011|4[4-9]|5)"), (16, 19), "601111"),
    (re.compile(r"35(?:2[89]|[3-8])"), (16,), "356600"),
    (re.compile(r"3(?:0[0-5]|[689])"), (14,), "305693"),
    (re.compile(r"62"), (16, 17, 18, 19), "620000"),
)
_COUNTRY_LENGTH: Final = re.compile(
    r"[17]|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"  # others have three digits
)


def luhn(body: str) -> str:
    """The digit that makes a number pass Luhn's check (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def card_prefix(number: str) -> str | None:
    """The test prefix of the brand that a number of this start and length belongs to."""
    for start, lengths, prefix in CARD_PREFIXES:
        if len(number) in lengths and start.match(number):
            return prefix
    return None


def iban_check(country: str, account: str) -> str:
    """The two check digits of an IBAN (ISO 13616)."""
    rearranged = f"{account}{country}00".upper()
    return f"{98 - int(''.join(str(int(char, 36)) for char in rearranged)) % 97:02d}"


def phone_keep(value: str, digits: str) -> int:
    """The number of leading digits that stay in a phone number: country code and range."""
    if not value.lstrip().startswith("+"):
        return 3 if len(digits) >= 9 else 1
    if digits[:1] == "1":
        return 4
    country = _COUNTRY_LENGTH.match(digits)
    return (country.end() if country else 3) + 2


# --- the characters of a pseudonym, and its checksum ----------------------------------------------

Slots = list[tuple[int, str]]
"""(place, alphabet) of characters."""
NOT_ZERO: Final = "123456789"

_CHECK: Final = 8
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX: Final = re.compile(r"(?=\D*\d)(?=\d*[a-fA-F])(?:[0-9a-f]{8,}|[0-9A-F]{8,})")
DATE: Final = re.compile(r"(\d{3})(\d)-(\d\d)-(\d\d)((?:[T ]\d\d:\d\d.*)?)", re.DOTALL)
"""Its groups: decade, year in it, month, day, and the time of day if there is one."""
_DAY: Final = r"(?:0?[1-9]|[12]\d|3[01])"
_WRITTEN_DATE: Final = re.compile(
    rf"{_DAY}([./-]){_DAY}\1(?:19|20)\d\d|(?:19|20)\d\d([./]){_DAY}\2{_DAY}"
    rf"|{_DAY}\.?[ -][A-Z][a-z]{{2,8}}\.?[ -](?:19|20)\d\d"
    rf"|[A-Z][a-z]{{2,8}}\.? {_DAY},? (?:19|20)\d\d"
)
COMPACT_DATE: Final = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_NUMBER: Final = re.compile(r"\d+")
_LOWER: Final = string.ascii_lowercase
_UPPER: Final = string.ascii_uppercase
_DIGITS: Final = string.digits
_TWO_BYTES: Final = ("àáâãäåæçèéêëìíîïñòóôõöøùúûüý", "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝ")
_THREE_BYTES: Final = "".join(map(chr, range(0x4E00, 0x4E40)))


def slots_of(value: str, keep: int) -> Slots:
    """(place, alphabet) of every character that is drawn anew."""
    if _UUID.fullmatch(value):
        return [
            (place, alphabet)
            for place, alphabet in _alphabets(value, hexadecimal=True)
            if place not in (14, 19)  # version and variant
        ]
    if not keep and _WRITTEN_DATE.fullmatch(value):
        return _of_date(value)
    found = _alphabets(value, hexadecimal=_HEX.fullmatch(value) is not None)
    return [(place, alphabet) for place, alphabet in found if place >= keep]


def _of_date(value: str) -> Slots:
    """Days and months from 1 to 9, which are valid in either order; names and decades stay."""
    ends = [(match.start(), match.end() - 1) for match in _NUMBER.finditer(value)]
    days = [(end, NOT_ZERO) for start, end in ends if end - start < 2]
    tens = [(start, "0") for start, end in ends if end - start == 1]
    years = [(end, _DIGITS) for start, end in ends if end - start == 3]
    return [*days[:1], *tens, *days[1:], *years]


def _alphabets(value: str, *, hexadecimal: bool) -> Iterator[tuple[int, str]]:
    numeric = value.replace(".", "", 1).lstrip("-").isdecimal()
    last = len(value) - 1
    begun = False
    for place, char in enumerate(value):
        if "0" <= char <= "9":
            # A number keeps its count of digits, leading zeros, and a last decimal that counts.
            bare = numeric and not begun
            begun = begun or char != "0"
            if bare and char == "0":
                continue
            yield place, NOT_ZERO if numeric and (bare or place == last) else _DIGITS
        elif "a" <= char <= "z":
            yield place, "abcdef" if hexadecimal else _LOWER
        elif "A" <= char <= "Z":
            yield place, "ABCDEF" if hexadecimal else _UPPER
        elif char > "\x7f" and char.isalnum() and char < "\U00010000":
            if char < "\u0800":
                yield place, _TWO_BYTES[1 if char.isupper() else 0]
            else:
                yield place, _THREE_BYTES


def with_signs(date: str) -> str:
    """A date of eight digits, with separators."""
    return f"{date[:4]}/{date[4:6]}/{date[6:]}"


def halves(slots: Slots) -> tuple[Slots, Slots]:
    """The characters that are drawn, and those that the checksum is written to."""
    count = min(_CHECK, len(slots) // 2)
    return (slots[:-count], slots[-count:]) if count else (slots, [])


def write_check(letters: list[str], check: Slots) -> None:
    """Write the checksum of all other characters into its places."""
    for place, _ in check:
        letters[place] = "\0"
    text = "".join(letters).encode("utf-8", "surrogatepass")
    sums = hashlib.sha256(b"pytest-lambda-rollback pseudonym\0" + text).digest()
    for number, (place, alphabet) in enumerate(check):
        letters[place] = alphabet[sums[number] % len(alphabet)]


def rechecked(value: str, keep: int) -> str:
    """The value with its checksum."""
    letters = list(value)
    write_check(letters, halves(slots_of(value, keep))[1])
    return "".join(letters)


def shifted(value: str, slots: Slots) -> str:
    """The value with its first free character changed, for the rare draw of the value itself."""
    if not slots:
        return value
    place, alphabet = slots[0]
    following = alphabet[(alphabet.find(value[place]) + 1) % len(alphabet)]
    return value[:place] + following + value[place + 1 :]


def dated(year: str, clock: str) -> str:
    """The one date of a year and a time of day that a pseudonym can have."""
    sums = hashlib.sha256(f"pytest-lambda-rollback date\0{year}{clock}".encode()).digest()
    return f"{year}-{1 + sums[0] % 12:02d}-{1 + sums[1] % 28:02d}{clock}"


# --- recognising pseudonyms: each function returns the bits of evidence, 0 for none ---------------

SURE_BITS: Final = 20.0
"""Enough to take a value for a pseudonym where a mistake would let a secret pass."""
LIKELY_BITS: Final = 3.0
"""Enough to take a value for a pseudonym where only a warning depends on it."""

_RESERVED_END: Final = re.compile(r"(?i)(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid)$")
DOCUMENTATION: Final = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
)
DOCUMENTATION_6: Final = ipaddress.ip_network("2001:db8::/32")


def ours(value: str, *, keep: int = 0) -> float:
    """Bits of evidence that a text is the pseudonym of a plain text."""
    if not keep and (found := DATE.fullmatch(value)):
        year, clock = found.group(1) + found.group(2), found.group(5)
        return log2(12 * 28) if dated(year, clock) == value else 0.0
    _, check = halves(slots_of(value, keep))
    letters = list(value)
    write_check(letters, check)
    if "".join(letters) != value:
        return 0.0
    return sum(log2(len(alphabet)) for _, alphabet in check)


def recognisable(value: str) -> bool:
    """True if a pseudonym of this form can be recognised: a single letter cannot."""
    return len(slots_of(value, 0)) > 1


def number_is_ours(text: str) -> float:
    """Bits for the text of a number."""
    mantissa = text.lower().partition("e")[0]
    return ours(mantissa) if any(digit in NOT_ZERO for digit in mantissa) else SURE_BITS


def date_is_ours(value: str) -> float:
    """Bits for a date that is written as eight digits."""
    return ours(with_signs(value))


def email_is_ours(value: str) -> float:
    """An address in a reserved domain is unassigned."""
    return SURE_BITS if _RESERVED_END.search(value) else 0.0


def card_is_ours(value: str) -> float:
    """A number from a brand's test range with our checksum."""
    number = "".join(char for char in value if char.isdigit())
    if number[:6] != card_prefix(number):
        return 0.0
    bits = ours(number[:-1], keep=6)
    return bits + log2(100_000) if bits else 0.0


def phone_is_ours(value: str) -> float:
    """Bits for a phone number."""
    digits = "".join(char for char in value if char.isdigit())
    return ours(digits, keep=phone_keep(value, digits))


def iban_is_ours(value: str) -> float:
    """Bits for a bank account."""
    return ours(value.replace(" ", "")[4:])


def address_is_ours(value: str) -> float:
    """An address of a documentation range is unassigned."""
    parsed = ipaddress.ip_address(value)
    reserved = (DOCUMENTATION_6,) if parsed.version == 6 else DOCUMENTATION
    return SURE_BITS if any(parsed in network for network in reserved) else 0.0
