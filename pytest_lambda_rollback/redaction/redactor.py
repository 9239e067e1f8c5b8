"""Taking secrets and personal data out of an event, before anything of it touches the disk.

An event is walked through twice: once for what a rule names or a detector finds, which is replaced
by its pseudonym, and once for wherever else the event has what was replaced. No file and no clock
is known here, nothing is logged, and no message shows a value.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.redaction.places import Place
from pytest_lambda_rollback.redaction.pseudonyms import Pseudonyms
from pytest_lambda_rollback.redaction.recognition import SURE_BITS
from pytest_lambda_rollback.redaction.replacements import Replacements, Report
from pytest_lambda_rollback.redaction.rules import Pointer, RedactionRules, pointer_text
from pytest_lambda_rollback.redaction.walk import Walk


@dataclass(frozen=True, slots=True)
class Redaction:
    """One value that was replaced."""

    pointer: str
    """JSON Pointer into the event; it goes on into what a text carries."""
    detector: str
    """A detector's name, ``key``, ``pointer``, or ``echo`` for another place of a value."""


class Redactor:
    """Redacts events by rules, with one key: equal values get equal pseudonyms."""

    def __init__(self, rules: RedactionRules, key: bytes) -> None:
        self._rules = rules
        self._pseudonyms = Pseudonyms(key)

    def redact(self, event: object) -> tuple[object, tuple[Redaction, ...]]:
        """The event with pseudonyms in it, and what was replaced. The argument is not changed.

        Raises SourceError for an event that is nested too deeply to be looked through.
        """
        found: list[Redaction] = []

        def report(pointer: Pointer, detector: str, _value: str) -> None:
            found.append(Redaction(pointer_text(pointer), detector))

        changed = replaced(event, self._rules, self._pseudonyms, report)
        return changed, tuple(dict.fromkeys(found))


def replaced(
    event: object,
    rules: RedactionRules,
    drawn: Pseudonyms,
    report: Report,
    *,
    sure: float = SURE_BITS,
) -> object:
    """The event with every found value replaced; what is a pseudonym by ``sure`` bits stays."""
    made = Replacements(drawn, report, sure)
    try:
        changed = Walk(rules, made, report).value(event, Place())
        echoes = made.echoes()
        if echoes is not None:
            changed = Walk(rules, made, report, echoes).value(changed, Place())
    except RecursionError as error:
        raise SourceError(
            "an event could not be redacted",
            why="it is nested too deeply",
            do="Leave it out of the recording",
        ) from error
    return changed
