"""The numbers that people and banks are known by: cards, bank accounts, telephones. Pure.

What brand, country or check digits a number has, and nothing of what replaces it.
"""

from __future__ import annotations

import re
from typing import Final

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
    """How many leading digits of a phone number stay: country code and start of the range."""
    if not value.lstrip().startswith("+"):
        return 3 if len(digits) >= 9 else 1
    if digits[:1] == "1":
        return 4
    country = _COUNTRY_LENGTH.match(digits)
    return (country.end() if country else 3) + 2
