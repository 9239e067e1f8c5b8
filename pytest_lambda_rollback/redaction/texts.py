"""Redacting one text: a URL, a form, a header, or plain words.

`redactor` opens texts that are documents as a whole (JSON, base64), and is called back for what
tokens and parameters hold.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from urllib.parse import quote, quote_plus, unquote_plus

from pytest_lambda_rollback.redaction.detectors import (
    SIGNED,
    is_birth_date,
    structured_values_in,
    tokens_in,
    values_in,
    without_overlaps,
)
from pytest_lambda_rollback.redaction.documents import (
    decode_fully,
    decoded_levels,
    encode_like,
    redraw_token,
)
from pytest_lambda_rollback.redaction.named_values import (
    AUTHORIZATION_KEYS,
    COOKIE_KEYS,
    Span,
    authorization,
    cookies,
    person_in,
)
from pytest_lambda_rollback.redaction.pseudonyms import ECHO, Echoes, Replacements, Report
from pytest_lambda_rollback.redaction.rules import (
    PLACEHOLDER,
    Place,
    RedactionRules,
    normal,
    rule_of,
)

Inside = Callable[[object, Place], object]
"""Redacts a value that was found in a text."""

_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}://[^\s\"'<>\\^`{|}]+")
_URL_PARTS: Final = re.compile(r"([^:]+://)(?:([^/?#]*)@)?([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?")
_ODD_PASSWORD: Final = re.compile(
    r"[a-zA-Z][a-zA-Z0-9+.-]{1,20}(?:(?<!(?i:http))(?<!(?i:https))(?P<login>))?+://"
    r"(?P<user>[^\s:/?#@\[\]{}\"'<>]{0,80}+):"
    r"(?!\d*[/?#]|\$?\{[\w .-]*\})"  # a port, a name to be filled in
    r"(?P<it>(?:[^\s/?#@\\^`{|}\"'<>]{0,80}+[/?#\\^`{|}]"
    r"|(?(login)[^\s/?#\\^`{|}\"'<>]{0,80}+[#\\^`{|}]|(?!)))"  # on the web @ may end a name
    r"(?:(?!://)[^\s\"'<>]){0,120}?)"
    r"(?=@[\w.\[-][\w.:\[\]-]*(?:[/?#,;\s\"'<>)\\]|$))"
)
"""A password in a URL with signs that must be encoded there (RFC 3986), as databases' often are."""
_ARN: Final = re.compile(r"arn:aws[\w-]*:[a-z0-9-]+:[a-z0-9-]*:(?:\d*|aws):[^\s\"'<>]+")
_FORM: Final = re.compile(r"[^\s=&\"<>{}:/?#]{1,200}=[^\s&\"<>{}]*(?:&[^\s&\"<>{}]*)*")
_PEM_FRAME: Final = re.compile(
    r"(?:\s|\\[nr]|-----(?:BEGIN|END)[A-Z +]{0,40}(?:-----)?"
    r"|(?:Proc-Type|DEK-Info|Version|Hash): (?:[^\\\r\n]|\\(?![nr])){0,80})*+"
)
"""The lines around a key (RFC 7468, RFC 1421, RFC 4880), which are not part of it."""
_FORMAT: Final = re.compile(r"(?:https?://)?[\w./-]*|(?:bot)?\d+:AA")
"""The beginning of a token of a known format, as ``ghp_``, and of a webhook."""
_SAFE: Final = "/:@,"
"""Characters that stay as they are in a parameter, unless its value escaped them."""
_FORM_KEYS: Final = frozenset(("rawquerystring", "querystring", "query", "body"))
_NO_KEYS: Final = RedactionRules(keys=(), text_keys=())


class Texts:
    """Redacts texts by rules, or with ``echoes`` replaces known values and nothing else."""

    def __init__(
        self,
        rules: RedactionRules,
        made: Replacements,
        report: Report,
        inside: Inside,
        echoes: Echoes | None,
    ) -> None:
        self._rules = rules
        self._made = made
        self._report = report
        self._inside = inside
        self._echoes = echoes

    def text(self, text: str, place: Place) -> str:
        """A text that is not a document, with the values in it replaced."""
        key = normal(place.key)
        if self._echoes is None:
            if key in AUTHORIZATION_KEYS and (place.rule or self._rules.detects("authorization")):
                return self._spans(text, authorization(text), place)
            if key in COOKIE_KEYS and (place.rule or self._rules.detects("cookie")):
                return self._spans(text, cookies(text, is_set=key == "setcookie"), place)
            if place.rule == "identity":
                return self._identity(text, place)
            if place.rule == "key" and _ARN.fullmatch(text):
                return self.free(text, place.ruled(None))  # it names a resource, as a TargetToken
            if place.rule is not None:
                return self._whole(text, place.rule, place)
        if _FORM.fullmatch(text) and ("&" in text or key in _FORM_KEYS):
            return self._form(text, place)
        return self.free(text, place)

    def free(self, text: str, place: Place) -> str:
        """A text with the URLs and values in it replaced."""
        if "://" not in text:
            return self._plain(text, place)
        done: list[str] = []
        start = 0
        # A URL must not part a table's cells from their header, or an element from its name.
        for span in structured_values_in(text, self._rules) if self._echoes is None else ():
            done.append(self._parted(text[start : span.start], place))
            done.append(self._whole(text[span.start : span.end], span.detector, place))
            start = span.end
        return "".join([*done, self._parted(text[start:], place)])

    def _parted(self, text: str, place: Place) -> str:
        done: list[str] = []
        start = 0
        if self._echoes is None and self._rules.detects("url-credentials"):
            for match in _ODD_PASSWORD.finditer(text):
                done.append(self._urls(text[start : match.start()], place))
                done.append(text[match.start() : match.start("user")])
                names = (match["user"], match["it"])
                done.append(":".join(self._whole(each, "url-credentials", place) for each in names))
                start = match.end()
        return "".join([*done, self._urls(text[start:], place)])

    def _urls(self, text: str, place: Place) -> str:
        done: list[str] = []
        start = 0
        for match in _URL.finditer(text):
            done.append(self._plain(text[start : match.start()], place))
            done.append(self._url(match[0], place))
            start = match.end()
        return "".join([*done, self._plain(text[start:], place)])

    def name(self, key: str, place: Place) -> str:
        """A key of the object at a place, with the values in it replaced."""
        if self._rules.keeps((*place.pointer, key)):
            return key
        return self.free(key, Place(pointer=(*place.pointer, "*")))

    def _plain(self, text: str, place: Place) -> str:
        spans = self._found(text, place)
        inner = [
            replace(span, start=level.place(span.start), end=level.place(span.end))
            for level in decoded_levels(text)
            for span in self._found(level.text, place)
        ]
        if inner:
            # A value under a name may have an escaped sign that would end it.
            named = [span for span in spans if span.kind == "whole"]
            spans = without_overlaps((*named, *inner, *spans))
        return self._spans(text, spans, place)

    def _found(self, text: str, place: Place) -> tuple[Span, ...]:
        if self._echoes is None:
            return values_in(text, self._rules, place.key)
        echoes = (Span(*each, ECHO, ECHO) for each in self._echoes.places(text))
        return without_overlaps((*tokens_in(text), *echoes))

    def _spans(self, text: str, spans: tuple[Span, ...], place: Place) -> str:
        done: list[str] = []
        start = 0
        for span in spans:
            done.append(text[start : span.start])
            value = text[span.start : span.end]
            if "%" in value:
                done.append(encode_like(self._value(decode_fully(value), span, place), value))
            else:
                done.append(self._value(value, span, place))
            start = span.end
        return "".join([*done, text[start:]])

    def _value(self, value: str, span: Span, place: Place) -> str:
        if span.kind == "whole":
            return self._whole(value, span.detector, place)
        if span.kind == "basic":
            return self._basic(value, span.detector, place)
        if span.kind == "jwt":
            return self._token(value, place)
        if span.kind == ECHO and self._echoes is not None:
            return self._echoes.replace(value, place.pointer)
        return self._made.replace(value, span.kind, span.detector, place.pointer)

    # --- what is replaced as a whole ---------------------------------------------------------

    def _identity(self, text: str, place: Place) -> str:
        spans = (Span(*each, "identity", "whole") for each in person_in(text))
        return self._spans(text, tuple(spans), place)

    def _whole(self, text: str, detector: str, place: Place) -> str:
        """All of a text, by its kind if it has one, or as plain text."""
        bare = text.strip()
        if not bare or PLACEHOLDER.fullmatch(bare):
            return text
        decoded = decode_fully(bare) if "%" in bare else bare
        if decoded != bare:
            changed = self._whole(decoded, detector, place)
            return text if changed == decoded else text.replace(bare, encode_like(changed, bare))
        if self._made.is_pseudonym(bare):  # before its parts are taken for values of a kind
            return text
        start = text.index(bare)
        spans = values_in(bare, _NO_KEYS)
        if _are_all(bare, spans):
            changed = self._spans(bare, spans, place)
        elif _is_login(bare) and self._rules.detects("url-credentials"):
            changed = self.free(bare, place)
        else:
            kind = "date" if is_birth_date(bare, place.key) else "text"
            changed = self._made.replace(bare, kind, detector, place.pointer)
        return text[:start] + changed + text[start + len(bare) :]

    def _basic(self, text: str, detector: str, place: Place) -> str:
        """User and password of HTTP's Basic scheme (RFC 7617), each by its kind."""
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
        except (ValueError, binascii.Error):
            return self._made.replace(text, "text", detector, place.pointer)
        parts = [self._whole(part, detector, place) for part in plain.split(":", 1)]
        changed = ":".join(parts)
        return text if changed == plain else base64.b64encode(changed.encode()).decode()

    def _token(self, text: str, place: Place) -> str:
        signature = text.rpartition(".")[2]
        if self._echoes is None and signature and not self._made.is_pseudonym(signature):
            self._report(place.pointer, "jwt", text)
        claims = Place(pointer=place.pointer, about=self._rules.detects("identity"))
        return redraw_token(
            text,
            text=self._made.text if self._echoes is None else str,
            claims=lambda payload: self._inside(payload, claims),
        )

    # --- forms and URLs ----------------------------------------------------------------------

    def _form(self, text: str, place: Place) -> str:
        """A query or a form: names stay, values are decoded and encoded again."""
        return "&".join(self._parameter(part, place) for part in text.split("&"))

    def _parameter(self, part: str, place: Place) -> str:
        name, equals, raw = part.partition("=")
        key = unquote_plus(name)
        plain = unquote_plus(raw)
        rule = None
        if self._echoes is None:
            rule = rule_of(key, self._rules, about=place.about, value=plain)
            if rule is None and normal(key) in SIGNED and self._rules.detects("signed-url"):
                rule = "signed-url"
        renamed = self.name(key, place)
        inner = place.below(key if renamed == key else "*", key=key).ruled(rule)
        changed = self._inside(plain, inner)
        if changed != plain:
            safe = "".join(char for char in _SAFE if quote(char, "") not in raw.upper())
            write = quote_plus if "+" in raw else quote
            raw = write(str(changed), safe)
        return (name if renamed == key else quote(renamed, safe="[]")) + equals + raw

    def _url(self, text: str, place: Place) -> str:
        place = Place(pointer=place.pointer, about=place.about)
        parts = _URL_PARTS.fullmatch(text)
        if parts is None:
            return self._plain(text, place)
        scheme, user, host, path, query, fragment = (part or "" for part in parts.groups())
        shared = user == "git"  # the name that everybody uses a repository by
        if user and not shared and self._echoes is None and self._rules.detects("url-credentials"):
            names = [self._whole(each, "url-credentials", place) for each in user.split(":", 1)]
            user = ":".join(names)
        if query:
            query = "?" + self._form(query[1:], place)
        if "=" in fragment:
            fragment = "#" + self._form(fragment[1:], place)
        # Host and path together: some paths are credentials, as those of chat webhooks.
        host = self._plain(host + path, place)
        return scheme + (f"{user}@" if user else "") + host + query + fragment


def _are_all(text: str, spans: tuple[Span, ...]) -> bool:
    """True if the text around values is only their format, and cannot be secret."""
    if spans and all(span.detector == "private-key" for span in spans):
        starts, ends = (0, *(span.end for span in spans)), (*(span.start for span in spans), None)
        around = (text[start:end] for start, end in zip(starts, ends, strict=True))
        return all(map(_PEM_FRAME.fullmatch, around))
    if len(spans) != 1 or spans[0].end != len(text):
        return False
    start = spans[0].start
    return not start or (spans[0].kind == "text" and _FORMAT.fullmatch(text, 0, start) is not None)


def _is_login(text: str) -> bool:
    """True for a URL whose secret is its user and password, as those of databases.

    A query may hold the secret as well, under an unknown name.
    """
    parts = _URL_PARTS.fullmatch(text) if _URL.fullmatch(text) else None
    return parts is not None and parts[2] not in (None, "", "git") and not (parts[5] or parts[6])
