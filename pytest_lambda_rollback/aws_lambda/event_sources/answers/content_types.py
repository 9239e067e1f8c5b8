"""Content types of HTTP answers, compared as media types.

A media type is what a browser or another client chooses by: ``text/html`` is shown as a page,
``text/plain`` as text, ``image/svg+xml`` is no ``image/png``. Spellings of one type are equal:
all JSON (``+json`` included), and the aliases that RFC 9239 (JavaScript), RFC 7303 (XML) and
RFC 9512 (YAML) name.

An answer without a content type gets the front end's own:
- REST APIs: ``application/json``; HTTP APIs: ``text/plain``. AWS's own test tool holds both:
  https://github.com/aws/aws-lambda-dotnet/tree/master/Tools/LambdaTestTool-v2
- function URLs, and what an HTTP API infers: ``application/json``:
  https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
- load balancers: no document says; ``application/octet-stream`` is reported in
  https://github.com/aws/aws-lambda-dotnet/issues/1923
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import Headers, named
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Differences
from pytest_lambda_rollback.model.json_values import Path, short_text

CONTENT_TYPE = "content-type"
JSON = "application/json"
"""The media type of every kind of JSON."""

_ALIASES = {
    "text/xml": "application/xml",
    "application/javascript": "text/javascript",
    "application/x-javascript": "text/javascript",
    "application/ecmascript": "text/javascript",
    "application/x-yaml": "application/yaml",
    "text/yaml": "application/yaml",
    "text/x-yaml": "application/yaml",
    "application/x-gzip": "application/gzip",
    "application/x-zip-compressed": "application/zip",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-icon": "image/vnd.microsoft.icon",
    "audio/mp3": "audio/mpeg",
}
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_UTF_8 = frozenset(("utf-8", "utf8", "us-ascii", "ascii"))


def media_type(content_type: str) -> str:
    """The media type without its parameters, the same for all spellings of one type."""
    media = content_type.partition(";")[0].strip().lower()
    if media.endswith(("/json", "+json")):
        return JSON
    return _ALIASES.get(media, media)


def charset(content_type: str) -> str:
    """The charset that a content type names, in lower case; empty if it names none."""
    found = _CHARSET.search(content_type)
    return found[1].lower() if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentType:
    """The content type that a client receives."""

    value: str
    """Empty if it is unknown."""
    path: Path = ("headers", "Content-Type")
    origin: str = "set"
    """``set`` by the function, the front end's ``default``, or ``inferred`` from the answer."""

    @property
    def is_unstated(self) -> bool:
        """A default that AWS's documentation does not state: of HTTP APIs and load balancers."""
        return self.origin == "default" and media_type(self.value) != JSON

    def reads_as(self, other: ContentType) -> bool:
        """True where a client reads both in the same way, charset included."""
        names = {charset(self.value), charset(other.value)}
        return media_type(self.value) == media_type(other.value) and (
            len(names) == 1 or names <= {"", *_UTF_8}
        )


def content_type_of(headers: Headers, *, default: str, is_inferred: bool) -> ContentType:
    """The content type of an answer with these headers."""
    header = named(headers, CONTENT_TYPE)
    if header is not None and header.line:
        return ContentType(value=header.values[-1], path=header.path)
    if is_inferred:
        return ContentType(value=JSON, origin="inferred")
    return ContentType(value=default, origin="default")


def note_content_type(
    runs: Sequence[ContentType],
    other: ContentType,
    differences: Differences,
    *,
    has_json: bool,
    front_end: str,
) -> None:
    """Note another media type, where the current version always answers the same one.

    ``has_json``: both bodies are JSON. A client that got them under a default that AWS's
    documentation does not state, and gets them as JSON, most likely reads them as it did: that
    warns, and so does the reverse where the front end inferred the type.
    """
    known = runs[0]
    path = known.path if known.origin == "set" or other.origin != "set" else other.path
    if any(not run.value for run in runs):
        return
    media = {media_type(run.value) for run in runs}
    if len(media) != 1:
        return
    if not other.value:
        # The header is lost, and what the front end sets instead is unknown.
        if all(run.origin == "set" for run in runs):
            says = "TARGET answers without PLACE, which CURRENT always returns"
            differences.other(path, "lost-key", says, short_text(known.value), None)
        return
    found = media_type(other.value)
    if found in media:
        return
    origins = {"default": f", the default of {front_end},", "inferred": f", as {front_end} infers,"}
    whence = origins.get(other.origin, "")
    if known.is_unstated:
        may_be_equal = found == JSON and (has_json or other.origin == "inferred")
    else:
        may_be_equal = other.is_unstated and known.origin == "inferred"
    note = differences.warn if may_be_equal else differences.other
    note(
        path,
        "content-type",
        f"TARGET answers {found}{whence} where CURRENT answers {media_type(known.value)}",
        short_text(known.value),
        short_text(other.value) if other.origin == "set" else None,
    )


def note_charset(
    runs: Sequence[ContentType], other: ContentType, differences: Differences, *, body: str | None
) -> None:
    """Note a charset by which a client reads other characters than the target wrote.

    JSON is UTF-8 whatever a parameter says (RFC 8259, section 8.1).
    """
    if not body or body.isascii() or media_type(other.value) == JSON or other.origin != "set":
        return
    known = {charset(run.value) for run in runs}
    found = charset(other.value)
    if not known <= _UTF_8 or found in known:
        return
    note = differences.other if found and found not in _UTF_8 else differences.warn
    note(
        other.path,
        "charset",
        "TARGET answers with another charset at PLACE than CURRENT",
        short_text(runs[0].value),
        short_text(other.value),
    )
