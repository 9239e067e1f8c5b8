"""Which headers of an HTTP answer a client relies on, and what their values mean to it.

- What a front end sets, drops or computes itself is no part of an answer. "The load balancer does
  not honor hop-by-hop headers" and computes ``Content-Length``:
  https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
  API Gateway: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
- Headers that only harden a page, describe a cache or trace a request warn when they are lost.
- Every other header is one that some client was written for: losing it breaks.
- Values are compared where the protocol says what a client does with them: CORS by the Fetch
  standard (https://fetch.spec.whatwg.org/#http-cors-protocol), ``Location``, ``WWW-Authenticate``
  and ``Cache-Control`` by RFC 9110, 9111 (https://www.rfc-editor.org/rfc/rfc9110.html).

Cookies, content types and encodings have modules of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import (
    Header,
    Headers,
    Request,
    named,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Differences
from pytest_lambda_rollback.model.json_values import one_line, short_text

UNSENT = frozenset(
    ("connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade")
)  # fmt: skip
"""What a function cannot set: front ends drop it, or compute it."""

_HARDENING = frozenset(
    ("content-security-policy", "content-security-policy-report-only",
     "cross-origin-embedder-policy", "cross-origin-opener-policy", "expect-ct", "feature-policy",
     "nel", "origin-agent-cluster", "permissions-policy", "referrer-policy", "report-to",
     "reporting-endpoints", "strict-transport-security", "x-content-type-options",
     "x-dns-prefetch-control", "x-download-options", "x-frame-options",
     "x-permitted-cross-domain-policies", "x-robots-tag", "x-xss-protection")
)  # fmt: skip
_DESCRIBING = frozenset(
    ("age", "alt-svc", "date", "etag", "expires", "last-modified", "pragma", "server",
     "server-timing", "timing-allow-origin", "traceparent", "tracestate", "vary", "via",
     "warning", "x-aspnet-version", "x-b3-traceid", "x-cache", "x-powered-by", "x-process-time",
     "x-response-time", "x-runtime", "x-served-by", "x-version")
)  # fmt: skip
_IDS = re.compile(
    r"(?:.*-)?(?:request|correlation|trace|span|transaction|invocation|apigw)-?id", re.ASCII
)

_ALLOW_ORIGIN = "access-control-allow-origin"
_CREDENTIALS = "access-control-allow-credentials"
_PREFLIGHT = frozenset(
    ("access-control-allow-headers", "access-control-allow-methods", "access-control-max-age")
)
"""Read on answers to ``OPTIONS`` alone."""
_ALWAYS_ALLOWED = {
    "access-control-allow-methods": frozenset(("get", "head", "post")),
    "access-control-allow-headers": frozenset(("accept", "accept-language", "content-language")),
    "access-control-expose-headers": frozenset(
        ("cache-control", "content-language", "content-length", "content-type", "expires",
         "last-modified", "pragma")
    ),
}  # fmt: skip
_PROTECTING = ("no-store", "private", "no-cache")
"""Directives that keep an answer from others, the strictest first."""


def only_warns(name: str, method: str) -> bool:
    """True for a header whose loss no client notices by itself."""
    if name in _PREFLIGHT and method not in ("", "OPTIONS"):
        return True
    return name in _HARDENING or describes(name) or name == "access-control-max-age"


def describes(name: str) -> bool:
    """True for a header that is about one answer or its way: times, ids, validators."""
    return name in _DESCRIBING or _IDS.fullmatch(name) is not None


def note_headers(
    runs: Sequence[Headers], other: Headers, differences: Differences, *, request: Request
) -> None:
    """Note headers that the current version always sends and the target does not.

    A header whose value is empty counts as one that is not sent.
    """
    for key, header in runs[0].items():
        found = other.get(key)
        if not all(key in run and run[key].line for run in runs) or (found and found.line):
            continue
        name = key.rpartition("/")[2]
        note = differences.warn if only_warns(name, request.method) else differences.other
        says = "TARGET answers without PLACE, which CURRENT always returns"
        note(header.path, "lost-key", says, short_text(header.line), None)


def note_values(
    runs: Sequence[Headers],
    other: Headers,
    differences: Differences,
    *,
    request: Request,
    status: int | None,
) -> None:
    """Note values by which a client would do something else."""
    _note_origin(runs, other, differences, request)
    _note_numbers(runs, other, differences)
    for name in _ALWAYS_ALLOWED:
        _note_allowed(name, runs, other, differences, request)
    _note_location(runs, other, differences, request, status)
    for name, kind, differs, says in _MEANINGS:
        found, lines = named(other, name), _known(runs, name)
        if found and lines and all(differs(each.line, found.line) for each in lines):
            _add(differences, lines[0], found, kind, says)


def _known(runs: Sequence[Headers], name: str) -> list[Header]:
    """A header in every replay; empty if one of them has none."""
    found = [header for run in runs if (header := named(run, name)) is not None]
    return found if len(found) == len(runs) else []


def _add(
    differences: Differences, known: Header, found: Header, kind: str, says: str, note: str = ""
) -> None:
    current, target = short_text(known.line), short_text(found.line)
    differences.other(known.path, kind, says, current, target, note=note)


# --- CORS -------------------------------------------------------------------------------------


def _note_origin(
    runs: Sequence[Headers], other: Headers, differences: Differences, request: Request
) -> None:
    """Note an origin of scripts that the current version lets read the answer."""
    known, found = _known(runs, _ALLOW_ORIGIN), named(other, _ALLOW_ORIGIN)
    if known and found is not None:
        origin = request.header("origin")
        if origin and origin.partition("://")[2] == request.header("host"):
            return  # scripts of the same origin need no permission
        credentials = all(_with_credentials(run) for run in runs)
        if origin:
            refused = not _lets_in(found.line, origin, credentials=credentials) and all(
                _lets_in(each.line, origin, credentials=_with_credentials(run))
                for each, run in zip(known, runs, strict=True)
            )
        else:
            wildcard = found.line == "*" and not credentials
            refused = not wildcard and found.line not in {each.line for each in known}
        if refused:
            scripts = f"scripts of {one_line(origin)}" if origin else "scripts"
            says = f"TARGET does not let {scripts} read its answer as CURRENT does"
            _add(differences, known[0], found, "cors-origin", says)
    known, found = _known(runs, _CREDENTIALS), named(other, _CREDENTIALS)
    if known and found and found.line != "true" and all(each.line == "true" for each in known):
        says = "TARGET does not let scripts send credentials, which CURRENT allows"
        _add(differences, known[0], found, "cors-credentials", says)


def _lets_in(allowed: str, origin: str, *, credentials: bool) -> bool:
    return allowed == origin or (allowed == "*" and not credentials)


def _with_credentials(headers: Headers) -> bool:
    header = named(headers, _CREDENTIALS)
    return header is not None and header.line == "true"


def _note_allowed(
    name: str,
    runs: Sequence[Headers],
    other: Headers,
    differences: Differences,
    request: Request,
) -> None:
    """Note methods or headers that scripts may use today."""
    known, found = _known(runs, name), named(other, name)
    if not known or found is None or not found.line:
        return
    needed = set.intersection(*(_items(each) for each in known)) - _ALWAYS_ALLOWED[name]
    allowed = _items(found)
    if "*" in allowed and not all(_with_credentials(run) for run in runs):
        # "*" covers every header except Authorization.
        is_headers = name.endswith("-headers")
        allowed |= needed - ({"authorization"} if is_headers else set())
    lost = needed - allowed
    if not lost:
        return
    note = differences.warn if only_warns(name, request.method) else differences.other
    note(
        known[0].path,
        "cors-allowed",
        "TARGET allows scripts less than CURRENT: ",
        short_text(known[0].line),
        short_text(found.line),
        note=one_line(", ".join(sorted(lost))),
    )


def _items(header: Header) -> set[str]:
    return {item.strip().lower() for item in header.line.split(",") if item.strip()}


# --- numbers ---------------------------------------------------------------------------------


def _note_numbers(runs: Sequence[Headers], other: Headers, differences: Differences) -> None:
    """Note text in place of a number; ``Retry-After`` may be a time as well (RFC 9110)."""
    for key, header in runs[0].items():
        found, name = other.get(key), key.rpartition("/")[2]
        if found is None or not found.line or name == "retry-after" or describes(name):
            continue
        were_numbers = all(key in run and _NUMBER.fullmatch(run[key].line) for run in runs)
        if were_numbers and not _NUMBER.fullmatch(found.line):
            says = "TARGET answers text at PLACE where CURRENT answers a number"
            _add(differences, header, found, "header-type", says)


_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)


# --- other values -----------------------------------------------------------------------------


def _note_location(
    runs: Sequence[Headers],
    other: Headers,
    differences: Differences,
    request: Request,
    status: int | None,
) -> None:
    """Note that clients are led to another place; one that varies, only to another host."""
    known, found = _known(runs, "location"), named(other, "location")
    if not known or found is None:
        return
    places = [_place(each.line, request) for each in known]
    there = _place(found.line, request)
    hosts = {place.host for place in places}
    says = "TARGET leads its client to another place than CURRENT"
    if len(hosts) == 1 and there.host not in hosts:
        _add(differences, known[0], found, "location", says)
        return
    if found.line in {each.line for each in known}:
        return
    varies = len({place.path for place in places}) > 1
    redirects = status is not None and 300 <= status < 400
    if varies or not redirects:
        harms = _pattern(there.path) not in {_pattern(place.path) for place in places}
    else:
        harms = there.path != places[0].path
    if harms:
        _add(differences, known[0], found, "location", says)
    elif not varies and (there.path, there.query) not in {(p.path, p.query) for p in places}:
        current, target = short_text(known[0].line), short_text(found.line)
        differences.warn(known[0].path, "location", says, current, target)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a ``Location`` leads."""

    host: str
    """With the scheme, in lower case."""
    path: str
    query: str


_URL = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?", re.DOTALL)
"""Scheme, authority, path and query of a reference (RFC 3986, appendix B)."""


def _pattern(path: str) -> tuple[str, ...]:
    """The path with a wildcard for each segment that may be an id."""
    segments = path.strip("/").split("/")
    return tuple("*" if any(map(str.isdigit, each)) else each for each in segments)


def _place(location: str, request: Request) -> _Place:
    """The place that a location means to the client of this request."""
    found = _URL.match(location)
    scheme, host, path, query = found.groups("") if found else ("", "", location, "")
    if not host:
        host = request.header("host")
        if not path.startswith("/") and not scheme:
            path = f"{request.path.rpartition('/')[0]}/{path}"
    return _Place(host=f"{scheme or 'https'}://{host}".lower(), path=path or "/", query=query)


def _other_scheme(current: str, target: str) -> bool:
    """True for an authentication that offers none of the schemes that clients know."""
    return not _schemes(current) & _schemes(target)


def _schemes(value: str) -> set[str]:
    parts = (part.split() for part in value.split(","))
    return {words[0].lower() for words in parts if words and "=" not in words[0]}


def _less_protected(current: str, target: str) -> bool:
    """True for an answer that caches may keep or share, unlike the current version's."""
    return _protection(target) < _protection(current)


def _protection(value: str) -> int:
    directives = {item.partition("=")[0].strip().lower() for item in value.split(",")}
    ranks = (rank for rank, name in enumerate(reversed(_PROTECTING), 1) if name in directives)
    return max(ranks, default=0)


def _other_disposition(current: str, target: str) -> bool:
    """True for a file to save in place of a page to show, or the reverse."""
    return current.partition(";")[0].strip().lower() != target.partition(";")[0].strip().lower()


_MEANINGS: tuple[tuple[str, str, Callable[[str, str], bool], str], ...] = (
    ("www-authenticate", "authentication", _other_scheme,
     "TARGET asks for another authentication than CURRENT"),
    ("cache-control", "cache-control", _less_protected,
     "TARGET lets caches keep or share an answer that CURRENT protects"),
    ("content-disposition", "disposition", _other_disposition,
     "TARGET has its client save an answer that CURRENT shows, or the reverse"),
)  # fmt: skip
"""Name, kind of difference, how two values differ in their meaning, and what that means."""
