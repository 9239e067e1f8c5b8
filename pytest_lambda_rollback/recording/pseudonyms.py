"""Stable pseudonyms: another value of the same shape, always the same one for the same value. Pure.

A pseudonym is drawn by HMAC-SHA256 from the value and the user's key, so that nobody without the
key can find the value by trying, and so that equal values stay equal in every field and in every
recording. Letters stay letters of their case, digits digits, everything else stays; UUIDs, dates,
hexadecimal text and the checksums of cards and bank accounts stay valid.

Half of a pseudonym's characters (at most eight) are a checksum of the others that needs no key.
By it a pseudonym is recognised as one later, on a machine that has no key: `ours` says how many
bits speak for it. What is a secret, and where, is not known here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import re
import string
from collections.abc import Callable, Iterator
from math import log2
from typing import Final

SURE_BITS: Final = 20.0
"""From here on a value is taken for a pseudonym even where a mistake would let a secret pass."""
LIKELY_BITS: Final = 3.0
"""From here on a value is taken for a pseudonym where only a warning depends on it."""

PLACEHOLDER: Final = re.compile(
    r"(?i)<?\[?\(?(?:redacted|removed|filtered|hidden|masked|undefined|none|null|true|false)\)?\]?>?"
)
"""What stands where a secret was taken out, or never was one."""

_CHECK: Final = 8
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX: Final = re.compile(r"(?=\D*\d)(?=\d*[a-fA-F])(?:[0-9a-f]{8,}|[0-9A-F]{8,})")
_DATE: Final = re.compile(r"(\d{3})(\d)-(\d\d)-(\d\d)((?:[T ]\d\d:\d\d.*)?)", re.DOTALL)
_LOWER: Final = string.ascii_lowercase
_UPPER: Final = string.ascii_uppercase
_DIGITS: Final = string.digits
_NOT_ZERO: Final = "123456789"
_TWO_BYTES: Final = ("àáâãäåæçèéêëìíîïñòóôõöøùúûüý", "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝ")
_THREE_BYTES: Final = "".join(map(chr, range(0x4E00, 0x4E40)))
_RESERVED: Final = ("example.com", "example.net", "example.org")
_RESERVED_END: Final = re.compile(r"(?i)(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid)$")
_DOCUMENTATION: Final = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
)
_DOCUMENTATION_6: Final = ipaddress.ip_network("2001:db8::/32")

CARD_PREFIXES: Final = (
    # (brand's prefixes, lengths, prefix of test numbers of the same brand)
    (re.compile(r"4"), (13, 16, 19), "411111"),
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


class Pseudonyms:
    """Draws pseudonyms with one key. The key is never shown."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def text(self, value: str, *, keep: int = 0) -> str:
        """Another text of the same shape; the first ``keep`` characters stay as they are."""
        if dated := self._date(value) if not keep else None:
            return dated
        slots = _slots(value, keep)
        own, check = _halves(slots)
        letters = list(value)
        drawn = self._drawn("text", value, 2 * len(own))
        for number, (place, alphabet) in enumerate(own):
            choice = int.from_bytes(drawn[2 * number : 2 * number + 2], "big")
            letters[place] = alphabet[choice % len(alphabet)]
        _write_check(letters, check)
        found = "".join(letters)
        if found == value and len(own) + len(check) > 1:
            return self.text(_shifted(value, slots), keep=keep)
        return found if found != value else _shifted(value, slots)

    def number(self, text: str) -> str:
        """Another number of as many digits, as JSON text; zero stays zero."""
        mantissa, mark, exponent = text.lower().partition("e")
        if not any(digit in _NOT_ZERO for digit in mantissa) or not mantissa[-1:].isdigit():
            return text
        return self.text(mantissa) + mark + exponent

    def email(self, value: str) -> str:
        """An address in a reserved domain; equal domains stay equal, whatever their case."""
        local, _, domain = value.rpartition("@")
        folded = value.lower()
        drawn = self._drawn("email", folded, 2 * len(local))
        letters = list(local)
        for number, (place, alphabet) in enumerate(_slots(local, 0)):
            letters[place] = alphabet[drawn[number] % len(alphabet)]
        return f"{''.join(letters)}@{self.domain(domain)}"

    def domain(self, value: str) -> str:
        """A name below a domain that is reserved for examples (RFC 2606)."""
        folded = value.lower()
        drawn = self._drawn("domain", folded, 16)
        end = {"com": _RESERVED[0], "org": _RESERVED[2]}.get(
            folded.rpartition(".")[2], _RESERVED[1]
        )
        label = "".join(_LOWER[byte % 26] for byte in drawn[: min(12, max(4, len(folded) - 12))])
        return f"{label}.{end}"

    def card(self, value: str) -> str:
        """A number of the same brand that passes Luhn, from the range of its test numbers."""
        digits = [char for char in value if char.isdigit()]
        number = "".join(digits)
        prefix = card_prefix(number) or number[:6]
        body = self.text(prefix + number[6:-1], keep=6)
        return _with_digits(value, body + luhn(body))

    def phone(self, value: str) -> str:
        """The same country code and start of the number range, and other digits after it."""
        digits = "".join(char for char in value if char.isdigit())
        keep = phone_keep(value, digits)
        drawn = list(self.text(digits, keep=keep))
        if value.lstrip().startswith("+1") and len(digits) == 11 and drawn[4] in "01":
            drawn[4] = str(2 + int(drawn[4]))
            drawn = list(_rechecked("".join(drawn), keep))
        return _with_digits(value, "".join(drawn))

    def iban(self, value: str) -> str:
        """An account of the same country and form whose check digits are right."""
        plain = value.replace(" ", "")
        account = self.text(plain[4:])
        letters = iter(plain[:2] + iban_check(plain[:2], account) + account)
        return "".join(char if char == " " else next(letters) for char in value)

    def address(self, value: str) -> str:
        """An IP address of the ranges reserved for documentation (RFC 5737, RFC 3849)."""
        parsed = ipaddress.ip_address(value)
        drawn = self._drawn("address", parsed.exploded, 12)
        if parsed.version == 4:
            network = _DOCUMENTATION[drawn[0] % len(_DOCUMENTATION)]
            return str(network[1 + drawn[1] % 254])
        return str(_DOCUMENTATION_6[int.from_bytes(drawn, "big")])

    def jwt(self, value: str, claims: Callable[[object], object]) -> str:
        """A token of the same form; ``claims`` gives the payload that replaces the decoded one.

        Algorithm and type of the header stay; the signature is another one of the same length.
        """
        parts = value.split(".")
        header = decoded_part(parts[0])
        if isinstance(header, dict):
            kept = {
                key: self.text(item) if isinstance(item, str) and key == "kid" else item
                for key, item in header.items()
            }
            parts[0] = parts[0] if kept == header else encoded_part(kept)
        if len(parts) != 3:
            return ".".join([parts[0], *(self.text(part) for part in parts[1:])])
        payload = decoded_part(parts[1])
        changed = claims(payload) if isinstance(payload, dict) else payload
        if payload is None:
            parts[1] = self.text(parts[1])
        elif changed != payload:
            parts[1] = encoded_part(changed)
        if parts[2] and ours(parts[2]) < SURE_BITS:
            parts[2] = self.text(parts[2])
        return ".".join(parts)

    def _drawn(self, kind: str, value: str, count: int) -> bytes:
        seed = hmac.new(self._key, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), "sha256")
        return hashlib.shake_256(seed.digest()).digest(count)

    def _date(self, value: str) -> str | None:
        found = _DATE.fullmatch(value)
        if found is None:
            return None
        decade, _, _, _, rest = found.groups()
        drawn = self._drawn("date", value, 16)
        time = list(rest)
        for place, most in zip((1, 2, 4, 5, 7, 8), (2, 10, 6, 10, 6, 10), strict=True):
            if place < len(rest) and rest[place].isdigit():
                high = 4 if place == 2 and time[1] == "2" else most
                time[place] = str(drawn[place] % high)
        year, clock = f"{decade}{drawn[15] % 10}", "".join(time)
        return _dated(year, clock)


def ours(value: str, *, keep: int = 0) -> float:
    """How many bits speak for a text being a pseudonym of `Pseudonyms.text`; 0 if it is none."""
    if not keep and (found := _DATE.fullmatch(value)):
        year, clock = found.group(1) + found.group(2), found.group(5)
        return log2(12 * 28) if _dated(year, clock) == value else 0.0
    _, check = _halves(_slots(value, keep))
    letters = list(value)
    _write_check(letters, check)
    if "".join(letters) != value:
        return 0.0
    return sum(log2(len(alphabet)) for _, alphabet in check)


def number_is_ours(text: str) -> float:
    """The like for the text of a number."""
    mantissa = text.lower().partition("e")[0]
    return ours(mantissa) if any(digit in _NOT_ZERO for digit in mantissa) else SURE_BITS


def email_is_ours(value: str) -> float:
    """An address in a reserved domain is nobody's."""
    return SURE_BITS if _RESERVED_END.search(value) else 0.0


def card_is_ours(value: str) -> float:
    """A number from a brand's test range with our checksum."""
    number = "".join(char for char in value if char.isdigit())
    if number[:6] != card_prefix(number):
        return 0.0
    bits = ours(number[:-1], keep=6)
    return bits + log2(100_000) if bits else 0.0


def phone_is_ours(value: str) -> float:
    """The like for a phone number."""
    digits = "".join(char for char in value if char.isdigit())
    return ours(digits, keep=phone_keep(value, digits))


def iban_is_ours(value: str) -> float:
    """The like for a bank account."""
    return ours(value.replace(" ", "")[4:])


def address_is_ours(value: str) -> float:
    """An address of a documentation range is nobody's."""
    parsed = ipaddress.ip_address(value)
    reserved = (_DOCUMENTATION_6,) if parsed.version == 6 else _DOCUMENTATION
    return SURE_BITS if any(parsed in network for network in reserved) else 0.0


# --- the arithmetic of numbers ----------------------------------------------------------------


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
    """How many leading digits of a phone number stay: country code and start of the range."""
    if not value.lstrip().startswith("+"):
        return 3 if len(digits) >= 9 else 1
    if digits[:1] == "1":
        return 4
    country = _COUNTRY_LENGTH.match(digits)
    return (country.end() if country else 3) + 2


def decoded_part(part: str) -> object:
    """The JSON value of one part of a JWT, or ``None``."""
    try:
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None


def encoded_part(value: object) -> str:
    """One part of a JWT for a JSON value."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


# --- the shape of a text ----------------------------------------------------------------------

_Slots = list[tuple[int, str]]


def _slots(value: str, keep: int) -> _Slots:
    """(place, alphabet) of every character that is drawn anew."""
    if _UUID.fullmatch(value):
        return [
            (place, alphabet)
            for place, alphabet in _alphabets(value, hexadecimal=True)
            if place not in (14, 19)  # version and variant
        ]
    found = _alphabets(value, hexadecimal=_HEX.fullmatch(value) is not None)
    return [(place, alphabet) for place, alphabet in found if place >= keep]


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
            yield place, _NOT_ZERO if numeric and (bare or place == last) else _DIGITS
        elif "a" <= char <= "z":
            yield place, "abcdef" if hexadecimal else _LOWER
        elif "A" <= char <= "Z":
            yield place, "ABCDEF" if hexadecimal else _UPPER
        elif char > "\x7f" and char.isalnum() and char < "\U00010000":
            if char < "\u0800":
                yield place, _TWO_BYTES[1 if char.isupper() else 0]
            else:
                yield place, _THREE_BYTES


def _halves(slots: _Slots) -> tuple[_Slots, _Slots]:
    """What is drawn, and what the checksum is written to."""
    count = min(_CHECK, len(slots) // 2)
    return (slots[:-count], slots[-count:]) if count else (slots, [])


def _write_check(letters: list[str], check: _Slots) -> None:
    for place, _ in check:
        letters[place] = "\0"
    text = "".join(letters).encode("utf-8", "surrogatepass")
    sums = hashlib.sha256(b"pytest-lambda-rollback pseudonym\0" + text).digest()
    for number, (place, alphabet) in enumerate(check):
        letters[place] = alphabet[sums[number] % len(alphabet)]


def _rechecked(value: str, keep: int) -> str:
    letters = list(value)
    _write_check(letters, _halves(_slots(value, keep))[1])
    return "".join(letters)


def _shifted(value: str, slots: _Slots) -> str:
    """The value with its first free character moved on by one, for the rare draw of itself."""
    if not slots:
        return value
    place, alphabet = slots[0]
    following = alphabet[(alphabet.find(value[place]) + 1) % len(alphabet)]
    return value[:place] + following + value[place + 1 :]


def _with_digits(value: str, digits: str) -> str:
    """The value with its digits replaced in order; separators stay."""
    following = iter(digits)
    return "".join(next(following) if char.isdigit() else char for char in value)


def _dated(year: str, clock: str) -> str:
    sums = hashlib.sha256(f"pytest-lambda-rollback date\0{year}{clock}".encode()).digest()
    return f"{year}-{1 + sums[0] % 12:02d}-{1 + sums[1] % 28:02d}{clock}"
