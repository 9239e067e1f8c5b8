"""What is replaced by what in one event: drawn anew, or found again in another place.

A value that was replaced once is looked for wherever else the event has it, if it is telling
enough not to be there by chance. Nothing of an event's structure is known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from pytest_lambda_rollback.redaction import recognition
from pytest_lambda_rollback.redaction.pseudonyms import Pseudonyms
from pytest_lambda_rollback.redaction.rules import Pointer

Report = Callable[[Pointer, str, str], None]
"""Takes the place, the detector's name and the value that was found."""

ECHO: Final = "echo"
"""The detector's name for another place of a value that was replaced."""
_LEAST: Final = 6
_WORD: Final = 16
_START: Final = re.compile(rf"(?<![^\W_])(?=(.{{{_LEAST}}}))", re.DOTALL)
_KINDS: Final[dict[str, tuple[Callable[[str], float], Callable[[Pseudonyms, str], str]]]] = {
    "text": (recognition.ours, Pseudonyms.text),
    "email": (recognition.email_is_ours, Pseudonyms.email),
    "card": (recognition.card_is_ours, Pseudonyms.card),
    "phone": (recognition.phone_is_ours, Pseudonyms.phone),
    "iban": (recognition.iban_is_ours, Pseudonyms.iban),
    "ip": (recognition.address_is_ours, Pseudonyms.address),
    "date": (recognition.date_is_ours, Pseudonyms.date),
    "number": (recognition.number_is_ours, Pseudonyms.number),
}


class Replacements:
    """Draws pseudonyms for values and remembers them; what is one by ``sure`` bits stays."""

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
        """While parts of a text were replaced and all of it is looked at: what was made stays.

        A short pseudonym has too few characters to be known as one by itself.
        """
        self._looking_again += 1
        try:
            yield
        finally:
            self._looking_again -= 1

    def text(self, value: str) -> str:
        """The same for a text that is not reported and has no echo, as a token's signature."""
        return value if recognition.ours(value) >= self._sure else self._drawn.text(value)

    def is_pseudonym(self, text: str) -> bool:
        """Whether a text is one."""
        return recognition.ours(text) >= self._sure

    def echoes(self) -> Echoes | None:
        """What finds the replaced values again, if any of them is telling."""
        telling = {
            value: other
            for value, other in self._made.items()
            if value != other and len(value) >= _LEAST and _is_telling(value)
        }
        return Echoes(telling, self._report) if telling else None


class Echoes:
    """Replaces values that are known, and nothing else."""

    def __init__(self, known: Mapping[str, str], report: Report) -> None:
        self._known = known
        self._report = report
        lengths: dict[str, set[int]] = {}
        for value in known:
            lengths.setdefault(value[:_LEAST], set()).add(len(value))
        self._lengths = {start: sorted(each, reverse=True) for start, each in lengths.items()}

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of every known value in a text, in order and without overlap."""
        at = 0
        # An expression of all values would be tried for each of them at every word.
        for match in _START.finditer(text):
            start = match.start()
            for length in self._lengths.get(match[1], ()) if start >= at else ():
                end = start + length
                if text[start:end] in self._known and not text[end : end + 1].isalnum():
                    yield start, end
                    at = end
                    break

    def replace(self, value: str, pointer: Pointer) -> str:
        """What a text or a number is replaced by, if it is known."""
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
