"""Stable pseudonyms: another value of the same shape, always the same one for the same value. Pure.

A pseudonym is drawn by HMAC-SHA256 from the value and the user's key, so that nobody without the
key can find the value by trying, and so that equal values stay equal in every field and in every
recording. Letters stay letters of their case, digits digits, everything else stays; UUIDs, dates,
hexadecimal text and the checksums of cards and bank accounts stay valid.

Half of a pseudonym's characters (at most eight) are a checksum of the others that needs no key.
By it `recognition` tells a pseudonym later, on a machine that has no key. What is a secret, and
where, is not known here.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from string import ascii_lowercase
from typing import Final

from pytest_lambda_rollback.redaction.numbering import card_prefix, iban_check, luhn, phone_keep
from pytest_lambda_rollback.redaction.recognition import DOCUMENTATION, DOCUMENTATION_6
from pytest_lambda_rollback.redaction.slots import (
    DATE,
    NOT_ZERO,
    dated,
    halves,
    rechecked,
    shifted,
    slots_of,
    with_signs,
    write_check,
)

_RESERVED: Final = ("example.com", "example.net", "example.org")


class Pseudonyms:
    """Draws pseudonyms with one key. The key is never shown."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def text(self, value: str, *, keep: int = 0) -> str:
        """Another text of the same shape; the first ``keep`` characters stay as they are."""
        if date := self._date(value) if not keep else None:
            return date
        slots = slots_of(value, keep)
        own, check = halves(slots)
        letters = list(value)
        drawn = self._drawn("text", value, 2 * len(own))
        for number, (place, alphabet) in enumerate(own):
            choice = int.from_bytes(drawn[2 * number : 2 * number + 2], "big")
            letters[place] = alphabet[choice % len(alphabet)]
        write_check(letters, check)
        found = "".join(letters)
        if found == value and len(own) + len(check) > 1:
            return self.text(shifted(value, slots), keep=keep)
        return found if found != value else shifted(value, slots)

    def date(self, value: str) -> str:
        """Another date that is written as eight digits, as ``19851231``."""
        return self.text(with_signs(value)).replace("/", "")

    def number(self, text: str) -> str:
        """Another number of as many digits, as JSON text; zero stays zero."""
        mantissa, mark, exponent = text.lower().partition("e")
        if not any(digit in NOT_ZERO for digit in mantissa) or not mantissa[-1:].isdigit():
            return text
        return self.text(mantissa) + mark + exponent

    def email(self, value: str) -> str:
        """An address in a reserved domain; equal domains stay equal, whatever their case."""
        local, _, domain = value.rpartition("@")
        folded = value.lower()
        drawn = self._drawn("email", folded, 2 * len(local))
        letters = list(local)
        for number, (place, alphabet) in enumerate(slots_of(local, 0)):
            letters[place] = alphabet[drawn[number] % len(alphabet)]
        return f"{''.join(letters)}@{self.domain(domain)}"

    def domain(self, value: str) -> str:
        """A name below a domain that is reserved for examples (RFC 2606)."""
        folded = value.lower()
        drawn = self._drawn("domain", folded, 16)
        end = {"com": _RESERVED[0], "org": _RESERVED[2]}.get(
            folded.rpartition(".")[2], _RESERVED[1]
        )
        label = "".join(
            ascii_lowercase[byte % 26] for byte in drawn[: min(12, max(4, len(folded) - 12))]
        )
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
            drawn = list(rechecked("".join(drawn), keep))
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
            network = DOCUMENTATION[drawn[0] % len(DOCUMENTATION)]
            return str(network[1 + drawn[1] % 254])
        return str(DOCUMENTATION_6[int.from_bytes(drawn, "big")])

    def _drawn(self, kind: str, value: str, count: int) -> bytes:
        seed = hmac.new(self._key, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), "sha256")
        return hashlib.shake_256(seed.digest()).digest(count)

    def _date(self, value: str) -> str | None:
        found = DATE.fullmatch(value)
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
        return dated(year, clock)


def _with_digits(value: str, digits: str) -> str:
    """The value with its digits replaced in order; separators stay."""
    following = iter(digits)
    return "".join(next(following) if char.isdigit() else char for char in value)
