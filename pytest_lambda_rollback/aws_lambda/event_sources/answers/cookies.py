"""Cookies that HTTP answers set, as browsers read them.

Names, deletion and the attributes of RFC 6265bis, section 5 (a cookie without ``SameSite`` is
``Lax``; ``SameSite=None`` and the prefixes ``__Secure-`` and ``__Host-`` need ``Secure``):
https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis
Payload format 2.0 sets cookies by ``cookies``, and one by a header as well:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

Values are not compared: they are ids of sessions, or data of the user.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from pytest_lambda_rollback.aws_lambda.event_sources.interface import Differences
from pytest_lambda_rollback.model.json_values import Path, one_line

SET_COOKIE = "set-cookie"

_PAST = 2025
"""A cookie that expired before this year was expired at every replay."""

_SAME_SITE = {"none": 0, "lax": 1, "": 1, "strict": 2}
"""By how few requests from other sites carry the cookie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One cookie, as an answer sets it."""

    name: str
    value: str
    place: Path
    """Where the answer sets its cookies."""
    deletes: bool
    """It expired already: the browser drops the one that it has."""
    persists: bool
    """It outlives the browser's session."""
    secure: bool
    http_only: bool
    same_site: str
    """In lower case; empty if it is not set."""
    domain: str
    """Without a leading dot; empty for the host alone."""
    path: str

    @property
    def is_refused(self) -> bool:
        """True where a browser drops it at once."""
        if self.same_site == "none" and not self.secure:
            return True
        name = self.name.lower()
        if name.startswith("__secure-"):
            return not self.secure
        return name.startswith("__host-") and not (
            self.secure and self.path == "/" and not self.domain
        )


def cookies_of(lines: Iterable[tuple[Path, str]], request_path: str) -> dict[str, Cookie]:
    """The cookies of ``Set-Cookie`` lines with their places, by name; the last one counts."""
    found: dict[str, Cookie] = {}
    for place, line in lines:
        cookie = _parsed(line, place, request_path)
        if cookie is not None:
            found[cookie.name] = cookie
    return found


def _parsed(line: str, place: Path, request_path: str) -> Cookie | None:
    pair, *fields = line.split(";")
    name, equals, value = pair.partition("=")
    if not equals or not name.strip():
        return None
    attributes: dict[str, str] = {}
    for field in fields:
        key, _, content = field.partition("=")
        attributes[key.strip().lower()] = content.strip()
    max_age = attributes.get("max-age")
    expires = attributes.get("expires")
    if max_age is not None and re.fullmatch(r"-?\d+", max_age):
        deletes = max_age.startswith("-") or not max_age.strip("0")
    else:
        deletes = expires is not None and _is_past(expires)
    path = attributes.get("path", "")
    return Cookie(
        name=name.strip(),
        value=value.strip(),
        place=place,
        deletes=deletes,
        persists=not deletes and (bool(max_age) or bool(expires)),
        secure="secure" in attributes,
        http_only="httponly" in attributes,
        same_site=attributes.get("samesite", "").lower(),
        domain=attributes.get("domain", "").lower().removeprefix("."),
        path=path if path.startswith("/") else _default_path(request_path),
    )


def _is_past(expires: str) -> bool:
    try:
        return parsedate_to_datetime(expires.replace("-", " ")).year < _PAST
    except (ValueError, TypeError, IndexError):
        year = re.search(r"\b(\d{4})\b", expires)
        return year is not None and int(year[1]) < _PAST


def _default_path(request_path: str) -> str:
    """The path of a cookie without one: the folder of the request."""
    return request_path.rpartition("/")[0] or "/"


def note_cookies(
    runs: Sequence[Mapping[str, Cookie]], other: Mapping[str, Cookie], differences: Differences
) -> None:
    """Note cookies that the current version always sets, and the target sets otherwise or not."""
    always = [name for name in runs[0] if all(name in run for run in runs)]
    lost = [name for name in always if name not in other]
    if lost:
        differences.other(
            runs[0][lost[0]].place,
            "lost-cookie",
            "TARGET does not set a cookie that CURRENT always sets: ",
            ", ".join(sorted(always)),
            ", ".join(sorted(other)),
            note=one_line(", ".join(sorted(lost))),
        )
    for name in always:
        if name in other:
            _note_cookie([run[name] for run in runs], other[name], differences)


def _note_cookie(runs: Sequence[Cookie], other: Cookie, differences: Differences) -> None:
    known = runs[0]
    if all(run.deletes != other.deletes for run in runs):
        done = "deletes" if other.deletes else "keeps"
        undone = "sets" if other.deletes else "deletes"
        says = f"TARGET {done} a cookie that CURRENT {undone}: "
        _note("deletion", says, known, other, differences)
        return
    if other.deletes:
        _note_scope(runs, other, differences)
        return
    if other.is_refused and not any(run.is_refused for run in runs):
        _note("refused", "TARGET sets a cookie that browsers refuse: ", known, other, differences)
        return
    if not other.value.strip('"') and all(run.value.strip('"') for run in runs):
        _note("emptied", "TARGET sets a cookie without a value: ", known, other, differences)
    if all(run.http_only and not other.http_only for run in runs):
        _note("http-only", "TARGET sets a cookie without HttpOnly: ", known, other, differences)
    elif all(other.http_only and not run.http_only for run in runs):
        says = "TARGET hides a cookie from scripts by HttpOnly: "
        _note("http-only", says, known, other, differences)
    rank = _SAME_SITE.get(other.same_site, 1)
    ranks = [_SAME_SITE.get(run.same_site, 1) for run in runs]
    if rank > max(ranks):
        says = "TARGET sets a cookie that fewer requests of other sites carry: "
        _note("same-site", says, known, other, differences)
    elif rank < min(ranks):
        says = "TARGET sets a cookie that more requests of other sites carry: "
        _note("same-site", says, known, other, differences, harms=False)
    _note_scope(runs, other, differences)
    if all(run.secure and not other.secure for run in runs):
        # A client that used it over HTTPS still does.
        says = "TARGET sets a cookie without Secure: "
        _note("secure", says, known, other, differences, harms=False)
    if all(run.persists and not other.persists for run in runs):
        says = "TARGET sets a cookie that ends with the browser's session: "
        _note("lifetime", says, known, other, differences, harms=False)


def _note_scope(runs: Sequence[Cookie], other: Cookie, differences: Differences) -> None:
    """Note a cookie for other hosts or paths; one for more of them only warns."""
    known = runs[0]
    if all(run.domain != other.domain for run in runs):
        wider = all(_covers_domain(other.domain, run.domain) for run in runs)
        says = "TARGET sets a cookie for another Domain: "
        _note("domain", says, known, other, differences, harms=not wider or other.deletes)
    if all(run.path != other.path for run in runs):
        wider = all(_covers_path(other.path, run.path) for run in runs)
        says = "TARGET sets a cookie for another Path: "
        _note("path", says, known, other, differences, harms=not wider or other.deletes)


def _covers_domain(wide: str, narrow: str) -> bool:
    # A cookie without Domain is for the host alone, which lies in each Domain that it may name.
    return bool(wide) and (not narrow or narrow.endswith(f".{wide}"))


def _covers_path(wide: str, narrow: str) -> bool:
    return narrow == wide or narrow.startswith(wide if wide.endswith("/") else f"{wide}/")


def _note(
    aspect: str,
    says: str,
    known: Cookie,
    other: Cookie,
    differences: Differences,
    *,
    harms: bool = True,
) -> None:
    note = differences.other if harms else differences.warn
    shown = _shown(known), _shown(other)
    note(other.place, f"cookie-{aspect}", says, *shown, note=one_line(known.name))


def _shown(cookie: Cookie) -> str:
    """The cookie without its value, which may be a secret."""
    parts = [f"{cookie.name}=…", f"Path={cookie.path}"]
    if cookie.domain:
        parts.append(f"Domain={cookie.domain}")
    if cookie.deletes:
        parts.append("expired")
    parts += ["HttpOnly"] * cookie.http_only + ["Secure"] * cookie.secure
    if cookie.same_site:
        parts.append(f"SameSite={cookie.same_site.capitalize()}")
    return one_line("; ".join(parts))
