"""Answers from what was recorded with the current event, and the log of what was asked for.

What is refused: a request without an answer gets ``400 Not Recorded`` (to AWS, an error with the
code ``LambdaRollbackNotRecorded`` in the protocol of the request). Clients retry lost connections
and errors of the 500s, often silently and for long; nobody retries a 400, and its words tell what
happened.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.downstream import AwsExchange, Exchange, HttpExchange
from pytest_lambda_rollback.model.replay import EventFixture
from pytest_lambda_rollback.model.services import Answer, ServiceRequest
from pytest_lambda_rollback.services.http.aws_calls import (
    NOT_RECORDED,
    AwsCall,
    Translation,
    is_for_aws,
    refusal,
)
from pytest_lambda_rollback.services.http.matching import (
    READS,
    Choice,
    Comparison,
    Fit,
    HttpPattern,
    SentRequest,
    choose,
    compared_calls,
    writes,
)
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest
from pytest_lambda_rollback.services.http.nearest import nearest_words
from pytest_lambda_rollback.services.http.values import json_ready

_MOST_REQUESTS: Final = 10_000
_MOST_PARAMETERS: Final = 256 * 1024
_ALL_PARAMETERS: Final = 64 * 1024 * 1024


class RecordedAnswers:
    """The recorded answers of one pass. Safe for several threads; an `Answerer` of a front.

    ``translation`` is needed for AWS; without it, requests to AWS are refused. ``elsewhere`` are
    exchanges of the function's other events: they answer a read that the current event has no
    exchange for at all, if it is equal, and any number of times. What a function reads once when
    it is initialised, a secret say, is recorded only with the event that was first.
    """

    def __init__(
        self, translation: Translation | None = None, *, elsewhere: Iterable[Exchange] = ()
    ) -> None:
        self._translation = translation
        self._elsewhere = _Exchanges(elsewhere)
        self._lock = threading.Lock()
        self._event = _Exchanges(())
        self._log = _Log()

    def begin(self, fixture: EventFixture) -> None:
        """Answer from the exchanges of an event from now on, each once."""
        event = _Exchanges(fixture.downstream)
        with self._lock:
            self._event = event

    def requests(self) -> tuple[ServiceRequest, ...]:
        """Requests since the last call of this method, in the order of their answers."""
        with self._lock:
            log, self._log = self._log, _Log()
        return tuple(log.requests)

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The recorded answer, or a refusal that says why there is none."""
        event = self._event
        if is_for_aws(request) and not event.has_http_of(request):
            return self._aws_answer(event, request)
        return self._http_answer(event, request)

    def refused(self, host: str, port: int, why: str) -> None:
        """Note a connection that sent no request that could be read."""
        self._note(
            ServiceRequest(
                service=host if port in (80, 443) else f"{host}:{port}",
                operation="",
                answer=Answer.UNRECORDED,
                message=why,
            )
        )

    def _note(self, request: ServiceRequest) -> None:
        with self._lock:
            self._log.add(request)

    # --- HTTP -----------------------------------------------------------------------------------

    def _http_answer(self, event: _Exchanges, request: HttpRequest) -> HttpAnswer:
        sent = SentRequest(request)
        compared = [pattern.compared(sent) for pattern in event.patterns]
        with self._lock:
            choice = event.take_http(compared)
        recorded = event.http[choice.index] if choice.index is not None else None
        if recorded is None and not choice.used_up and request.method in READS:
            recorded = self._elsewhere.equal_http(sent)
        name = f"{request.method} {request.scheme}://{request.authority}{request.path}"
        nearest = ""
        if recorded is not None:
            answer = HttpAnswer(
                status=recorded.status, headers=plain_headers(recorded), body=recorded.body
            )
        else:
            nearest = _nearest([pattern.text for pattern in event.patterns], choice)
            answer = _not_recorded(name, choice, nearest)
        self._note(
            ServiceRequest(
                service=request.authority,
                operation=f"{request.method} {request.path}",
                parameters=_http_parameters(sent),
                status=answer.status,
                answer=_kind(choice) if recorded is None else Answer.ANSWERED,
                nearest=nearest,
            )
        )
        return answer

    # --- AWS ------------------------------------------------------------------------------------

    def _aws_answer(self, event: _Exchanges, request: HttpRequest) -> HttpAnswer:
        try:
            call = self._translation.call(request) if self._translation is not None else None
        except EngineError as missing:
            return self._unknown_call(request, str(missing).rstrip("."))
        if call is None:
            return self._unknown_call(request, "it is not a call that a service's model has")
        compared = [compared_calls(exchange, call) for exchange in event.aws]
        with self._lock:
            choice = event.take_aws(compared)
        recorded = event.aws[choice.index] if choice.index is not None else None
        if recorded is None and not choice.used_up and not writes(call.operation):
            recorded = self._elsewhere.equal_aws(call)
        nearest, error, message, kind = "", "", "", _kind(choice)
        answer: HttpAnswer | None = None
        if recorded is not None and self._translation is not None:
            kind = Answer.ANSWERED
            error, message = recorded.error_code, recorded.error_message
            answer = self._translation.answer(request, recorded)
            if answer is None:
                kind = Answer.UNRECORDED
                message = "the recorded answer does not fit the service's model"
        else:
            names = [f"{exchange.service} {exchange.operation}" for exchange in event.aws]
            nearest = _nearest(names, choice)
            message = _words(f"{call.service} {call.operation}", choice, nearest)
        if answer is None:
            error = NOT_RECORDED
            answer = refusal(request, error, message)
        self._note(
            ServiceRequest(
                service=call.service,
                operation=call.operation,
                parameters=call.parameters,
                status=answer.status,
                error=error,
                message=message,
                answer=kind,
                nearest=nearest,
            )
        )
        return answer

    def _unknown_call(self, request: HttpRequest, message: str) -> HttpAnswer:
        target = request.header("x-amz-target").rpartition(".")[2]
        self._note(
            ServiceRequest(
                service=request.authority,
                operation=target or f"{request.method} {request.path}",
                status=400,
                error=NOT_RECORDED,
                message=message,
                answer=Answer.UNRECORDED,
            )
        )
        return refusal(request, NOT_RECORDED, message)


class _Exchanges:
    """Recorded exchanges, and which of them have answered."""

    def __init__(self, exchanges: Iterable[Exchange]) -> None:
        exchanges = tuple(exchanges)
        self.http = tuple(each for each in exchanges if isinstance(each, HttpExchange))
        self.aws = tuple(each for each in exchanges if isinstance(each, AwsExchange))
        self.patterns = tuple(HttpPattern(each) for each in self.http)
        self._used_http: set[int] = set()
        self._used_aws: set[int] = set()

    def has_http_of(self, request: HttpRequest) -> bool:
        """Whether plain HTTP with the request's host is recorded."""
        place = f"{request.scheme}://{request.authority}"
        return any(pattern.place == place for pattern in self.patterns)

    def take_http(self, compared: Sequence[Comparison]) -> Choice:
        return _take(compared, self._used_http)

    def take_aws(self, compared: Sequence[Comparison]) -> Choice:
        return _take(compared, self._used_aws)

    def equal_http(self, sent: SentRequest) -> HttpExchange | None:
        """The first one with an equal request, whether it has answered or not."""
        for pattern, exchange in zip(self.patterns, self.http, strict=True):
            if pattern.compared(sent).fit is Fit.EQUAL:
                return exchange
        return None

    def equal_aws(self, call: AwsCall) -> AwsExchange | None:
        """The first one of an equal call, whether it has answered or not."""
        for exchange in self.aws:
            if compared_calls(exchange, call).fit is Fit.EQUAL:
                return exchange
        return None


class _Log:
    """What was asked for. What a function makes this keep is bounded."""

    def __init__(self) -> None:
        self.requests: list[ServiceRequest] = []
        self._parameters = 0

    def add(self, request: ServiceRequest) -> None:
        if len(self.requests) >= _MOST_REQUESTS:
            return
        self._parameters += len(request.parameters)
        if self._parameters > _ALL_PARAMETERS:
            request = replace(request, parameters="")
        self.requests.append(request)


def plain_headers(exchange: HttpExchange) -> tuple[tuple[str, str], ...]:
    """Headers of a recorded answer that fit its body, which is recorded unpacked."""
    packed = exchange.body.startswith((b"\x1f\x8b", b"\x78"))
    return tuple(
        (name, value)
        for name, value in exchange.headers
        if name.lower() != "content-encoding" or packed
    )


def _take(compared: Sequence[Comparison], used: set[int]) -> Choice:
    choice = choose(compared, used)
    if choice.index is not None:
        used.add(choice.index)
    return choice


def _nearest(names: Sequence[str], choice: Choice) -> str:
    if choice.nearest is None or choice.used_up:
        return ""
    return nearest_words(names[choice.nearest], choice.first)


def _kind(choice: Choice) -> Answer:
    if choice.index is not None:
        return Answer.ANSWERED
    return Answer.USED_UP if choice.used_up else Answer.UNRECORDED


def _words(name: str, choice: Choice, nearest: str) -> str:
    if choice.used_up:
        return f"{name} was asked for more often than it is recorded with this event"
    text = f"{name} is not recorded with this event"
    return f"{text}; the nearest is {nearest}" if nearest else text


def _not_recorded(name: str, choice: Choice, nearest: str) -> HttpAnswer:
    code = "LambdaRollbackUsedUp" if choice.used_up else NOT_RECORDED
    body = {"error": code, "message": _words(name, choice, nearest)}
    return HttpAnswer(
        status=400,
        reason="Recorded Answers Used Up" if choice.used_up else "Not Recorded",
        headers=(("Content-Type", "application/json"), ("X-Lambda-Rollback", code)),
        body=json.dumps(body).encode(),
    )


def _http_parameters(sent: SentRequest) -> str:
    """``{"query": …, "body": …}``; a large body is ``{"$size": bytes}``."""
    query = json_ready(sent.query)
    if isinstance(query, dict):
        query = {name: each[0] if len(each) == 1 else each for name, each in query.items()}
    try:
        text = json.dumps({"query": query, "body": json_ready(sent.body)})
    except (RecursionError, ValueError):
        text = ""
    if text and len(text) <= _MOST_PARAMETERS:
        return text
    return json.dumps({"query": {}, "body": {"$size": len(sent.raw)}})
