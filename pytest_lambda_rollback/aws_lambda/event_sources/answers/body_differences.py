"""Comparing the bodies of HTTP answers.

A client notices when a body is garbled (base64 or an encoding that is not what it says), is no
longer JSON, text or a kind of file, or is empty. What a JSON body says is left to the general
comparison.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers.bodies import (
    Body,
    Document,
    accepts,
    document_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.content_types import (
    JSON,
    ContentType,
    charset,
    media_type,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Differences, Object
from pytest_lambda_rollback.model.json_values import Json, Path, short_text

_PATH = ("body",)
_FLAG = ("isBase64Encoded",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A body as a front end sends it."""

    raw: Json
    """As the function gave it."""
    is_there: bool
    """The answer has a body, maybe null."""
    body: Body | None
    """``None`` for one that is not text."""
    content_type: ContentType
    encoding_path: Path
    """Where the answer has its ``Content-Encoding``, or would have it."""


def is_json(types: Sequence[ContentType]) -> bool:
    """True where each of these content types says JSON."""
    return all(media_type(each.value) == JSON for each in types)


def compared(
    runs: Sequence[Sent],
    other: Sent,
    differences: Differences,
    *,
    accept_encoding: str,
    front_end: str,
    decodes_always: bool,
) -> list[Object] | None:
    """Note what a client cannot read; the bodies left to compare, of each run and the target.

    ``None`` if nothing is left. ``decodes_always`` is false for a front end that decodes base64
    only for media types that it is set up with. Raises TooDeepError for a body that nests too deep.
    """
    if all(run.raw in (None, "") for run in runs):
        return [{"body": each.raw or ""} for each in (*runs, other)]
    whole = [{"body": each.raw} if each.is_there else {} for each in (*runs, other)]
    if differences.ignored(_PATH) or not other.is_there:
        return whole
    bodies = [run.body for run in runs]
    known = [body for body in bodies if body is not None]
    if len(known) != len(runs):
        return whole
    found = other.body
    if found is None:
        differences.retyped(_PATH, ["string"], runs[0].raw, other.raw)
        return None
    if _note_garbled(known, found, differences, front_end):
        return None
    if not decodes_always and found.is_base64 and not any(run.flagged for run in known):
        differences.warn(
            _FLAG,
            "base64-media-types",
            "TARGET answers base64 where CURRENT answers text: "
            f"{front_end} decodes it only for the API's binary media types",
            None,
            "true",
        )
    places = [each.encoding_path for each in (*runs, other) if each.body and each.body.encoding]
    place = places[0] if places else other.encoding_path
    if _note_encoding(known, found, differences, accept_encoding, place):
        return None
    says_json = is_json([run.content_type for run in runs])
    documents = [document_of(body.text, is_json=says_json) for body in known]
    parsed = [document for document in documents if document is not None]
    if len(parsed) == len(runs):
        if found.text is None and _note_kind(known, found, other, differences):
            return None
        target = note_document(parsed, found.text or "", _PATH, differences)
        if target is None:
            return None
        return [{"body": each.value} for each in (*parsed, target)]
    if _note_empty(known, found, differences) or _note_kind(known, found, other, differences):
        return None
    media = {media_type(run.content_type.value) for run in runs}
    if media_type(other.content_type.value) in media and _note_form(known, found, differences):
        return None
    return [{"body": _as_text(body)} for body in (*known, found)]


def note_document(
    runs: Sequence[Document], text: str, path: Path, differences: Differences
) -> Document | None:
    """The document in the target's text; ``None`` where it was noted that it has none."""
    found = document_of(text, is_json=True)
    if found is None:
        differences.other(
            path,
            "body-not-json" if path else "not-json",
            f"TARGET answers {'a body' if path else 'a text'} that is not JSON where CURRENT "
            "answers JSON",
            short_text(runs[0].value),
            short_text(text),
        )
        return None
    if not found.is_strict and all(run.is_strict for run in runs):
        note_constant(runs[0].value, found.value, path, differences)
    return found


def note_constant(
    current: Json, target: Json, path: Path, differences: Differences, *, breaks: bool = True
) -> None:
    """Note the first NaN or Infinity in the target's value, for which JSON has no form."""
    place = _constant_in(target) or ()
    constant = _at(target, place)
    note = differences.rule if breaks else differences.warn
    note(
        (*path, *place),
        "not-json-number",
        "TARGET answers with a value at PLACE that JSON does not have, so that clients cannot "
        "parse it: ",
        short_text(_at(current, place)),
        short_text(constant),
        note=short_text(constant),
    )


def _constant_in(value: Json) -> Path | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else ()
    items: Sequence[tuple[str | int, Json]] = ()
    if isinstance(value, dict):
        items = tuple(value.items())
    elif isinstance(value, list):
        items = tuple(enumerate(value))
    for key, each in items:
        place = _constant_in(each)
        if place is not None:
            return (key, *place)
    return None


def _at(value: Json, path: Path) -> Json:
    for token in path:
        if isinstance(value, dict):
            value = value.get(str(token))
        elif isinstance(value, list) and isinstance(token, int) and token < len(value):
            value = value[token]
        else:
            return None
    return value


def _note_garbled(
    runs: Sequence[Body], other: Body, differences: Differences, front_end: str
) -> bool:
    """Note base64 that the front end decodes wrongly, or not at all."""
    if other.flagged and not other.is_base64:
        if any(run.flagged and not run.is_base64 for run in runs):
            return False
        differences.rule(
            _PATH,
            "not-base64",
            "TARGET answers a body that is not base64, with isBase64Encoded true: "
            f"{front_end} cannot decode it",
            short_text(runs[0].written),
            short_text(other.written),
        )
        return True
    were_encoded = all(run.is_base64 for run in runs)
    if were_encoded and not other.flagged and other.written in {run.written for run in runs}:
        is_lost = all(run.written != run.text for run in runs)
    elif not other.looks_like_base64 or any(run.looks_like_base64 for run in runs):
        is_lost = False
    else:
        is_lost = were_encoded or all(map(_is_markup, runs))
    if is_lost:
        differences.rule(
            _FLAG,
            "lost-base64-flag",
            "TARGET answers base64 without isBase64Encoded: "
            f"{front_end} sends it as text, undecoded",
            "true" if were_encoded else short_text(runs[0].written),
            None if were_encoded else short_text(other.written),
        )
        return True
    return False


def _note_encoding(
    runs: Sequence[Body],
    other: Body,
    differences: Differences,
    accept_encoding: str,
    place: Path,
) -> bool:
    """Note a content encoding that a client cannot undo; True where bodies stay unknown."""
    known = {run.encoding for run in runs}
    if not other.is_compressed and all(run.is_compressed for run in runs):
        differences.other(
            place,
            "content-encoding",
            f"TARGET answers a body that is not {other.encoding}, as its Content-Encoding says",
            short_text(runs[0].encoding or "identity"),
            short_text(other.encoding),
        )
        return True
    is_new = other.encoding and other.encoding not in known
    if is_new and not accepts(accept_encoding, other.encoding):
        differences.other(
            place,
            "content-encoding",
            f"TARGET compresses by {other.encoding}, which its client does not accept",
            short_text(runs[0].encoding or "identity"),
            short_text(other.encoding),
        )
        return True
    opaque = [body for body in (*runs, other) if body.is_opaque]
    if not opaque:
        return False
    if other.written not in {run.written for run in runs}:
        differences.warn(
            _PATH,
            "not-compared",
            f"TARGET is not compared with CURRENT by its body, as one compressed by "
            f"{opaque[0].encoding} could not be read",
            short_text(runs[0].encoding or "identity"),
            short_text(other.encoding or "identity"),
        )
    return True


def _note_empty(runs: Sequence[Body], other: Body, differences: Differences) -> bool:
    if other.content or not all(run.content for run in runs):
        return False
    differences.other(
        _PATH,
        "empty-body",
        "TARGET answers an empty body where CURRENT always answers one",
        _shown(runs[0]),
        _shown(other),
    )
    return True


def _note_kind(runs: Sequence[Body], other: Body, sent: Sent, differences: Differences) -> bool:
    """Note binary content in place of text, the reverse, or another kind of file."""
    if not other.content or not all(run.content for run in runs):
        return False
    known = {_kind(run, None) for run in runs}
    found = _kind(other, sent.content_type)
    if len(known) > 1 or found in known:
        return False
    says = f"TARGET answers {found} in its body where CURRENT answers {known.pop()}"
    differences.other(_PATH, "body-kind", says, _shown(runs[0]), _shown(other))
    return True


def _note_form(runs: Sequence[Body], other: Body, differences: Differences) -> bool:
    """Note a text that was dumped as JSON, or as Python shows bytes, in place of the text."""
    texts = [run.text for run in runs]
    if other.text in texts:
        return False
    document = document_of(other.text, is_json=False)
    is_dumped = document is not None and (document.value in texts or all(map(_is_markup, runs)))
    is_shown = _SHOWN_BYTES.match(other.text or "") is not None and not any(
        _SHOWN_BYTES.match(text or "") for text in texts
    )
    if not is_dumped and not is_shown:
        return False
    form = "JSON" if is_dumped else "Python's form of bytes"
    says = f"TARGET answers {form} in its body where CURRENT answers the text itself"
    differences.other(_PATH, "body-form", says, _shown(runs[0]), _shown(other))
    return True


def _is_markup(body: Body) -> bool:
    return (body.text or "").lstrip().startswith("<")


_SHOWN_BYTES = re.compile(r"\s*b(?:'.*'|\".*\")\s*\Z", re.DOTALL)


def _kind(body: Body, content_type: ContentType | None) -> str:
    if body.text is not None:
        return "text"
    if content_type is not None and _reads(body.content, charset(content_type.value)):
        return "text"
    return body.kind or "binary content"


def _reads(content: bytes, name: str) -> bool:
    """True for text in this charset, other than those that take any bytes for text."""
    if not name:
        return False
    try:
        content.decode(name)
    except (ValueError, LookupError):
        return False
    return True


def _as_text(body: Body) -> str:
    """The content in a form that is equal for equal content."""
    text = body.text
    return base64.b64encode(body.content).decode("ascii") if text is None else text


def _shown(body: Body) -> str:
    text = body.text
    return f"{len(body.content)} bytes" if text is None else short_text(text)
