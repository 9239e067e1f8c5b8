"""Values that a name points to: assignments, YAML, XML, multipart bodies, CSV, headers, identities.

It finds ranges only. The caller says which names are wanted, and replaces the values.
Expressions look at each character a bounded number of times, because texts have megabytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pytest_lambda_rollback.redaction.rules import normal


@dataclass(frozen=True, slots=True)
class Span:
    """A value in a text: its range, its detector and its kind."""

    start: int
    end: int
    detector: str
    kind: str
    """``text``, ``whole``, ``email``, ``card``, ``phone``, ``iban``, ``ip``, ``jwt``, ``basic``."""


Names = Callable[[str], bool]
"""True for names whose values are wanted."""
Range = tuple[int, int]
"""(start, end) in a text."""

_KEY: Final = re.compile(r"(?<![\w.-])(?P<key>[\w.-]{2,40})\\{0,7}[\"']?\s*(?P<sign>=>?|:)\s*")
_VALUE: Final = re.compile(
    r"\"(?P<a>(?:[^\"\r\n\\]|\\.){3,}+)(?:\"|\Z)|'(?P<b>[^'\r\n]{3,})'"
    r"|(?P<slashes>\\{1,7})\"(?P<c>(?:[^\"\r\n\\]|(?!(?P=slashes)\")\\++\"?){3,}+)(?:(?P=slashes)\"|\Z)"
    r"|(?P<d>[^\s\"'&,;<>{}\[\]]{3,})"
)
"""In JSON within JSON, as many backslashes as before the first quote end a text."""
_PROSE: Final = re.compile(r"(?<=\s)[a-z]{1,15}+[ \t]{1,8}+(?![\w.-]{2,40}+[\"']?[ \t]{0,8}[:=])\S")
"""Several words after ``password:``: a sentence for people, not a list of names and values."""
_RESOURCE: Final = re.compile(r"(?i)(?<![\w-])(?:arn|urn):")
"""The beginning of a resource name (RFC 8141)."""
_RESOURCE_CHARS: Final = 200
_LABEL: Final = re.compile(r"[^\W\d]{1,20}(?:[.-][^\W\d]{1,20}){0,5}(?![^\s:\"',;<>{}\[\])])")
_LINE: Final = re.compile(
    r"(?m)^[ \t-]{0,80}(?P<key>[\w.-]{2,40})[ \t]{0,8}:[ \t]{1,8}(?P<it>[^\s\"'{\[][^\r\n]{2,})$"
)
_ELEMENT: Final = re.compile(r"<(?:\w{1,40}:)?(?P<key>[\w.-]{2,40})(?P<rest>\s[^<>]{0,2000})?>")
_NAMED: Final = re.compile(
    r"(?i)\s(?:name|key)\s*=\s*([\"'])(?:[^\"'<>]*[:/])?(?P<key>[\w .-]{2,80})\1"
)
_ATTRIBUTE: Final = re.compile(r"(?i)\svalue\s*=\s*([\"'])(?P<it>[^\"'<>]+)\1")
_INNER: Final = re.compile(r"(?:<!\[CDATA\[|>|\A)(?P<it>[^<>]+?)(?=\]\]>|<|\Z)")
_FOLLOWING: Final = re.compile(r"[^\W_][^\s<]*")
_PART: Final = re.compile(
    r"name=(?P<quote>\"?)(?P<key>[^\";\r\n]{1,80}+)(?P=quote)[^\r\n]{0,200}+\r?\n(?:[^\r\n]{1,200}+\r?\n){0,9}\r?\n"
)
_PART_END: Final = re.compile(r"\r?\n--")
_HEADER: Final = re.compile(r"\ufeff?\"?[\w .-]{1,40}\"?(?:[,;\t|]\"?[\w .-]{1,40}\"?){1,200}\r?\n")
_SCHEMES: Final = frozenset(("bearer", "basic", "digest", "token", "aws4hmacsha256"))


def assigned(text: str, names: Names) -> Iterator[Range]:
    """(start, end) of the values of wanted names, in no order; some may overlap."""
    if "=" in text or ":" in text:
        yield from _pairs(text, names)
    yield from structured(text, names)


def structured(text: str, names: Names) -> Iterator[Range]:
    """The values whose name is elsewhere in the text, and not right before them."""
    if ": " in text and "\n" in text:
        yield from (match.span("it") for match in _LINE.finditer(text) if names(match["key"]))
    if "<" in text and ">" in text:
        yield from _elements(text, names)
    if "name=" in text:
        yield from _parts(text, names)
    if _HEADER.match(text):
        yield from _columns(text, names)


def _pairs(text: str, names: Names) -> Iterator[Range]:
    at = 0
    while (key := _KEY.search(text, at)) is not None:
        at = key.end()
        if not names(key["key"]) or _joins(text, key):
            continue
        value = _VALUE.match(text, at)
        if value is None or (key["sign"] == ":" and _PROSE.match(text, at)):
            continue
        at = value.end()
        group = value.lastgroup or "d"
        if re.sub("[-_. ]", "", value[group]).lower() not in _SCHEMES:
            yield value.span(group)


def _joins(text: str, key: re.Match[str]) -> bool:
    """True for a name that is part of a longer one, as in an ARN or ``urn:example:token:open``.

    Elsewhere a part with a digit, or that is not a word, may be the secret: ``session:token:9f8a``.
    """
    start = key.start()
    bare = text[start - 1 : start] == ":" == text[key.end("key") : key.end()]
    before = text[max(0, start - _RESOURCE_CHARS) : start]
    return bare and (
        _RESOURCE.search(before.split()[-1]) is not None
        or _LABEL.match(text, key.end()) is not None
    )


def _elements(text: str, names: Names) -> Iterator[Range]:
    """The text in an element, also in elements below it and in sections of CDATA.

    An element's name is its tag, or an attribute: ``<input name="…" value="…">``,
    ``<Attribute Name="…">``.
    """
    at = 0
    open_ended: set[str] = set()
    tagged = "</" in text
    while (match := _ELEMENT.search(text, at)) is not None:
        at = match.end()
        key, rest = match["key"], match["rest"] or ""
        named = _NAMED.search(rest)
        meant = named is not None and names(named["key"])
        if meant and (value := _ATTRIBUTE.search(rest)):
            yield match.start("rest") + value.start("it"), match.start("rest") + value.end("it")
            continue
        if rest.endswith("/") or not (meant or names(key)):
            continue
        end = -1 if key in open_ended else text.find(f"{key}>", at)
        if end < 0:
            open_ended.add(key)
            end = _open_end(text, at, tagged=tagged)
        else:
            end = text.rfind("<", at, end)
        for inner in _INNER.finditer(text[at:end]):
            if inner["it"].strip():
                yield at + inner.start("it"), at + inner.end("it")
        at = max(at, end)


def _open_end(text: str, at: int, *, tagged: bool) -> int:
    """The end of the text in an element that is not closed.

    A document that was cut off has other closing tags. Elsewhere ``<token>`` may be a placeholder
    or a type, followed by prose or code.
    """
    if tagged:
        end = text.find("<", at)
        return len(text) if end < 0 else end
    match = _FOLLOWING.match(text, at)
    return match.end() if match else at


def _parts(text: str, names: Names) -> Iterator[Range]:
    """The content of a part of multipart/form-data, which may have several lines (RFC 7578)."""
    open_ended = False
    for match in _PART.finditer(text):
        if names(match["key"]):
            end = None if open_ended else _PART_END.search(text, match.end())
            open_ended = end is None
            yield match.end(), end.start() if end else len(text)


def _columns(text: str, names: Names) -> Iterator[Range]:
    """The cells of a table whose first line names its columns (RFC 4180, or with ; tab |)."""
    header = text.partition("\n")[0].strip("\ufeff\r")
    mark = next(char for char in header if char in ",;\t|")
    keys = [key.strip(' "') for key in header.split(mark)]
    if not any(map(names, keys)):
        return
    cell = re.compile(rf"\"(?P<a>(?:[^\"]|\"\")*)\"|(?P<b>[^\r\n{re.escape(mark)}]*)")
    at, column = text.index("\n") + 1, 0
    while at < len(text):
        match = cell.match(text, at)
        if match is None:  # pragma: no cover - the second form takes anything
            return
        group = "a" if match["a"] is not None else "b"
        if column < len(keys) and names(keys[column]) and match[group].strip():
            yield match.span(group)
        at = match.end()
        column = column + 1 if text[at : at + 1] == mark else 0
        at += 1


# --- headers --------------------------------------------------------------------------------------

AUTHORIZATION_KEYS: Final = frozenset(("authorization", "proxyauthorization", "authorizationtoken"))
COOKIE_KEYS: Final = frozenset(("cookie", "cookies", "setcookie"))
_PARAMETER: Final = re.compile(
    r"(?P<key>[A-Za-z][\w-]{0,40})\s*=\s*(?:\"(?P<it>[^\"]*)\"|(?P<bare>[^\s\",;=]+=*))"
)
_PARAMETERS: Final = re.compile(
    r"(?:[A-Za-z][\w-]{0,40}\s*=\s*(?:\"[^\"]*\"|[^\s\",;=]+=*)\s*(?:[,;]\s*|$))+"
)
_NO_CREDENTIALS: Final = frozenset(
    ("realm", "algorithm", "qop", "nc", "headers", "charset", "created", "expires",
     "oauthsignaturemethod", "oauthversion", "oauthtimestamp")
)  # fmt: skip
"""Parameters that are not credentials, as `normal` writes them (RFC 7616, RFC 5849)."""
_NO_PARAMETERS: Final = frozenset(("basic", "bearer"))
"""Schemes whose credentials are one text, which may have an equals sign (RFC 7617, RFC 6750)."""
_COOKIE: Final = re.compile(r"(?:^|;)\s*(?P<key>[^=;\s]+)=(?P<it>[^;]*)")
_ATTRIBUTES: Final = frozenset(
    ("path", "domain", "expires", "maxage", "samesite", "version", "priority", "partitioned")
)


def authorization(text: str) -> tuple[Span, ...]:
    """The credentials of an Authorization header; the scheme stays."""
    if text.startswith("AWS4-"):
        return tuple(
            Span(*match.span("it"), "authorization", "text")
            for match in re.finditer(
                r"Credential=(?:AKIA|ASIA)?(?P<it>[^/,\s]+)|Signature=(?P<that>\w+)", text
            )
            if match["it"]
        ) + tuple(
            Span(*match.span(1), "authorization", "text")
            for match in re.finditer(r"Signature=(\w+)", text)
        )
    scheme = re.match(r"([A-Za-z][\w-]{1,20})\s+(?=\S)", text)
    whole = scheme is not None and scheme[1].lower() in _NO_PARAMETERS
    if scheme and not whole and _PARAMETERS.fullmatch(text, scheme.end()):
        return tuple(
            Span(*match.span(match.lastgroup or "it"), "authorization", "whole")
            for match in _PARAMETER.finditer(text, scheme.end())
            if normal(match["key"]) not in _NO_CREDENTIALS
        )
    start = scheme.end() if scheme else 0
    end = len(text.rstrip())
    kind = "basic" if scheme and scheme[1].lower() == "basic" else "whole"
    return (Span(start, end, "authorization", kind),) if start < end else ()


def cookies(text: str, *, is_set: bool) -> tuple[Span, ...]:
    """The values of cookies; their names stay, and the attributes where one is set."""
    found = [
        Span(*match.span("it"), "cookie", "whole")
        for match in _COOKIE.finditer(text)
        if not (is_set and match.start() and normal(match["key"]) in _ATTRIBUTES)
    ]
    if not found and text.strip():
        return (Span(0, len(text), "cookie", "text"),)
    return tuple(span for span in found if span.start < span.end)


# --- identities -----------------------------------------------------------------------------------

_ARN: Final = re.compile(
    r"arn:aws[\w-]*:(?:iam|sts)::\d*:(?:user|federated-user|assumed-role/[^/]+)/(?:[^/]+/)*(?P<it>.+)"
)
_FEDERATED: Final = re.compile(
    r"(?i)(?:google|facebook|loginwithamazon|signinwithapple)_(?P<it>.+)", re.DOTALL
)
"""A user name of a user pool behind an identity provider ("Adding user pool sign-in through a third
party": https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-identity-federation.html)."""
_SIGN_IN: Final = re.compile(r":[A-Z]\w+:(?P<it>[^,:]+)(?=,|$)")
_PROFILE: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*(?P<it>.*)", re.DOTALL)
_CERTIFICATE: Final = re.compile(r"-----BEGIN [A-Z ]+-----(?P<it>[^-]+)-----END [A-Z ]+-----\s*")
_DN_START: Final = re.compile(r"/?(?:CN|OU?|C|ST?|L|DC|UID|E|emailAddress|SERIALNUMBER)=")
_DN: Final = re.compile(r"(?:^|[,/+;])\s*[A-Za-z\d.]+=(?P<it>[^,/+;]+)")
_ACCOUNT: Final = re.compile(r"(?<![^\W_])\d{12}:")
"""The account of a federated user, before the name."""
_IDENTITY_PART: Final = re.compile(r"[^:|]+")
_NOBODY: Final = re.compile(
    r"AWS|AROA[A-Z0-9]+|[a-z]{2}(?:-[a-z]+)+-\d|\*|[\w.-]+\.amazonaws\.com(?:\.cn)?|root"
)
"""Parts of an identity that identify no person: a region, a role's id, a service, an account."""


def person_in(text: str) -> tuple[tuple[int, int], ...]:
    """(start, end) of the parts of an identity that identify the person; its form is kept.

    ``eu-west-1:UUID`` keeps its region, an ARN all before the name, ``…:CognitoSignIn:SUB`` the
    pool, ``auth0|ID`` the connection, ``AWS:AROA…:SESSION`` its form.
    """
    if text.startswith("arn:"):
        match = _ARN.fullmatch(text)
        return (match.span("it"),) if match else ()
    for whole in (_FEDERATED, _PROFILE, _CERTIFICATE):
        if match := whole.fullmatch(text):
            return (match.span("it"),)
    several = _DN if _DN_START.match(text) else _SIGN_IN
    if found := tuple(match.span("it") for match in several.finditer(text)):
        return found
    return tuple(
        match.span()
        for match in _IDENTITY_PART.finditer(text)
        if not _NOBODY.fullmatch(match[0])
        and text[match.end() : match.end() + 1] != "|"
        and not _ACCOUNT.match(text, match.start())
    )
