"""Credentials in headers: those of Authorization, and cookies. Pure.

What else a text holds is found by `detectors`.
"""

from __future__ import annotations

import re
from typing import Final

from pytest_lambda_rollback.redaction.detectors import Span
from pytest_lambda_rollback.redaction.rules import normal

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
"""Parameters that say how credentials are made, as `normal` writes them (RFC 7616, RFC 5849)."""
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
