"""Stable pseudonyms: another value of the same form, always the same one for the same value.

A pseudonym is drawn by HMAC-SHA256 from the value and the user's key, so that nobody without the
key can find the value by trying, and so that equal values stay equal in every field and in every
recording. Its form is that of `checksums`: the checksums of cards and bank accounts stay valid,
and it carries one of its own.

`Replacements` remembers what was replaced in one event, and `Echoes` finds those values wherever
else the event has them.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from string import ascii_lowercase
from typing import Final

from pytest_lambda_rollback.redaction import checksums
from pytest_lambda_rollback.redaction.checksums import (
    DATE,
    DOCUMENTATION,
    DOCUMENTATION_6,
    NOT_ZERO,
    card_prefix,
    dated,
    halves,
    iban_check,
    luhn,
    phone_keep,
    rechecked,
    shifted,
    slots_of,
    with_signs,
    write_check,
)
from pytest_lambda_rollback.redaction.rules import Pointer

_RESERVED: Final = ("example.com", "example.net", "example.org")


class Pseudonyms:
    """Draws pseudonyms with one key. The key is never shown."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def text(self, value: str, *, keep: int = 0) -> str:
        """Another text of the same form; the first ``keep`` characters stay as they are."""
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


# --- the replacements of one event ----------------------------------------------------------------

Report = Callable[[Pointer, str, str], None]
"""Takes the place, the detector's name and the value that was found."""

ECHO: Final = "echo"
"""The detector's name for another place of a value that was replaced."""
_LEAST: Final = 6
_WORD: Final = 16
_SHORTEST_PART: Final = 3
_LONGEST_KEY: Final = 2048
"""The most that a key of DynamoDB may have, in bytes."""
_PART: Final = re.compile(r"[^#|:/?&=;,]+")
"""A part of a composite key, a path or a query."""
_START: Final = re.compile(rf"(?<![^\W_])(?=(.{{{_LEAST}}}))", re.DOTALL)
_KINDS: Final[dict[str, tuple[Callable[[str], float], Callable[[Pseudonyms, str], str]]]] = {
    "text": (checksums.ours, Pseudonyms.text),
    "email": (checksums.email_is_ours, Pseudonyms.email),
    "card": (checksums.card_is_ours, Pseudonyms.card),
    "phone": (checksums.phone_is_ours, Pseudonyms.phone),
    "iban": (checksums.iban_is_ours, Pseudonyms.iban),
    "ip": (checksums.address_is_ours, Pseudonyms.address),
    "date": (checksums.date_is_ours, Pseudonyms.date),
    "number": (checksums.number_is_ours, Pseudonyms.number),
}


class Replacements:
    """Draws pseudonyms for values and remembers them; keeps pseudonyms by ``sure`` bits."""

    def __init__(self, drawn: Pseudonyms, report: Report, sure: float) -> None:
        self._drawn = drawn
        self._report = report
        self._sure = sure
        self._made: dict[str, str] = {}
        self._others: set[str] = set()
        self._looking_again = 0

    def replace(self, value: str, kind: str, detector: str, pointer: Pointer) -> str:
        """The pseudonym of a value of one kind, or the value if it is one."""
        recognised, draw = _KINDS[kind]
        if recognised(value) >= self._sure or (self._looking_again and value in self._others):
            return value
        other = draw(self._drawn, value)
        if other != value:
            self._report(pointer, detector, value)
            self._made[value] = other
            self._others.add(other)
        return other

    @contextmanager
    def looking_again(self) -> Iterator[None]:
        """Keep the pseudonyms that were drawn, while a text whose parts were replaced is redacted.

        A short pseudonym has too few characters to be recognised.
        """
        self._looking_again += 1
        try:
            yield
        finally:
            self._looking_again -= 1

    def text(self, value: str) -> str:
        """The same for a text that is not reported and has no echo, as a token's signature."""
        return value if checksums.ours(value) >= self._sure else self._drawn.text(value)

    def is_pseudonym(self, text: str) -> bool:
        """True if a text is a pseudonym."""
        return checksums.ours(text) >= self._sure

    def echoes(self, *, also_short: bool = False) -> Echoes | None:
        """A finder of the replaced values, if any is distinctive enough.

        With ``also_short`` the others are found where they are a whole text, or a whole part of one
        that is put together of parts.
        """
        made = {value: other for value, other in self._made.items() if value != other}
        telling = {
            value: other
            for value, other in made.items()
            if len(value) >= _LEAST and _is_telling(value)
        }
        short = {
            value: other
            for value, other in (made.items() if also_short else ())
            if value not in telling and len(value) >= _SHORTEST_PART
        }
        return Echoes(telling, self._report, short) if telling or short else None


class Echoes:
    """Replaces known values and nothing else."""

    def __init__(
        self, telling: Mapping[str, str], report: Report, short: Mapping[str, str]
    ) -> None:
        self._known = {**short, **telling}
        self._telling = telling
        self._short = short
        self._report = report
        lengths: dict[str, set[int]] = {}
        for value in telling:
            lengths.setdefault(value[:_LEAST], set()).add(len(value))
        self._lengths = {start: sorted(each, reverse=True) for start, each in lengths.items()}

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of every known value in a text, in order and without overlap."""
        found = [*self._words(text), *self._parts(text)]
        at = 0
        for start, end in sorted(found, key=lambda span: (span[0], -span[1])):
            if start >= at:
                yield start, end
                at = end

    def _words(self, text: str) -> Iterator[tuple[int, int]]:
        at = 0
        # An expression of all values would be tried for each of them at every word.
        for match in _START.finditer(text):
            start = match.start()
            for length in self._lengths.get(match[1], ()) if start >= at else ():
                end = start + length
                if text[start:end] in self._telling and not text[end : end + 1].isalnum():
                    yield start, end
                    at = end
                    break

    def _parts(self, text: str) -> Iterator[tuple[int, int]]:
        """Short values that are the text, or a part of a key that is put together."""
        if not self._short:
            return
        if text in self._short:
            yield 0, len(text)
            return
        for match in _PART.finditer(text) if len(text) <= _LONGEST_KEY else ():
            if match[0] in self._short:
                yield match.span()

    def replace(self, value: str, pointer: Pointer) -> str:
        """The replacement of a text or number if it is known, or the value itself."""
        if value in self._known:
            self._report(pointer, ECHO, value)
        return self._known.get(value, value)


def _is_telling(value: str) -> bool:
    return (
        len(value) >= _WORD
        or (any(char.isdigit() for char in value) and any(char.isalpha() for char in value))
        or (len(value) >= 8 and not value.isalnum())
        or (len(value) >= 9 and value.isdigit())
    )
