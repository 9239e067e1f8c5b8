"""One HTTP answer as a client receives it, read from what a function returned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.answers.bodies import Body, body_of
from pytest_lambda_rollback.aws_lambda.event_sources.answers.content_types import (
    CONTENT_TYPE,
    ContentType,
    content_type_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.cookies import (
    SET_COOKIE,
    Cookie,
    cookies_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_headers import UNSENT
from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import (
    HEADER_OBJECTS,
    Headers,
    Request,
    headers_of,
    named,
    status_of,
)
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Object
from pytest_lambda_rollback.model.json_values import Json, Path

_READ = frozenset((*HEADER_OBJECTS, "statusCode", "cookies", "body", "isBase64Encoded"))
_WITHOUT_BODY = (204, 304)
_APART = frozenset((SET_COOKIE, CONTENT_TYPE, "content-encoding", *UNSENT))
"""Headers that are compared by rules of their own, or not at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """An answer as a client receives it."""

    value: Object
    """As the function gave it, or as it was inferred."""
    status: int | None
    headers: Headers
    """Without cookies, content type and encoding, and what a front end sets itself."""
    cookies: Mapping[str, Cookie]
    content_type: ContentType
    encoding_path: Path
    raw_body: Json
    """As the function gave it; ``None`` for one that is not sent."""
    has_body: bool
    """The answer has a member for it."""
    body: Body | None
    """``None`` for one that is not text, or not sent."""
    others: Object
    """Members that a caller without a front end sees."""
    places: tuple[str, ...]
    """The header objects that are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a front end reads the answers to one request."""

    request: Request
    places: tuple[str, ...]
    """The header objects that it reads."""
    merges_headers: bool
    infers: bool
    reads_cookies: bool
    default_type: str
    has_body: bool
    """False where no client gets a body."""
    drops_others: bool

    def answer(self, value: Json) -> HttpAnswer | None:
        """The answer as it is sent; ``None`` for one that cannot be read as such."""
        is_inferred = self.infers and not has_status(value)
        if is_inferred:
            text = value if isinstance(value, str) else json.dumps(value, default=str)
            value = {"statusCode": 200, "body": text}
        if not isinstance(value, dict):
            return None
        headers = headers_of(value, self.places, merged=self.merges_headers)
        status = status_of(value)
        sends_body = self.has_body and self.request.method != "HEAD" and status not in _WITHOUT_BODY
        encoding = named(headers, "content-encoding")
        others = {} if self.drops_others else {k: v for k, v in value.items() if k not in _READ}
        return HttpAnswer(
            value=value,
            status=status,
            headers={k: h for k, h in headers.items() if k.rpartition("/")[2] not in _APART},
            cookies=self._cookies(value, headers),
            content_type=content_type_of(
                headers, default=self.default_type, is_inferred=is_inferred
            ),
            encoding_path=encoding.path if encoding else ("headers", "Content-Encoding"),
            raw_body=value.get("body") if sends_body else None,
            has_body="body" in value,
            body=written_body(value, headers) if sends_body else None,
            others=others,
            places=self.places,
        )

    def _cookies(self, value: Object, headers: Headers) -> dict[str, Cookie]:
        lines = [
            (header.path, line)
            for key, header in headers.items()
            if key.rpartition("/")[2] == SET_COOKIE
            for line in header.values
        ]
        listed = value.get("cookies") if self.reads_cookies else None
        written = listed if isinstance(listed, list) else []
        lines += [(("cookies",), line) for line in written if isinstance(line, str)]
        return cookies_of(lines, self.request.path)


def has_status(value: Json) -> bool:
    """True for an answer with a status code of its own."""
    return isinstance(value, dict) and "statusCode" in value


def written_body(value: Object, headers: Headers) -> Body | None:
    """The body of an answer by its flag and headers; ``None`` for one that is not text."""
    raw, flag = value.get("body"), value.get("isBase64Encoded")
    if not isinstance(raw, str):
        return None
    encoding = named(headers, "content-encoding")
    is_flagged = flag is True or (isinstance(flag, str) and flag.lower() == "true")
    return body_of(raw, flagged=is_flagged, encoding=encoding.line if encoding else "")
