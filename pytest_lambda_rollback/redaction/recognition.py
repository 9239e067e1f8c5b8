"""Telling whether a value is a pseudonym already, on any machine and without a key. Pure.

Each answer is how many bits speak for it; 0 says that it is none.
"""

from __future__ import annotations

import ipaddress
import re
from math import log2
from typing import Final

from pytest_lambda_rollback.redaction.numbering import card_prefix, phone_keep
from pytest_lambda_rollback.redaction.slots import (
    DATE,
    NOT_ZERO,
    dated,
    halves,
    slots_of,
    with_signs,
    write_check,
)

SURE_BITS: Final = 20.0
"""From here on a value is taken for a pseudonym even where a mistake would let a secret pass."""
LIKELY_BITS: Final = 3.0
"""From here on a value is taken for a pseudonym where only a warning depends on it."""

_RESERVED_END: Final = re.compile(r"(?i)(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid)$")
DOCUMENTATION: Final = tuple(
    map(ipaddress.ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
)
DOCUMENTATION_6: Final = ipaddress.ip_network("2001:db8::/32")


def ours(value: str, *, keep: int = 0) -> float:
    """How many bits speak for a text being a pseudonym of a plain text."""
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
    """Whether a pseudonym of this shape can be told: of one letter it may be any other one."""
    return len(slots_of(value, 0)) > 1


def number_is_ours(text: str) -> float:
    """The like for the text of a number."""
    mantissa = text.lower().partition("e")[0]
    return ours(mantissa) if any(digit in NOT_ZERO for digit in mantissa) else SURE_BITS


def date_is_ours(value: str) -> float:
    """The like for a date that is written as eight digits."""
    return ours(with_signs(value))


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
    reserved = (DOCUMENTATION_6,) if parsed.version == 6 else DOCUMENTATION
    return SURE_BITS if any(parsed in network for network in reserved) else 0.0
