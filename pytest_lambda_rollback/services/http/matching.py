"""Which recorded exchange answers a request: pure comparison, most exact first.

An exchange fits a request in one of three ways, tried in this order among those not used yet:

1. equal: method, URL and body, and the request headers that were recorded;
2. equal but for values that programs make anew each time (ids, times) on both sides;
3. a write whose body has the same shape, if no other exchange fits in this way: what such a request
   is answered hardly depends on the values, and how the values differ is another contract's matter.

Each exchange answers once, as it was recorded once; equally good ones answer in recorded order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass
from enum import IntEnum
from typing import Final
from urllib.parse import unquote, urlsplit

from pytest_lambda_rollback.model.downstream import AwsExchange, HttpExchange
from pytest_lambda_rollback.services.http.aws_calls import AwsCall
from pytest_lambda_rollback.services.http.messages import HttpRequest
from pytest_lambda_rollback.services.http.values import (
    ABSENT,
    FORM,
    Difference,
    body_value,
    differences,
    form_value,
    media_type,
)

READS: Final = frozenset(("GET", "HEAD", "OPTIONS"))
"""Methods of requests that change nothing."""
_WRITES: Final = re.compile(
    "Put|Update|Delete|Create|Write|BatchWrite|TransactWrite|Send|Publish|Start|Stop|Record|Add"
    "|Remove|Set|Tag|Untag|Upload|Copy|Change|Complete|Abort|Enable|Disable|Attach|Detach"
)
"""Operations whose answers hardly depend on the values that they are given."""
_MOST_DIFFERENCES: Final = 1000


class Fit(IntEnum):
    """How well a recorded request fits one that was sent; the lower the better."""

    EQUAL = 0
    CHANGING = 1
    """Only values differ that are made anew each time."""
    SHAPE = 2
    """A write with the same shape."""
    NONE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A recorded request beside one that was sent."""

    fit: Fit
    distance: int = 0
    """How unlike they are; for ``Fit.NONE``."""
    first: Difference | None = None
    """The first difference; its pointer begins with ``/method``, ``/host``, ``/path``,
    ``/headers``, ``/query``, ``/body`` or ``/parameters``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The answer to "which one?"."""

    index: int | None = None
    """The exchange that answers."""
    used_up: bool = False
    """Without an index: one fits, but it has answered already."""
    nearest: int | None = None
    """Without an index: the exchange that is most like the request, if there is any."""
    first: Difference | None = None
    """How the nearest one differs from the request."""


def choose(compared: Sequence[Comparison], used: Set[int]) -> Choice:
    """The exchange that answers a request, given how each one compares to it."""
    free = [number for number in range(len(compared)) if number not in used]
    for fit in (Fit.EQUAL, Fit.CHANGING):
        for number in free:
            if compared[number].fit is fit:
                return Choice(index=number)
    alike = [number for number in free if compared[number].fit is Fit.SHAPE]
    if len(alike) == 1:
        return Choice(index=alike[0])
    nearest = min(
        range(len(compared)),
        key=lambda number: (compared[number].fit, compared[number].distance, number),
        default=None,
    )
    if nearest is None:
        return Choice()
    return Choice(
        used_up=compared[nearest].fit in (Fit.EQUAL, Fit.CHANGING),
        nearest=nearest,
        first=compared[nearest].first,
    )


def weighed(found: Iterable[Difference], *, write: bool) -> Comparison:
    """What differences within equal places mean."""
    first: Difference | None = None
    count = 0
    fit = Fit.EQUAL
    for difference in found:
        first = first or difference
        count += 1
        if difference.changing:
            fit = max(fit, Fit.CHANGING)
        elif write and difference.same_type:
            fit = max(fit, Fit.SHAPE)
        else:
            fit = Fit.NONE
        if count >= _MOST_DIFFERENCES:
            break
    return Comparison(fit=fit, distance=count, first=first)


def writes(operation: str) -> bool:
    """Whether an operation of AWS changes something, by its name."""
    return _WRITES.match(operation) is not None


def compared_calls(recorded: AwsExchange, call: AwsCall) -> Comparison:
    """How a recorded call of an AWS operation compares to one that was made."""
    if recorded.service != call.service:
        return _unlike(1_000_000, "/service", recorded.service, call.service)
    if recorded.operation != call.operation:
        return _unlike(5_000, "/operation", recorded.operation, call.operation)
    try:
        found = [
            difference
            for difference in differences(
                json.loads(recorded.parameters), json.loads(call.parameters), "/parameters"
            )
            if difference.pointer.split("/")[2] not in call.added
        ]
    except (ValueError, RecursionError):
        return _unlike(1_000, "/parameters", "…", "…")
    return weighed(found, write=writes(call.operation))


class HttpPattern:
    """A recorded HTTP request, taken apart once."""

    def __init__(self, exchange: HttpExchange) -> None:
        parts = urlsplit(exchange.url)
        self.method = exchange.method.upper()
        self.place = f"{parts.scheme.lower()}://{_authority(parts.scheme, parts.netloc)}"
        self.path = parts.path or "/"
        self._segments = _segments(self.path)
        self._query = form_value(parts.query.encode())
        self._headers = tuple((name.lower(), value) for name, value in exchange.request_headers)
        self._content_type = dict(self._headers).get("content-type", "")
        self._bodies: dict[bool, object] = {}
        self._raw = exchange.request_body

    @property
    def text(self) -> str:
        """``POST https://api.example.com/v1/charges``."""
        return f"{self.method} {self.place}{self.path}"

    def compared(self, sent: SentRequest) -> Comparison:
        """How a request compares to this one."""
        if sent.place != self.place:
            return _unlike(1_000_000, "/host", self.place, sent.place)
        path = tuple(_path_differences(self._segments, sent.segments))
        if not all(difference.changing for difference in path):
            return _unlike(
                10_000 * len(path) + (5_000 if sent.method != self.method else 0),
                "/path",
                self.path,
                sent.path,
            )
        if sent.method != self.method:
            return _unlike(5_000, "/method", self.method, sent.method)
        fixed = [*path, *self._header_differences(sent)]
        fixed += differences(self._query, sent.query, "/query")
        place = weighed(fixed, write=False)
        if place.fit is Fit.NONE:
            return Comparison(fit=Fit.NONE, distance=100 + place.distance, first=place.first)
        if self._raw == sent.raw:
            return place
        try:
            body = weighed(
                differences(self._body(form=sent.form), sent.body, "/body"),
                write=self.method not in READS,
            )
        except RecursionError:
            return _unlike(99, "/body", "…", "…")
        return Comparison(
            fit=max(place.fit, body.fit), distance=body.distance, first=place.first or body.first
        )

    def _body(self, *, form: bool) -> object:
        """The recorded body, as a form if the recording or the request says that it is one."""
        if form not in self._bodies:
            kind = self._content_type or (FORM if form else "")
            self._bodies[form] = body_value(self._raw, content_type=kind)
        return self._bodies[form]

    def _header_differences(self, sent: SentRequest) -> Iterable[Difference]:
        for name, value in self._headers:
            got = sent.header(name)
            if got != value:
                yield Difference(
                    pointer=f"/headers/{name}", recorded=value, sent=got if got else ABSENT
                )


class SentRequest:
    """A request of a function, taken apart once for all comparisons."""

    def __init__(self, request: HttpRequest) -> None:
        self.method = request.method
        self.place = f"{request.scheme}://{request.authority}"
        self.path = request.path
        self.segments = _segments(request.path)
        self.query = form_value(request.query.encode())
        self.raw = request.body
        self.header: Callable[[str], str] = request.header
        kind = request.header("content-type")
        self.form = media_type(kind) == FORM
        self.body = body_value(
            request.body, encoding=request.header("content-encoding"), content_type=kind
        )


def _unlike(distance: int, pointer: str, recorded: object, sent: object) -> Comparison:
    return Comparison(
        fit=Fit.NONE,
        distance=distance,
        first=Difference(pointer=pointer, recorded=recorded, sent=sent),
    )


def _path_differences(recorded: tuple[str, ...], sent: tuple[str, ...]) -> Iterable[Difference]:
    if len(recorded) != len(sent):
        yield Difference(pointer="/path", recorded=len(recorded), sent=len(sent))
        return
    for one, other in zip(recorded, sent, strict=True):
        if one != other:
            yield Difference(pointer="/path", recorded=one, sent=other)


def _segments(path: str) -> tuple[str, ...]:
    return tuple(unquote(segment) for segment in path.split("/"))


def _authority(scheme: str, netloc: str) -> str:
    netloc = netloc.rpartition("@")[2].lower()
    usual = {"http": ":80", "https": ":443"}.get(scheme.lower(), "")
    return netloc.removesuffix(usual) if usual else netloc
