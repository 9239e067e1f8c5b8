"""Taking secrets and personal data out of an event, before anything of it touches the disk.

The walk goes through the event and through what its texts carry (JSON, base64, gzip, forms,
URLs, cookies, tokens), and replaces each value that a rule names or a detector finds by its
pseudonym. A value that was replaced once is replaced wherever else the event has it. No file and
no clock is known here, nothing is logged, and no message shows a value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.recording import pseudonyms
from pytest_lambda_rollback.recording.carriers import NumberText, opened
from pytest_lambda_rollback.recording.detectors import (
    AUTHORIZATION_KEYS,
    COOKIE_KEYS,
    SIGNED,
    Span,
    authorization,
    cookies,
    found_in,
    number_kind,
)
from pytest_lambda_rollback.recording.pseudonyms import PLACEHOLDER, Pseudonyms
from pytest_lambda_rollback.recording.rules import (
    Pointer,
    RedactionRules,
    normal,
    pointer_text,
)

__all__ = ["Redaction", "RedactionRules", "Redactor", "walk"]

Report = Callable[[Pointer, str, str], None]
"""Takes the place, the detector's name and the value that was found."""

_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s\"'<>\\^`{|}]+")
_URL_PARTS: Final = re.compile(r"([^:]+://)(?:([^/?#@]*)@)?([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?")
_FORM: Final = re.compile(r"[^\s=&\"<>{}:/?#]{1,200}=[^\s&\"<>{}]*(?:&[^\s&\"<>{}]*)*")
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_QUERY_KEYS: Final = frozenset(("rawquerystring", "querystring", "query"))
_TYPED: Final = frozenset(("S", "N", "B", "SS", "NS", "BS", "L", "M"))
"""DynamoDB's type descriptors, which are no names."""
_VALUES: Final = ("value", "Value", "stringValue", "StringValue", "binaryValue", "BinaryValue")
_TYPES: Final = frozenset(("Type", "type", "dataType", "DataType"))
_DEPTH: Final = 12
_ECHO_LENGTH: Final = 6
_ECHO_WORD: Final = 16
_KINDS: Final[dict[str, tuple[Callable[[str], float], str]]] = {
    "text": (pseudonyms.ours, "text"),
    "email": (pseudonyms.email_is_ours, "email"),
    "card": (pseudonyms.card_is_ours, "card"),
    "phone": (pseudonyms.phone_is_ours, "phone"),
    "iban": (pseudonyms.iban_is_ours, "iban"),
    "ip": (pseudonyms.address_is_ours, "address"),
    "number": (pseudonyms.number_is_ours, "number"),
}


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

        changed = walk(event, self._rules, self._pseudonyms, report)
        return changed, tuple(dict.fromkeys(found))


def walk(
    event: object,
    rules: RedactionRules,
    drawn: Pseudonyms,
    report: Report,
    *,
    sure: float = pseudonyms.SURE_BITS,
) -> object:
    """The event with every found value replaced; what is a pseudonym by ``sure`` bits stays."""
    try:
        first = _Walk(rules, drawn, report, sure)
        changed = first.value(event, (), "", None)
        again = first.echoes(report)
        return again.value(changed, (), "", None) if again else changed
    except RecursionError as error:
        raise SourceError(
            "an event could not be redacted",
            why="it is nested too deeply",
            do="Leave it out of the recording",
        ) from error


class _Walk:
    """One way through an event. With ``known`` it looks for those values alone."""

    def __init__(
        self,
        rules: RedactionRules,
        drawn: Pseudonyms,
        report: Report,
        sure: float,
        known: dict[str, str] | None = None,
    ) -> None:
        self._rules = rules
        self._drawn = drawn
        self._report = report
        self._sure = sure
        self._known = known
        self._replaced: dict[str, str] = {}
        self._depth = 0
        self._echo = (
            re.compile(
                r"(?<![^\W_])(?:"
                + "|".join(re.escape(one) for one in sorted(known, key=len, reverse=True))
                + r")(?![^\W_])"
            )
            if known
            else None
        )

    def echoes(self, report: Report) -> _Walk | None:
        """The walk that finds what this one replaced in other places, if anything could be."""
        telling = {
            value: other
            for value, other in self._replaced.items()
            if len(value) >= _ECHO_LENGTH
            and value != other
            and (
                len(value) >= _ECHO_WORD
                or (any(char.isdigit() for char in value) and any(c.isalpha() for c in value))
                or (len(value) >= 8 and not value.isalnum())
                or (len(value) >= 9 and value.isdigit())
            )
        }
        if not telling:
            return None
        return _Walk(self._rules, self._drawn, report, self._sure, telling)

    # --- structure ---------------------------------------------------------------------------

    def value(self, node: object, pointer: Pointer, hint: str, forced: str | None) -> object:
        """The node with its values replaced; ``forced`` says which rule names all of it."""
        if self._rules.keeps(pointer):
            return node
        if forced is None and self._known is None and self._rules.wants(pointer):
            forced = "pointer"
        if isinstance(node, dict):
            return self._object(node, pointer, hint, forced)
        if isinstance(node, list):
            return self._list(node, pointer, hint, forced)
        if isinstance(node, str):
            return self.string(node, pointer, hint, forced)
        if isinstance(node, (int, float, Decimal)) and not isinstance(node, bool):
            return self._number(node, pointer, hint, forced)
        return node

    def _object(
        self, node: dict[str, object], pointer: Pointer, hint: str, forced: str | None
    ) -> dict[str, object]:
        changed: dict[str, object] = {}
        pair = _name_of_pair(node)
        attribute = any(name in node for name in _VALUES)
        for key, item in node.items():
            inner, rule = key, forced
            if pair and key in _VALUES:
                inner = pair
            elif key in _VALUES or (key in _TYPED and len(node) == 1):
                inner = hint
            if rule is None and self._known is None and self._rules.names(inner):
                rule = "key"
            name = self._key(key, pointer)
            # A pointer is shown to people, so it must not show a key that was replaced.
            place = (*pointer, key if name == key else "*")
            if attribute and key in _TYPES:
                rule = None
            if pair and item == pair:
                new: object = item
            else:
                new = self.value(item, place, inner, rule)
            changed[key if name in changed or name in node else name] = new
        return changed

    def _key(self, key: str, pointer: Pointer) -> str:
        if self._rules.keeps((*pointer, key)):
            return key
        return self._free(key, (*pointer, "*"), "")

    def _list(
        self, node: list[object], pointer: Pointer, hint: str, forced: str | None
    ) -> list[object]:
        if text := _bytes_text(node):
            changed = self.string(text, pointer, hint, forced)
            return node if changed == text else list(changed.encode())
        return [
            self.value(item, (*pointer, str(place)), hint, forced)
            for place, item in enumerate(node)
        ]

    def _number(
        self, node: float | Decimal, pointer: Pointer, hint: str, forced: str | None
    ) -> object:
        text = node.text if isinstance(node, NumberText) else str(node)
        kind = None
        if self._known is not None:
            if text in self._known:
                self._report(pointer, "echo", text)
                return _number_like(node, self._known[text])
            return node
        if isinstance(node, int):
            kind = number_kind(text, hint, self._rules)
        if kind is None and forced is None:
            return node
        changed = self._replace(text, kind or "number", forced or kind or "", pointer)
        return node if changed == text else _number_like(node, changed)

    # --- text --------------------------------------------------------------------------------

    def string(self, text: str, pointer: Pointer, hint: str, forced: str | None) -> str:
        """The text with what it carries and what it says replaced."""
        if not text.strip() or PLACEHOLDER.fullmatch(text.strip()):
            return text
        self._depth += 1
        try:
            return self._string(text, pointer, hint, forced)
        finally:
            self._depth -= 1

    def _string(self, text: str, pointer: Pointer, hint: str, forced: str | None) -> str:
        inside = opened(text, encoded=forced is None) if self._depth < _DEPTH else None
        if inside is not None:
            document, close = inside
            changed = self.value(document, pointer, hint, forced)
            if isinstance(document, (dict, list)) or changed != document:
                return text if changed == document else close(changed)
        if self._known is None:
            key = normal(hint)
            if key in AUTHORIZATION_KEYS and (forced or self._rules.detects("authorization")):
                return self._spans(text, authorization(text), pointer)
            if key in COOKIE_KEYS and (forced or self._rules.detects("cookie")):
                return self._spans(text, cookies(text, is_set=key == "setcookie"), pointer)
            if forced is not None:
                return self._whole(text, forced, pointer)
        if _FORM.fullmatch(text) and ("&" in text or normal(hint) in (*_QUERY_KEYS, "body")):
            return self._form(text, pointer)
        return self._free(text, pointer, hint)

    def _free(self, text: str, pointer: Pointer, hint: str) -> str:
        """A text with the URLs and values in it replaced."""
        if "://" not in text:
            return self._plain(text, pointer, hint)
        done: list[str] = []
        start = 0
        for match in _URL.finditer(text):
            done.append(self._plain(text[start : match.start()], pointer, hint))
            done.append(self._url(match[0], pointer))
            start = match.end()
        return "".join([*done, self._plain(text[start:], pointer, hint)])

    def _plain(self, text: str, pointer: Pointer, hint: str) -> str:
        if _PERCENT.search(text):
            decoded = unquote(text)
            changed = self._plain(decoded, pointer, hint) if decoded != text else decoded
            if changed != decoded:
                safe = "/:,;=+$!*'()~?& " + ("" if "%40" in text else "@")
                return quote(changed, safe=safe.replace(" ", "") if "%20" in text else safe)
        if self._known is not None:
            return self._known_in(text, pointer)
        return self._spans(text, found_in(text, self._rules, hint), pointer)

    def _known_in(self, text: str, pointer: Pointer) -> str:
        known = self._known or {}

        def other(match: re.Match[str]) -> str:
            self._report(pointer, "echo", match[0])
            return known[match[0]]

        return self._echo.sub(other, text) if self._echo else text

    def _spans(self, text: str, spans: tuple[Span, ...], pointer: Pointer) -> str:
        done: list[str] = []
        start = 0
        for span in spans:
            done.append(text[start : span.start])
            value = text[span.start : span.end]
            if span.kind == "whole":
                done.append(self._whole(value, span.detector, pointer))
            elif span.kind == "basic":
                done.append(self._basic(value, span.detector, pointer))
            elif span.kind == "jwt":
                done.append(self._jwt(value, pointer))
            else:
                done.append(self._replace(value, span.kind, span.detector, pointer))
            start = span.end
        return "".join([*done, text[start:]])

    def _whole(self, text: str, detector: str, pointer: Pointer) -> str:
        """All of a text, by what kind it is if it is of one kind, and else as mere text."""
        bare = text.strip()
        if not bare or PLACEHOLDER.fullmatch(bare):
            return text
        decoded = unquote(bare) if "%" in bare else bare
        if decoded != bare:
            changed = self._whole(decoded, detector, pointer)
            return text if changed == decoded else text.replace(bare, quote(changed, safe=""))
        start = text.index(bare)
        spans = found_in(bare, RedactionRules(keys=()))
        of_one = len(spans) == 1 and bare.endswith(bare[spans[0].start : spans[0].end])
        if of_one and (spans[0].start == 0 or spans[0].kind == "text"):
            changed = self._spans(bare, spans, pointer)
        elif "://" in bare and self._free(bare, pointer, "") != bare:
            changed = self._free(bare, pointer, "")
        else:
            changed = self._replace(bare, "text", detector, pointer)
        return text[:start] + changed + text[start + len(bare) :]

    def _basic(self, text: str, detector: str, pointer: Pointer) -> str:
        """User and password of HTTP's Basic scheme (RFC 7617), each by its kind."""
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
        except (ValueError, binascii.Error):
            return self._replace(text, "text", detector, pointer)
        parts = [self._whole(part, detector, pointer) for part in plain.split(":", 1)]
        changed = ":".join(parts)
        return text if changed == plain else base64.b64encode(changed.encode()).decode()

    def _jwt(self, text: str, pointer: Pointer) -> str:
        if self._depth >= _DEPTH:
            return self._replace(text, "text", "jwt", pointer)
        if not text.endswith(".") and pseudonyms.ours(text.rpartition(".")[2]) < self._sure:
            self._report(pointer, "jwt", text)
        self._depth += 1
        try:
            return self._drawn.jwt(text, lambda claims: self.value(claims, pointer, "", None))
        finally:
            self._depth -= 1

    def _form(self, text: str, pointer: Pointer) -> str:
        """A query or a form: names stay, values are decoded and encoded again."""
        return "&".join(self._parameter(part, pointer) for part in text.split("&"))

    def _parameter(self, part: str, pointer: Pointer) -> str:
        name, equals, raw = part.partition("=")
        key = unquote_plus(name)
        plain = unquote_plus(raw)
        rule = None
        if self._known is None:
            if self._rules.names(key):
                rule = "key"
            elif normal(key) in SIGNED and self._rules.detects("signed-url"):
                rule = "signed-url"
        renamed = self._key(key, pointer)
        changed = self.value(plain, (*pointer, key if renamed == key else "*"), key, rule)
        if changed != plain:
            raw = (
                quote_plus(str(changed), safe="/:@,") if "+" in raw else quote(str(changed), "/:@,")
            )
        return (name if renamed == key else quote(renamed, safe="[]")) + equals + raw

    def _url(self, text: str, pointer: Pointer) -> str:
        parts = _URL_PARTS.fullmatch(text)
        if parts is None:
            return self._plain(text, pointer, "")
        scheme, user, host, path, query, fragment = (part or "" for part in parts.groups())
        if user and self._known is None and self._rules.detects("url-credentials"):
            names = [self._whole(each, "url-credentials", pointer) for each in user.split(":", 1)]
            user = ":".join(names)
        plain = unquote(path)
        changed = self._plain(plain, pointer, "")
        if changed != plain:
            path = quote(changed, safe="/@:,;=+$!*'()~")
        if query:
            query = "?" + self._form(query[1:], pointer)
        if "=" in fragment:
            fragment = "#" + self._form(fragment[1:], pointer)
        host = self._plain(host, pointer, "")
        # Some paths are credentials themselves, as those of chat webhooks.
        joined = host + path
        return (
            scheme
            + (f"{user}@" if user else "")
            + self._plain(joined, pointer, "")
            + query
            + fragment
        )

    def _replace(self, value: str, kind: str, detector: str, pointer: Pointer) -> str:
        recognised, draw = _KINDS[kind]
        if recognised(value) >= self._sure:
            return value
        other = str(getattr(self._drawn, draw)(value))
        if other != value:
            self._report(pointer, detector, value)
            self._replaced[value] = other
        return other


def _name_of_pair(node: dict[str, object]) -> str | None:
    """The name in an object that is a name and a value, as attributes and headers come."""
    if len(node) > 4 or not any(name in node for name in _VALUES):
        return None
    for key in ("name", "Name", "key", "Key"):
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
