"""HTTP answers as clients receive them, and the ways to write one for a front end.

A `Message` is what a client gets. A `FrontEnd` writes it as the object that a function returns;
what each front end takes is in the document cited beside it. Two objects that were written for the
same message are equal for every client, whatever they look like.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from helpers import made_events as made
from properties import documents

Answer = dict[str, Any]

# --- what a client receives -------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One cookie that is set."""

    name: str
    value: str
    attributes: tuple[tuple[str, str], ...] = ()
    """(name, value), the value empty for a flag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One HTTP answer."""

    status: int
    media_type: str
    body: Any
    """A document for JSON, text for a text type, bytes for anything else."""
    headers: tuple[tuple[str, str], ...] = ()
    """Other headers, names in lower case, each once."""
    cookies: tuple[Cookie, ...] = ()

    @property
    def is_json(self) -> bool:
        """True for a body that is a JSON document."""
        return self.media_type.endswith("json")


NEEDED = {
    "location": ("https://example.com/orders/1", "/orders/1"),
    "www-authenticate": ('Bearer realm="orders"',),
    "content-disposition": ('attachment; filename="orders.csv"',),
    "access-control-allow-origin": ("https://shop.example.com",),
    "access-control-allow-credentials": ("true",),
    "link": ('<https://example.com/orders?page=2>; rel="next"',),
    "x-next-token": ("b3JkZXJz",),
    "retry-after": ("120",),
}
"""Headers that clients act on."""

HARDENING = {
    "strict-transport-security": ("max-age=63072000",),
    "x-content-type-options": ("nosniff",),
    "server-timing": ("db;dur=53",),
    "x-request-id": ("0b1c7f0e",),
}
"""Headers that harden or trace: an answer serves its client without them."""

_JSON_TYPES = ("application/json", "application/problem+json", "application/vnd.orders+json")
_TEXT_TYPES = ("text/html", "text/plain", "text/csv", "application/xml")
_BINARY_TYPES = ("image/png", "application/pdf", "application/octet-stream")


def _any_cookie(name: str, chance: Random) -> Cookie:
    attributes = [("Path", chance.choice(("/", "/shop")))]
    attributes += chance.choice(((), (("HttpOnly", ""), ("Secure", "")), (("Secure", ""),)))
    attributes += chance.choice(((), (("SameSite", "Lax"),), (("SameSite", "Strict"),)))
    attributes += chance.choice(((), (("Domain", "example.com"),)))
    value = chance.choice(("a1", "b2"))
    return Cookie(name=name, value=value, attributes=tuple(attributes))


def any_message(chance: Random) -> Message:
    """The answer of a working function."""
    media_type = chance.choice(chance.choice((_JSON_TYPES, _TEXT_TYPES, _BINARY_TYPES)))
    if media_type in _JSON_TYPES:
        body = documents.any_document(chance)
    elif media_type in _TEXT_TYPES:
        body = "<p>" + "".join(chance.choices("abc <>öé&", k=chance.randrange(30))) + "</p>"
    else:
        body = b"\x89PNG\xff" + chance.randbytes(chance.randrange(3, 30))
    values = NEEDED | HARDENING
    return Message(
        status=chance.choice((200, 200, 201, 302, 404, 422)),
        media_type=media_type,
        body=body,
        headers=tuple(
            (name, chance.choice(values[name]))
            for name in chance.sample(sorted(values), chance.choice((0, 2, 5)))
        ),
        cookies=tuple(
            _any_cookie(name, chance)
            for name in chance.sample(("session", "cart", "theme"), chance.randrange(3))
        ),
    )


# --- how it is written ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """What one front end takes and sends on alike."""

    name: str
    event: dict[str, Any] = field(repr=False)
    header_objects: tuple[str, ...] = ("headers",)
    """The objects that it reads headers from."""
    has_cookies: bool = False
    """It reads ``cookies``."""
    infers: bool = False
    """It makes an answer of anything without ``statusCode``, and drops members unknown to it."""
    is_strict: bool = False
    """It wants a number for the status, text for headers, and all members."""
    decodes: bool = True
    """It surely decodes ``isBase64Encoded``; a REST API does for its binary media types only."""
    default_type: str = ""
    """The content type of an answer that names none."""


REST_API = FrontEnd(
    name="rest",
    event=made.REST_API,
    header_objects=("headers", "multiValueHeaders"),
    decodes=False,
    default_type="application/json",
)
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html"""

HTTP_API_1 = FrontEnd(
    name="http1", event=made.HTTP_API_1, header_objects=("headers", "multiValueHeaders")
)
HTTP_API_2 = FrontEnd(name="http2", event=made.HTTP_API_2, has_cookies=True, infers=True)
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""

FUNCTION_URL = FrontEnd(name="url", event=made.FUNCTION_URL, has_cookies=True, infers=True)
"""https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html"""

LOAD_BALANCER = FrontEnd(name="alb", event=made.LOAD_BALANCER, is_strict=True)
LOAD_BALANCER_MULTI = FrontEnd(
    name="alb-multi",
    event={k: v for k, v in made.LOAD_BALANCER.items() if k != "headers"}
    | {"multiValueHeaders": {}, "multiValueQueryStringParameters": {}},
    header_objects=("multiValueHeaders",),
    is_strict=True,
)
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html"""

ALL = (REST_API, HTTP_API_1, HTTP_API_2, FUNCTION_URL, LOAD_BALANCER, LOAD_BALANCER_MULTI)


def written(end: FrontEnd, message: Message, chance: Random, *, whole: bool = False) -> Any:
    """What a function may return so that a client receives this message.

    ``whole``: with a status and a body as they are, for what is to be spoilt afterwards.
    """
    if not whole and _may_be_inferred(end, message) and _half(chance):
        return documents.shuffled(message.body, chance)
    answer: Answer = {"statusCode": message.status}
    if not end.is_strict and _half(chance):
        answer["statusCode"] = str(message.status)
    headers = list(message.headers)
    if message.media_type != end.default_type or _half(chance):
        headers.append(("content-type", _content_type(message, chance)))
    answer["body"], is_encoded = _body(end, message, chance, whole=whole)
    if is_encoded or end.is_strict or _half(chance):
        answer["isBase64Encoded"] = is_encoded
    _place_headers(end, answer, chance.sample(headers, len(headers)), chance)
    _place_cookies(end, answer, message.cookies, chance)
    if end.infers and _half(chance):
        answer["requestId"] = "dropped by the front end"
    if end.is_strict and _half(chance):
        answer["statusDescription"] = f"{message.status} as it is"
    return answer


def _half(chance: Random) -> bool:
    return chance.random() < 0.5


def _may_be_inferred(end: FrontEnd, message: Message) -> bool:
    plain = not message.headers and not message.cookies
    is_json = message.media_type == "application/json"
    return end.infers and plain and is_json and message.status == 200


def _content_type(message: Message, chance: Random) -> str:
    if not message.is_json:
        return message.media_type
    media_type = chance.choice((message.media_type, message.media_type.upper()))
    return chance.choice((media_type, f"{media_type}; charset=utf-8"))


def _body(end: FrontEnd, message: Message, chance: Random, *, whole: bool) -> tuple[str, bool]:
    if isinstance(message.body, bytes):
        return base64.b64encode(message.body).decode(), True
    text = documents.written(message.body, chance) if message.is_json else message.body
    if end.decodes and not whole and _half(chance):
        return base64.b64encode(text.encode()).decode(), True
    return text, False


def _place_headers(
    end: FrontEnd, answer: Answer, headers: Sequence[tuple[str, str]], chance: Random
) -> None:
    placed: dict[str, dict[str, Any]] = {name: {} for name in end.header_objects}
    for name, value in headers:
        place = chance.choice(end.header_objects)
        spelt = chance.choice((name, name.title(), name.upper()))
        placed[place][spelt] = [value] if place == "multiValueHeaders" else value
    for place, found in placed.items():
        if found or end.is_strict:
            answer[place] = found
        elif _half(chance):
            answer[place] = chance.choice(({}, None))


def _place_cookies(
    end: FrontEnd, answer: Answer, cookies: Sequence[Cookie], chance: Random
) -> None:
    texts = [_cookie_text(cookie, chance) for cookie in chance.sample(cookies, len(cookies))]
    if end.has_cookies:
        if len(texts) == 1 and _half(chance):
            answer["headers"] = {**(answer.get("headers") or {}), "Set-Cookie": texts[0]}
        elif texts or _half(chance):
            answer["cookies"] = texts
    elif "multiValueHeaders" in end.header_objects:
        if texts or _half(chance):
            name = chance.choice(("Set-Cookie", "set-cookie"))
            answer["multiValueHeaders"] = {**(answer.get("multiValueHeaders") or {}), name: texts}
    elif texts:
        answer["headers"] = {**answer["headers"], "Set-Cookie": texts[0]}  # it has room for one


def _cookie_text(cookie: Cookie, chance: Random) -> str:
    parts = [f"{cookie.name}={cookie.value}"]
    for name, value in chance.sample(cookie.attributes, len(cookie.attributes)):
        spelt = chance.choice((name, name.lower()))
        parts.append(f"{spelt}={value}" if value else spelt)
    return "; ".join(parts)


def fits(end: FrontEnd, message: Message) -> Message:
    """The message without what this front end cannot send."""
    one_cookie = end.header_objects == ("headers",) and not end.has_cookies
    return replace(message, cookies=message.cookies[:1]) if one_cookie else message
