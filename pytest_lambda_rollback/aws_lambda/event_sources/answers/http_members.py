"""Status, headers, cookies and content types of HTTP answers.

An answer is an object with ``headers`` and ``multiValueHeaders``, both there and one of them
maybe empty, and ``cookies`` where payload format 2.0 sets them. Names of headers ignore case, and
a client must be able to read a kind of content, not a spelling of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.interface import Differences, Object
from pytest_lambda_rollback.model.json_values import Json, one_line, short_text

HEADER_OBJECTS = ("headers", "multiValueHeaders")
"""The objects that front ends read headers from; header names ignore case."""


def status_of(value: Json) -> int | None:
    """The HTTP status of an answer, which API Gateway also takes as text ("200")."""
    status = value.get("statusCode") if isinstance(value, dict) else None
    if isinstance(status, bool):
        return None
    if isinstance(status, str):
        return int(status) if status.isascii() and status.isdigit() and len(status) < 5 else None
    if isinstance(status, float):
        return int(status) if status.is_integer() else None
    return status if isinstance(status, int) else None


def spell_headers(runs: Sequence[Object], other: Object) -> None:
    """Spell the names of headers as the current version does."""
    for name in HEADER_OBJECTS:
        spelling: dict[str, str] = {}
        for answer in (*runs, other):
            headers = answer[name]
            if isinstance(headers, dict):
                answer[name] = {
                    spelling.setdefault(key.lower(), key): header for key, header in headers.items()
                }


def merge_headers(runs: Sequence[Object], other: Object) -> None:
    """Move the target's headers to the object in which the current version has them.

    API Gateway merges both objects: clients do not see which object a header comes from.
    """
    for here, there in (HEADER_OBJECTS, HEADER_OBJECTS[::-1]):
        source, wanted = other[there], other[here]
        if not isinstance(source, dict) or not isinstance(wanted, dict):
            continue
        known = {name.lower(): name for run in runs for name in _headers(run, here)}
        kept = {name.lower() for run in runs for name in _headers(run, there)}
        for name in list(source):
            if name.lower() not in known or name.lower() in kept or name in wanted:
                continue
            value = source.pop(name)
            if here == "multiValueHeaders":
                wanted[known[name.lower()]] = [value]
            elif isinstance(value, list):
                wanted[known[name.lower()]] = value[-1] if value else ""


def _headers(answer: Object, name: str) -> Object:
    headers = answer[name]
    return headers if isinstance(headers, dict) else {}


def note_cookies(runs: Sequence[Object], other: Object, differences: Differences) -> None:
    """Note cookies that the current version always sets and the target does not.

    Where the target sets none at all, that is a lost header or member already.
    """
    always = set.intersection(*(_cookie_names(run) for run in runs))
    found = _cookie_names(other)
    places = _cookie_places(other)
    if not places or always <= found:
        return
    name, key = places[0]
    differences.other(
        (name, *key),
        "lost-cookie",
        "TARGET does not set a cookie that CURRENT always sets: ",
        ", ".join(sorted(always)),
        ", ".join(sorted(found)),
        note=one_line(", ".join(sorted(always - found))),
    )


def _cookie_places(answer: Object) -> list[tuple[str, tuple[str, ...]]]:
    """The places where an answer sets cookies: ``cookies``, or a header ``Set-Cookie``."""
    places: list[tuple[str, tuple[str, ...]]] = []
    if isinstance(answer.get("cookies"), list):
        places.append(("cookies", ()))
    for name in HEADER_OBJECTS:
        places += [(name, (key,)) for key in _headers(answer, name) if key.lower() == "set-cookie"]
    return places


def _cookie_names(answer: Object) -> set[str]:
    found: set[str] = set()
    for name, key in _cookie_places(answer):
        value = _headers(answer, name)[key[0]] if key else answer[name]
        for cookie in value if isinstance(value, list) else [value]:
            if isinstance(cookie, str) and "=" in cookie:
                found.add(cookie.partition("=")[0].strip())
    return found


def note_content_type(runs: Sequence[Object], other: Object, differences: Differences) -> None:
    """Note another kind of content, where the current version always says the same one."""
    known = [_header(run, "content-type") for run in runs]
    path, found = _header(other, "content-type")
    families = {media_family(value) for _, value in known}
    if not found or not all(value for _, value in known) or len(families) != 1:
        return
    if media_family(found) not in families:
        differences.other(
            path,
            "content-type",
            f"TARGET answers {media_family(found)} where CURRENT answers {families.pop()}",
            short_text(known[0][1]),
            short_text(found),
        )


def _header(answer: Object, wanted: str) -> tuple[tuple[str, str], str]:
    for place in HEADER_OBJECTS:
        for name, value in _headers(answer, place).items():
            sent = value[-1] if isinstance(value, list) and value else value
            if name.lower() == wanted and isinstance(sent, str):
                return (place, name), sent
    return ("headers", wanted), ""


def media_family(content_type: str) -> str:
    """The kind of content, as a caller reads it: ``json``, ``text``, ``application/pdf``."""
    media = content_type.partition(";")[0].strip().lower()
    if media.endswith(("/json", "+json")):
        return "json"
    kind = media.partition("/")[0]
    return media if kind == "application" else kind
