"""The shape of a text: which characters of it are drawn anew, and from which letters. Pure.

Letters stay letters of their case, digits digits, everything else stays; UUIDs and hexadecimal
text stay what they are, and dates dates. Half of what is drawn (at most eight characters) is a
checksum of the rest that needs no key, by which a pseudonym is recognised.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Iterator
from typing import Final

Slots = list[tuple[int, str]]
"""(place, alphabet) of characters."""
NOT_ZERO: Final = "123456789"

_CHECK: Final = 8
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX: Final = re.compile(r"(?=\D*\d)(?=\d*[a-fA-F])(?:[0-9a-f]{8,}|[0-9A-F]{8,})")
DATE: Final = re.compile(r"(\d{3})(\d)-(\d\d)-(\d\d)((?:[T ]\d\d:\d\d.*)?)", re.DOTALL)
"""Its groups: decade, year in it, month, day, and the time of day where there is one."""
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
    """A date of eight digits as one that is seen to be a date."""
    return f"{date[:4]}/{date[4:6]}/{date[6:]}"


def halves(slots: Slots) -> tuple[Slots, Slots]:
    """What is drawn, and what the checksum is written to."""
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
    """The value with the checksum that belongs to it."""
    letters = list(value)
    write_check(letters, halves(slots_of(value, keep))[1])
    return "".join(letters)


def shifted(value: str, slots: Slots) -> str:
    """The value with its first free character moved on by one, for the rare draw of itself."""
    if not slots:
        return value
    place, alphabet = slots[0]
    following = alphabet[(alphabet.find(value[place]) + 1) % len(alphabet)]
    return value[:place] + following + value[place + 1 :]


def dated(year: str, clock: str) -> str:
    """The one date of a year and a time of day that a pseudonym can have."""
    sums = hashlib.sha256(f"pytest-lambda-rollback date\0{year}{clock}".encode()).digest()
    return f"{year}-{1 + sums[0] % 12:02d}-{1 + sums[1] % 28:02d}{clock}"
