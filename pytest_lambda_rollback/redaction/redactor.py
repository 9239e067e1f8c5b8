"""Redacting an event before any of it touches the disk.

An event is walked through twice, with the documents that its texts carry: once to replace what a
rule names or a detector finds by its pseudonym, and once to replace the same values wherever else
the event has them. Nothing is read, written or logged, and no message shows a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.redaction.checksums import SURE_BITS
from pytest_lambda_rollback.redaction.detectors import is_birth_date, number_kind
from pytest_lambda_rollback.redaction.documents import NumberText, Pieces, open_document
from pytest_lambda_rollback.redaction.pseudonyms import Echoes, Pseudonyms, Replacements, Report
from pytest_lambda_rollback.redaction.rules import (
    PLACEHOLDER,
    Place,
    Pointer,
    RedactionRules,
    describes,
    is_about_person,
    is_own_identity,
    pointer_text,
    rule_of,
)
from pytest_lambda_rollback.redaction.texts import Texts


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
        """The event with pseudonyms, and what was replaced. The argument is not changed.

        Raises SourceError for an event that is nested too deeply.
        """
        found: list[Redaction] = []

        def report(pointer: Pointer, detector: str, _value: str) -> None:
            found.append(Redaction(pointer_text(pointer), detector))

        changed = redact_event(event, self._rules, self._pseudonyms, report)
        return changed, tuple(dict.fromkeys(found))

    def redact_together(
        self, values: Sequence[tuple[Pointer, object]]
    ) -> tuple[tuple[object, ...], tuple[Redaction, ...]]:
        """Values of one invocation, each with the pointer of its root: as one document.

        What is replaced in one of them is replaced in all, short values too where they are a whole
        text or a whole part of a key such as ``USER#smith``: so a request that a function makes of
        its redacted event is the redacted request. Raises SourceError as `redact` does.
        """
        found: list[Redaction] = []

        def report(pointer: Pointer, detector: str, _value: str) -> None:
            found.append(Redaction(pointer_text(pointer), detector))

        changed = _redacted(
            values, self._rules, Replacements(self._pseudonyms, report, SURE_BITS), report,
            also_short=True,
        )  # fmt: skip
        return changed, tuple(dict.fromkeys(found))


def redact_event(
    event: object,
    rules: RedactionRules,
    drawn: Pseudonyms,
    report: Report,
    *,
    sure: float = SURE_BITS,
) -> object:
    """The event with all values that were found replaced; keeps pseudonyms by ``sure`` bits."""
    made = Replacements(drawn, report, sure)
    return _redacted([((), event)], rules, made, report, also_short=False)[0]


def _redacted(
    values: Sequence[tuple[Pointer, object]],
    rules: RedactionRules,
    made: Replacements,
    report: Report,
    *,
    also_short: bool,
) -> tuple[object, ...]:
    try:
        walk = _Walk(rules, made, report)
        changed = [(root, walk.value(value, Place(pointer=root))) for root, value in values]
        echoes = made.echoes(also_short=also_short)
        if echoes is not None:
            walk = _Walk(rules, made, report, echoes)
            changed = [(root, walk.value(value, Place(pointer=root))) for root, value in changed]
    except RecursionError as error:
        raise SourceError(
            "an event could not be redacted",
            why="it is nested too deeply",
            do="Exclude it from the recording",
        ) from error
    return tuple(value for _, value in changed)


# --- the walk -------------------------------------------------------------------------------------

_TYPED: Final = frozenset(
    ("S", "N", "B", "SS", "NS", "BS", "L", "M", "$text", "$bytes", "$time")
)  # fmt: skip
"""Type descriptors of DynamoDB and of recorded answers, which are not names."""
_NUMBERS: Final = frozenset(("N", "NS"))
_VALUES: Final = ("value", "Value", "stringValue", "StringValue", "binaryValue", "BinaryValue")
_TYPES: Final = frozenset(("Type", "type", "dataType", "DataType"))
_NAMES: Final = ("name", "Name", "key", "Key")
_ATTRIBUTE_KEYS: Final = 4
_PAIR_KEYS: Final = 10
"""An object with more keys is a thing with a name, and not an attribute or a pair."""
_DEPTH: Final = 12


class _Walk:
    """One walk through an event, by rules, or with ``echoes`` for known values."""

    def __init__(
        self,
        rules: RedactionRules,
        made: Replacements,
        report: Report,
        echoes: Echoes | None = None,
    ) -> None:
        self._rules = rules
        self._made = made
        self._echoes = echoes
        self._texts = Texts(rules, made, report, self.value, echoes)
        self._depth = 0

    def value(self, node: object, place: Place) -> object:
        """The node with its values replaced; the argument is not changed."""
        if self._rules.keeps(place.pointer):
            return node
        if place.rule is None and self._echoes is None and self._rules.wants(place.pointer):
            place = place.ruled("pointer")
        if isinstance(node, dict):
            return self._object(node, place)
        if isinstance(node, list):
            return self._list(node, place)
        if isinstance(node, str):
            return self._string(node, place)
        if isinstance(node, (int, float, Decimal)) and not isinstance(node, bool):
            return self._number(node, place)
        return node

    def _object(self, node: dict[str, object], place: Place) -> dict[str, object]:
        changed: dict[str, object] = {}
        pair = _name_of_pair(node)
        attribute = any(name in node for name in _VALUES)
        about = place.about or (
            self._rules.detects("identity") and is_about_person(place.key, node)
        )
        # Not everything about a person identifies them: the members' own names decide.
        outer = None if place.rule == "identity" else place.rule
        for key, item in node.items():
            inner, rule = key, outer
            if pair and key in _VALUES:
                inner = pair
            elif key in _VALUES or (key in _TYPED and len(node) == 1):
                inner, rule = place.key, place.rule
            if rule is None and self._echoes is None:
                # DynamoDB writes numbers as text.
                value = 0 if key in _NUMBERS and inner != key else item
                rule = rule_of(inner, self._rules, about=about, value=value)
            name = self._texts.name(key, place)
            if attribute and key in _TYPES:
                rule = None
            if (outer == "key" and describes(key, item, place)) or is_own_identity(key, item, node):
                inner, rule = "", None
            if pair and key in _NAMES and len(node) <= _ATTRIBUTE_KEYS:
                # The name of another value is redacted for its content, without a name.
                inner, rule = "", outer if outer == "pointer" else None
            # A pointer is shown to people, so it must not show a key that was replaced.
            shown = key if name == key else "*"
            new = self.value(
                item, Place(pointer=(*place.pointer, shown), key=inner, rule=rule, about=about)
            )
            changed[key if name in changed or name in node else name] = new
        return changed

    def _list(self, node: list[object], place: Place) -> list[object]:
        if text := _bytes_text(node):
            changed = self._string(text, place)
            return node if changed == text else list(changed.encode())
        return [self.value(item, place.below(str(number))) for number, item in enumerate(node)]

    def _number(self, node: float | Decimal, place: Place) -> object:
        text = node.text if isinstance(node, NumberText) else str(node)
        if self._echoes is not None:
            changed = self._echoes.replace(text, place.pointer)
        else:
            kind = number_kind(text, place.key, self._rules) if isinstance(node, int) else None
            detector = place.rule or kind
            if detector is None:
                return node
            if kind is None:
                kind = "date" if is_birth_date(text, place.key) else "number"
            changed = self._made.replace(text, kind, detector, place.pointer)
        return node if changed == text else _number_like(node, changed)

    def _string(self, text: str, place: Place) -> str:
        if not text.strip() or PLACEHOLDER.fullmatch(text.strip()):
            return text
        self._depth += 1
        try:
            inside = open_document(text, encoded=place.rule is None)
            if inside is not None and self._depth >= _DEPTH:
                raise RecursionError("documents within documents")
            if inside is not None:
                document, close = inside
                if isinstance(document, Pieces):
                    new = [str(self.value(piece, place)) for piece in document]
                    text = text if new == document else close(new)
                    with self._made.looking_again():
                        return self._texts.text(text, place)
                changed = self.value(document, place)
                if isinstance(document, (dict, list)) or changed != document:
                    return text if changed == document else close(changed)
            return self._texts.text(text, place)
        finally:
            self._depth -= 1


def _name_of_pair(node: dict[str, object]) -> str | None:
    """The name in an object that is a name and a value, as attributes and headers come."""
    if len(node) > _PAIR_KEYS or not any(name in node for name in _VALUES):
        return None
    if "topic" in node:  # a record of Kafka, whose key says which of many it is
        return None
    for key in _NAMES:
        name = node.get(key)
        if isinstance(name, str):
            return name
    return None


def _bytes_text(node: list[object]) -> str | None:
    """Text that comes as a list of its bytes, as in the headers of Kafka's records."""
    if len(node) < 4 or not all(type(item) is int and 0 <= item < 256 for item in node):
        return None
    try:
        text = bytes(item for item in node if isinstance(item, int)).decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _number_like(node: object, text: str) -> object:
    if isinstance(node, NumberText):
        return NumberText(text)
    return type(node)(text)  # type: ignore[call-arg]
