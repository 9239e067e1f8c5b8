"""Sentences about what versions that share one state do to one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pytest_lambda_rollback.model.findings import Detail, Finding, Note
from pytest_lambda_rollback.model.text import counted

_SENTENCES: Final = {
    "changes-type": "turns {what} of {item} from {current_type} into {target_type}",
    "changes-unit": (
        "writes {target} as {what} of {item} where {other} writes {current}{own}: "
        "seconds and milliseconds"
    ),
    "deletes-item": "deletes {item}, which {other} keeps{own}",
    "drops-attribute": "drops {what} from {item}, which {other} keeps{own}",
    "keeps-item": "keeps {item}, which {other} deletes{own}",
    "leaves-item": "does not update {item}, which {other} does{own}",
    "message-missing": "sends nothing to {item} where {other} does{own}",
    "message-routing": (
        "sends to {item} with {what} {target} where {other} sends {current}{own}: rules "
        "may not choose it any more"
    ),
    "message-type": (
        "sends {what} to {item} as {target_type} where {other} sends {current_type}{own}"
    ),
    "message-unit": (
        "sends {target} as {what} to {item} where {other} sends {current}{own}: seconds "
        "and milliseconds"
    ),
    "message-without": "sends to {item} without {what}, which {other} always sends{own}",
    "omits-attribute": "writes {item} without {what}, which {other} writes{own}",
    "sends-more": (
        "sends {number} to {item} where {other} sends {current_number}{own}: the work is done twice"
    ),
    "writes-more-items": (
        "writes {number} new {items} to {container} where {other} writes {current_number}{own}: "
        "the work is done twice"
    ),
    "writes-no-item": "does not write {item}, which {other} writes{own}",
    "writes-other-type": (
        "writes {what} of {item} as {target_type} where {other} writes {current_type}{own}"
    ),
}
"""By kind, to follow the name of the version that handled the event."""

_CHANNELS: Final = {
    "events": "the bus",
    "kinesis": "the stream",
    "sns": "the topic",
    "sqs": "the queue",
    "stepfunctions": "the state machine",
}
_NOTES: Final = {
    "state-budget": (
        "{tried} of {events} events were tried on shared state, the first ones: more would take "
        "longer than cold_budget_s = {budget_s:g} allows"
    ),
    "state-left-out": "not everything that was stored could be compared: {what}",
    "state-not-judged": "{event} was not judged on shared state: {reason}",
    "state-unsteady": (
        "how {event} ends was not compared in one round: {current}, the current version, does not "
        "always end alike there"
    ),
    "state-untouched": "no event stored or read anything: {current} asked no service for it",
}


def predicate(finding: Finding) -> str:
    """``drops "currency" from orders {"id": "o-1"}, which orders:4 keeps``."""
    details = dict(finding.details)
    words = {
        **details,
        "current": finding.current,
        "target": finding.target,
        "item": _item(details),
        "what": _what(details),
        "items": "item" if details.get("number") == 1 else "items",
        "other": finding.subject.current_name if _by_target(details) else "it",
        "own": "" if _by_target(details) else " on its own data",
    }
    text = _SENTENCES[finding.kind].format(**words)
    if details.get("expires"):
        text += "; DynamoDB deletes items by it"
    return f"{_blame(finding, details)}{text}{_more(details)}{_where(finding, details)}"


def judged_by(finding: Finding, sentence: str) -> str:
    """The same for what another contract found: ``sentence`` is that contract's predicate."""
    details = dict(finding.details)
    item = ""
    if details.get("container") is not None:
        by = "the other version" if details.get("stored_by_other") else "the start"
        if details.get("stored_by_other") and _by_target(details):
            by = finding.subject.current_name
        elif details.get("stored_by_other"):
            by = finding.subject.target_name
        item = f", with {_item(details)} of {by}"
    return f"{_blame(finding, details)}{sentence}{item}{_more(details)}{_where(finding, details)}"


def of_note(note: Note) -> str | None:
    """The sentence of a note of this contract; ``None`` for any other."""
    text = _NOTES.get(note.kind)
    return None if text is None else text.format(**dict((*note.about, *note.details)))


def _by_target(details: Mapping[str, Detail]) -> bool:
    return details.get("by") == "target"


def _blame(finding: Finding, details: Mapping[str, Detail]) -> str:
    """The target is at fault for what its data make the current version do."""
    if _by_target(details):
        return ""
    return f"leaves data with which {finding.subject.current_name} "


def _where(finding: Finding, details: Mapping[str, Detail]) -> str:
    return f" ({details['event']}, {finding.replay_pass} pass)"


def _more(details: Mapping[str, Detail]) -> str:
    more = details.get("more_events")
    if not isinstance(more, int) or more < 1:
        return ""
    return f", and on {counted(more, 'more event')}"


def _what(details: Mapping[str, Detail]) -> str:
    """``"currency"``, ``the message attribute "carrier"``, ``the body``."""
    part, attribute = details["part"], details["attribute"]
    if not attribute:
        return f"the {part}"
    if part == "attributes":
        return f'the message attribute "{attribute}"'
    return f'the metadata "{attribute}"' if part == "metadata" else f'"{attribute}"'


def _item(details: Mapping[str, Detail]) -> str:
    """``orders {"id": "o-1"}``, ``exports 2026/1.json``, ``the queue invoices``."""
    service, container, key = (str(details[name]) for name in ("service", "container", "key"))
    if service in _CHANNELS:
        return f"{_CHANNELS[service]} {container}"
    if service == "ssm":
        return f"the parameter {key}"
    if service == "secretsmanager":
        return f"the secret {key}"
    return f"{container} {key}"
