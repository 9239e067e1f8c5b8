"""Recognising a replay that lacked a service, and naming that service.

Where the carrier sees calls, they are the evidence: a replay that fails after a call that nothing
answered may have failed for want of it. Only an error about code and data needs a traceback that
leads from the call to it. What client libraries say is asked for where no call can be seen: for a
service in the execution environment itself, for the name behind a literal address, and where there
is no carrier at all (`client_errors`).
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from pytest_lambda_rollback.contracts.invocation import client_errors
from pytest_lambda_rollback.model.json_values import one_line
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedCall:
    """An outgoing call that a function made and that nothing answered."""

    service: str | None
    """Host, with the port unless it is HTTP's; ``None`` if nothing names it."""
    evidence: str = ""
    """The error or log line that shows it, on one line."""

    @property
    def named(self) -> str:
        """The service as messages name it."""
        return self.service or "a host that the error does not name"


_INSIDE = re.compile(r"(?:localhost|127\.(?!64\.)[\d.]+|\[?::1\]?)(?::|$)")
"""A service in the execution environment itself, as an extension's. Addresses of 127.64.0.0/16 are
those that names of services get there."""

_REPORTS = re.compile(
    r"sentry|datadog|newrelic|nr-data|honeycomb|signalfx|dynatrace|lumigo|statsd|otlp|otel|xray"
    r"|telemetry|metrics|monitoring|(?:^|[.-])logs?\b|segment\.io|amplitude|mixpanel|PutMetricData",
    re.IGNORECASE,
)


def takes_reports(service: str) -> bool:
    """True for a service that takes metrics, traces, logs and errors: it changes no answer."""
    return bool(_REPORTS.search(service))


def failed_call(outcome: Outcome, event: bytes = b"") -> FailedCall | None:
    """The outgoing call for want of which a replay of an event failed, or ``None``.

    Words alone are no call: where the carrier would have seen one, there must be one.
    """
    words = client_errors.network_failure(outcome, event)
    if outcome.calls is None or (words is not None and _INSIDE.match(words.service or "")):
        return FailedCall(service=words.service, evidence=words.evidence) if words else None
    called = _of_services(outcome.calls)
    if words is not None and outcome.calls:
        service = _named([*called, *outcome.calls], words.service)
        return FailedCall(service=service, evidence=words.evidence)
    if called and _may_lack_a_service(outcome):
        return FailedCall(service=called[0], evidence=_ending(outcome))
    return None


def call_without_answer(outcome: Outcome, event: bytes = b"") -> FailedCall | None:
    """The outgoing call that nothing answered in a replay that answered all the same, or ``None``.

    Where the carrier cannot see it, only a log shows it, by a client library's whole sentence with
    its host.
    """
    if outcome.kind is not OutcomeKind.RESPONSE:
        return None
    if outcome.calls is not None:
        called = _of_services(outcome.calls)
        return FailedCall(service=called[0]) if called else None
    for line in outcome.logs:
        words = client_errors.logged_failure(line, event)
        if words is not None and not takes_reports(words.service or ""):
            return FailedCall(service=words.service, evidence=words.evidence)
    return None


def _of_services(calls: tuple[str, ...]) -> list[str]:
    return [each for each in calls if not takes_reports(each)]


def _may_lack_a_service(outcome: Outcome) -> bool:
    if outcome.error is not None:
        return not client_errors.is_about_data(outcome.error)
    return outcome.kind in client_errors.ENDS_WITHOUT_ERROR or client_errors.says_failure(outcome)


def _named(calls: list[str], words: str | None) -> str:
    """The call that an error is about: the one that it names, or else the first.

    A literal address has the name that the error has for it.
    """
    if words in calls:
        return words
    return words if words and is_address(calls[0]) and not is_address(words) else calls[0]


def is_address(service: str) -> bool:
    """True for a literal address, with or without a port."""
    host = service.removeprefix("[").partition("]")[0]
    if not service.startswith("[") and host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ending(outcome: Outcome) -> str:
    error = outcome.error
    if error is not None:
        return one_line(f"{error.type}: {error.message}" if error.message else error.type)
    if outcome.kind is OutcomeKind.RESPONSE:
        return one_line((outcome.payload or b"").decode("utf-8", "replace"))
    return one_line(outcome.detail) or outcome.kind.value
