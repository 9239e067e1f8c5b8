"""Finding secrets and personal data in plain text, by their form.

Each detector returns the range and the kind of a value; `texts` replaces it. They are
strict where a false alarm would spoil an event (times, UUIDs, ARNs, order numbers, amounts):
numbers count only with a valid checksum, separators or a key that says so.
"""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from pytest_lambda_rollback.redaction import checksums, named_values
from pytest_lambda_rollback.redaction.checksums import COMPACT_DATE, card_prefix, iban_check, luhn
from pytest_lambda_rollback.redaction.documents import token_header
from pytest_lambda_rollback.redaction.named_values import Span
from pytest_lambda_rollback.redaction.rules import FILE_END, RedactionRules, normal

SIGNED: Final = frozenset(
    ("xamzsignature", "xamzsecuritytoken", "signature", "awsaccesskeyid", "sig", "keypairid",
     "xgoogsignature", "googleaccessid")
)  # fmt: skip
"""Query parameters that make a URL a credential, as `normal` writes them."""
_PHONE_KEY: Final = re.compile(r"phone|mobile|msisdn|telephone|^tel$|^cell|fax|whatsapp|^sms$")
_BIRTH_KEY: Final = re.compile(r"birth|dob")
_CARD_KEY: Final = re.compile(r"card|^pan$|^ccn?$|^ccnum")

_NO_VALUE: Final = re.compile(r"[A-Za-z_-]{0,19}")
"""Texts that no detector takes, as most keys and many values are: a key id has 20 letters."""
_JWT: Final = re.compile(
    r"(?<![^\W_])(?<![.-])e[yw][\w-]{8,}={0,2}\.[\w-]*={0,2}\.[\w-]*={0,2}(?:\.[\w-]+\.[\w-]+)?(?![\w-])"
)
_PEM: Final = re.compile(
    r"-----BEGIN[ +][A-Z +]{0,40}PRIVATE[ +]KEY(?:[ +]BLOCK)?-----"
    r"(?P<it>(?:[^-]|-(?!----)){1,16384}+)"
)
"""A key that was cut off has no end; forms have + for a blank."""
_PEM_LINE: Final = re.compile(r"\\[nr]|(?P<it>(?:[^\\\r\n]|\\(?![nr]))+)")
_PEM_HEADER: Final = re.compile(r"\s*[A-Z][\w-]*: ")
_SCHEME: Final = re.compile(r"(?i)(?<!\w)(bearer|basic|token|digest|apikey)\s+(?=\S)")
_SIGV4: Final = re.compile(r"(?<!\w)Signature=(?P<it>[0-9a-f]{64})")
_AWS_ID: Final = re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)(?P<it>[A-Z0-9]{16})(?![A-Za-z0-9])")
"""Our own pseudonyms have any digit, and must be found again."""
_AWS_SECRET: Final = re.compile(r"(?<![\w/+=])(?P<it>[A-Za-z0-9/+]{40})(?![\w/+=])")
_AWS_SESSION: Final = re.compile(
    r"(?<![\w/+])(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|AQoDYXdz)(?P<it>[\w/+=%-]{40,})"
)
_VENDOR: Final = re.compile(
    r"(?<![\w-])(?:gh[pousr]_(?P<a>\w{30,})|github_pat_(?P<b>\w{22,})|glpat-(?P<c>[\w-]{20,})"
    r"|(?:xox[abceoprs]|xapp)-(?P<d>[\w-]{10,})|[srp]k_(?:live|test)_(?P<e>\w{10,})|whsec_(?P<f>\w{16,})"
    r"|AIza(?P<g>[\w-]{35})|SG\.(?P<h>[\w-]{16,}\.[\w-]{16,})|npm_(?P<i>\w{36})"
    r"|pypi-(?P<j>[\w-]{50,})|sk-(?:ant-|proj-)?(?P<k>[\w-]{20,})|dop_v1_(?P<l>\w{40,})"
    r"|shp(?:at|ca|pa|ss)_(?P<m>\w{32})|hf_(?P<n>\w{30,})|hv[sbr]\.(?P<o>[\w-]{20,})"
    r"|ya29\.(?P<p>[\w-]{20,})|glsa_(?P<q>\w{32,})|dckr_pat_(?P<r>[\w-]{20,})"
    r"|dapi(?P<s>[0-9a-f]{32})|NRAK-(?P<t>[A-Z0-9]{20,})|(?:bot)?\d{8,10}:AA(?P<u>[\w-]{33})"
    r"|(?:pi|seti|cs)_\w{10,40}_secret_(?P<v>\w{10,}))"
)
_HOOK: Final = re.compile(
    r"(?:hooks\.slack\.com/services|discord(?:app)?\.com/api/webhooks|webhook\.office\.com/webhookb2)"
    r"/(?P<it>[\w/@-]+)"
)
# Signs that are not seen are part of an address that hides behind them.
_EMAIL: Final = re.compile(
    r"(?<![\w.%+'-])[\w.%+'\u00ad\u200b-\u200d\u2060-]{1,64}(?P<at>@|\uff20|&#64;|&#x40;|&commat;"
    r"|\\u0040)(?:[\w](?:[\w\u00ad\u200b-\u200d\u2060-]{0,61}\w)?\.)+[^\W\d_]{2,24}(?![^\W_])"
)
_NAME_CHARS: Final = 160
_DISPLAY_NAMES: Final = (
    re.compile(r"\"(?P<it>[^\"<>\r\n]{2,})\"\s{0,4}\Z"),
    re.compile(r"=\?[\w-]+\?[qQbB]\?(?P<it>[^?\s]{2,})\?=\s{0,4}\Z"),
    # Up to six words at the start of a line or an item of a list, as in From: Name <address>.
    re.compile(
        r"(?:\A|[:,;\r\n])[ \t]{0,4}(?P<it>[^\W\d_][\w.'\u2019-]{0,40}"
        r"(?:[ ][\w.'\u2019()-]{1,40}){0,5})[ ]{0,4}\Z"
    ),
)
"""Names before an address, each up to the bracket."""
_NO_KEYS: Final = RedactionRules(keys=(), text_keys=())
_AT: Final = re.compile(r"@|\uff20|&#64;|&#x40;|&commat;|\\u0040")
_IBAN: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}")
_CARD: Final = re.compile(
    r"(?<![^\W_])(?<![.+-])"
    r"(?:\d{13,19}|\d{4}([ .\xa0-])\d{4}\1\d{4}\1\d{4}|\d{4}([ .\xa0-])\d{6}\2\d{4,5})"
    r"(?![^\W_]|-|\.\d)"
)
_SSN: Final = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
# A client that does not encode + in a query makes a blank of it. Numbers of North America have 11
# digits: what begins with 1 and has 10 or 13 is a time.
_E164: Final = re.compile(
    r"(?:(?<![\w+])\+|\A (?=(?:1\d{10}|[2-9]\d{9,14})\Z))[1-9](?:[ .()/-]{0,2}\d){7,14}(?!\d)"
)
_NANP: Final = re.compile(
    r"(?<![\w.+/-])(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}(?![\w-]|\.\d)"
)
_ANY_PHONE: Final = re.compile(r"\s*\+?[\d\s()./-]{6,24}(?:\s*(?:x|ext\.?)\s*\d{1,6})?\s*")
_IPV4: Final = re.compile(r"(?<![\w.-])(?<!\w/)(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_POSTAL_CHARS: Final = 400
_NUMBERED: Final = re.compile(r"version|firmware|release|build|revision")
"""Keys of numbers that have four parts and are not addresses."""
_HOST_KEY: Final = re.compile(r"(?:ip|addr|address|host)\Z")
_IPV6: Final = re.compile(r"(?<![\w:.])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:]|\.\d)")
_IBAN_LENGTHS: Final = {
    part[:2]: int(part[2:])
    for part in (  # noqa: SIM905 - as readable as a table
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
        "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 "
        "IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 "
        "MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 "
        "SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20"
    ).split()
}


def values_in(text: str, rules: RedactionRules, hint: str = "") -> tuple[Span, ...]:
    """Values in a plain text, in order and without overlap; ``hint`` is its key."""
    if _NO_VALUE.fullmatch(text):
        return ()
    key = normal(hint)
    return without_overlaps(
        span
        for name, finder in _FINDERS
        if rules.detects(name)
        for span in finder(text, key, rules)
    )


def structured_values_in(text: str, rules: RedactionRules) -> tuple[Span, ...]:
    """Values that are named in a table, a form or an XML element, in order."""
    if not rules.detects("assignment"):
        return ()
    found = named_values.structured(text, rules.names)
    return without_overlaps(Span(*place, "assignment", "whole") for place in found)


def without_overlaps(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The spans in order, without those that overlap an earlier one."""
    taken: list[Span] = []
    starts: list[int] = []
    for span in spans:
        # Of those that begin before this one ends, the last one ends last.
        at = bisect_left(starts, span.end)
        if span.start < span.end and (not at or taken[at - 1].end <= span.start):
            taken.insert(at, span)
            starts.insert(at, span.start)
    return tuple(taken)


def tokens_in(text: str) -> tuple[Span, ...]:
    """The JSON Web Tokens in a plain text."""
    return tuple(_jwts(text, "", _NO_KEYS)) if "." in text else ()


def is_birth_date(digits: str, hint: str) -> bool:
    """True for eight digits that are a date by their key: elsewhere they may be any number."""
    return _BIRTH_KEY.search(normal(hint)) is not None and bool(COMPACT_DATE.fullmatch(digits))


def number_kind(digits: str, hint: str, rules: RedactionRules) -> str | None:
    """The detector that matches a JSON number under a key, or ``None``."""
    key = normal(hint)
    if rules.detects("card") and _CARD_KEY.search(key) and _is_card(digits):
        return "card"
    if rules.detects("phone") and _PHONE_KEY.search(key) and 8 <= len(digits) <= 15:
        return "phone"
    return None


# --- the detectors --------------------------------------------------------------------------

_Finder = Callable[[str, str, RedactionRules], Iterator[Span]]


def _jwts(text: str, _key: str, _rules: RedactionRules) -> Iterator[Span]:
    for match in _JWT.finditer(text):
        if token_header(match[0]) is not None:
            yield Span(*match.span(), "jwt", "jwt")


def _pems(text: str, _key: str, _rules: RedactionRules) -> Iterator[Span]:
    for match in _PEM.finditer(text):
        for line in _PEM_LINE.finditer(text, *match.span("it")):
            if line["it"] and not _PEM_HEADER.match(line["it"]):
                yield Span(*line.span(), "private-key", "text")


def _schemes(text: str, _key: str, _rules: RedactionRules) -> Iterator[Span]:
    for match in _SCHEME.finditer(text):
        value = re.compile(r"[\w.~+/=-]{8,}").match(text, match.end())
        strict = match[1].lower() not in ("bearer", "basic")
        if value and (any(char.isdigit() for char in value[0]) or len(value[0]) > 16):
            if strict and text[: match.start()].strip():
                continue
            kind = "basic" if match[1].lower() == "basic" else "whole"
            yield Span(*value.span(), "authorization", kind)
    for match in _SIGV4.finditer(text):
        yield Span(*match.span("it"), "authorization", "text")


def _aws_keys(text: str, _key: str, _rules: RedactionRules) -> Iterator[Span]:
    for match in _AWS_ID.finditer(text):
        if not match[0].endswith("EXAMPLE"):
            yield Span(*match.span("it"), "aws-key", "text")
    for match in _AWS_SESSION.finditer(text):
        yield Span(*match.span("it"), "aws-key", "text")
    for match in _AWS_SECRET.finditer(text):
        value = match["it"]
        mixed = re.search("[a-z]", value) and re.search("[A-Z]", value) and re.search(r"\d", value)
        beside = _AWS_ID.search(text) is not None or "secret" in text.lower()
        whole = value == text.strip() and value.count("/") < 4
        if mixed and (beside or (whole and re.search("[/+]", value))):
            yield Span(*match.span("it"), "aws-key", "text")


def _vendor_tokens(text: str, _key: str, _rules: RedactionRules) -> Iterator[Span]:
    for match in _VENDOR.finditer(text):
        group = match.lastgroup
        named = group != "k"  # "sk-" may begin the name of anything
        if group and (named or any(char.isdigit() for char in match[group])):
            yield Span(*match.span(group), "vendor-token", "text")
    for match in _HOOK.finditer(text):
        yield Span(*match.span("it"), "vendor-token", "text")


def _assignments(text: str, _key: str, rules: RedactionRules) -> Iterator[Span]:
    for place in named_values.assigned(text, rules.names):
        yield Span(*place, "assignment", "whole")


def _emails(text: str, _key: str, _rules: RedactionRules) -> Iterator[Span]:
    if _AT.search(text):
        for match in _EMAIL.finditer(text):
            end = match.end()
            while ending := FILE_END.search(text, end - 6, end):
                end = ending.start()
            # me@x.com.pdf is of somebody, me@2x.png is not
            if end < match.end() and not _EMAIL.fullmatch(text, match.start(), end):
                continue
            if text[match.start() : match.start("at")] != "git":
                if (name := _display_name(text, match.start())) is not None:
                    yield Span(*name, "email", "text")
                yield Span(match.start(), end, "email", "email" if match["at"] == "@" else "text")


def _display_name(text: str, start: int) -> tuple[int, int] | None:
    """(start, end) of the name before an address in angle brackets (RFC 5322, RFC 2047)."""
    if text[start - 1 : start] != "<":
        return None
    begin = max(0, start - _NAME_CHARS)
    for pattern in _DISPLAY_NAMES:
        if match := pattern.search(text, begin, start - 1):
            return match.span("it")
    return None


def _ibans(text: str, _key: str, _rules: RedactionRules) -> Iterator[Span]:
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2], 0)
        places = [place for place, char in enumerate(match[0]) if char != " "]
        if not length or len(places) < length:
            continue
        end = match.start() + places[length - 1] + 1
        plain = text[match.start() : end].replace(" ", "")
        if not text[end : end + 1].isalnum() and iban_check(plain[:2], plain[4:]) == plain[2:4]:
            yield Span(match.start(), end, "iban", "iban")


def _cards(text: str, _key: str, _rules: RedactionRules) -> Iterator[Span]:
    for match in _CARD.finditer(text):
        digits = "".join(str(int(char)) for char in match[0] if char.isdigit())
        if _is_card(digits):
            # Digits of other scripts do not make a valid card number, but can be read as one.
            written = all(char.isascii() or char == "\xa0" for char in match[0])
            yield Span(*match.span(), "card", "card" if written else "text")


def _is_card(digits: str) -> bool:
    return card_prefix(digits) is not None and luhn(digits[:-1]) == digits[-1]


def _ssns(text: str, _key: str, _rules: RedactionRules) -> Iterator[Span]:
    for match in _SSN.finditer(text):
        yield Span(*match.span(), "ssn", "text")


def _phones(text: str, key: str, _rules: RedactionRules) -> Iterator[Span]:
    digits = sum(char.isdigit() for char in text)
    if _PHONE_KEY.search(key) and 7 <= digits <= 20 and _ANY_PHONE.fullmatch(text):
        yield Span(0, len(text), "phone", "phone")
        return
    for pattern in (_E164, _NANP):
        for match in pattern.finditer(text):
            if 8 <= sum(char.isdigit() for char in match[0]) <= 15:
                yield Span(*match.span(), "phone", "phone")


def _addresses(text: str, key: str, _rules: RedactionRules) -> Iterator[Span]:
    if not ("." in text or ":" in text):
        return
    numbered = _NUMBERED.search(key) and not _HOST_KEY.search(key)
    for pattern in (_IPV6,) if numbered else (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            value = match[0]
            if value.endswith(".0.0") or value.count(":") + value.count(".") < 3:
                continue
            try:
                parsed = ipaddress.ip_address(value)
            except ValueError:
                continue
            # Our own pseudonyms must be found again.
            if parsed.is_global or checksums.address_is_ours(value):
                yield Span(*match.span(), "ip", "ip")


def _postal_addresses(text: str, key: str, _rules: RedactionRules) -> Iterator[Span]:
    """A text under ``address`` that has words and a number; others are of networks and chains."""
    if (
        key.endswith("address")
        and len(text) <= _POSTAL_CHARS
        and any(char.isspace() for char in text.strip())
        and re.search(r"[^\W\d_]{2}", text)
        and re.search(r"\d", text)
        and not re.search(r"\d[.:]\d|::", text)
    ):
        yield Span(0, len(text), "postal", "text")


_FINDERS: Final[tuple[tuple[str, _Finder], ...]] = (
    ("private-key", _pems),
    ("jwt", _jwts),
    ("authorization", _schemes),
    ("aws-key", _aws_keys),
    ("vendor-token", _vendor_tokens),
    ("email", _emails),
    ("assignment", _assignments),
    ("iban", _ibans),
    ("card", _cards),
    ("ssn", _ssns),
    ("phone", _phones),
    ("ip", _addresses),
    ("postal", _postal_addresses),
)
