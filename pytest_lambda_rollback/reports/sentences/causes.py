"""Sentences about causes: what differs between two stacks or two events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.model.causes import (
    Cause,
    CauseKind,
    Differing,
    EventDifference,
    LostName,
    Placed,
    StackChange,
)
from pytest_lambda_rollback.model.findings import Subject
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.text import listed

_MOST_LISTED = 3
_SETTINGS = {
    "architecture": "{}",
    "memory_mb": "{} MB of memory",
    "timeout_s": "a timeout of {} s",
    "ephemeral_storage_mb": "{} MB of ephemeral storage",
}


def sentence(cause: Cause, subject: Subject) -> str | None:
    """The whole sentence; ``None`` for a cause that is told by its layer and distribution."""
    text = reason(cause, subject)
    if text is None or cause.kind is CauseKind.EVENT:
        return text
    how = "redeploying" if subject.strategy is Strategy.REDEPLOY else "pointing the alias at"
    return f"{how} {subject.label}: {text}"


def reason(cause: Cause, subject: Subject) -> str | None:
    """The sentence without the target and strategy that it is about."""
    if cause.event is not None:
        return _event(cause.event)
    text = _Stacks(subject).reason(cause)
    if text is None:
        return None
    if cause.together_with:
        text += f", together with {listed(map(named_change, cause.together_with))}"
    if cause.error is not None:
        text += f": {cause.error}"
    return f"{text} ({cause.location})" if cause.location is not None else text


# --- stacks ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stacks:
    """The two stacks by the names that sentences give them.

    A redeploy breaks on the current version's stack and works on the target's own; an alias the
    other way round.
    """

    subject: Subject

    @property
    def _is_alias(self) -> bool:
        return self.subject.strategy is not Strategy.REDEPLOY

    @property
    def _breaking(self) -> str:
        return "its own" if self._is_alias else "the current"

    @property
    def _other_version(self) -> str:
        """The version that has the stack on which the target works."""
        return "the current version" if self._is_alias else self.subject.label

    @property
    def _works_with(self) -> str:
        return "it works with" if self._is_alias else f"{self.subject.label} was built against"

    @property
    def _works_without(self) -> str:
        if self._is_alias:
            return "and it works without"
        return f"which {self.subject.label} was built without"

    def reason(self, cause: Cause) -> str | None:
        match cause.kind:
            case CauseKind.DISTRIBUTION:
                first, *others = cause.distributions
                return self._distribution(first) + self._beside(others)
            case CauseKind.LAYER:
                return self._layer_contents(cause.distributions)
            case CauseKind.STACK if cause.change is not None:
                return self._change(cause.change)
            case CauseKind.BINARY if cause.change is not None:
                carried = cause.distributions[0].breaking
                place = "its code" if carried is None else _place(carried)
                tags = listed(carried.built_for) if carried is not None else ""
                runs_on = cause.change.breaking
                return (
                    f"{_named(carried)} in {place} is built for {tags} but would run on {runs_on}"
                )
            case CauseKind.STANDARD_LIBRARY if cause.lost is not None:
                return _lost(cause.lost, cause.distributions)
            case CauseKind.CODE if cause.same_stack:
                return "no change of layers, runtime or environment heals it"
            case CauseKind.CODE:
                return (
                    "no change of layers, runtime or environment heals it, as it fails alike on "
                    "its own and on the current ones"
                )
            case _:
                return None

    def _distribution(self, difference: Differing) -> str:
        run, other = difference.breaking, difference.working
        if run is None:
            text = f"{self._breaking} layers have no {_named(other)}"
            return f"{text}, which {self._other_version} gets from {_place(other)}"
        if other is None:
            return f"{_place(run)} brings {_named(run)}, {self._works_without}"
        if run.distribution is None or other.distribution is None:
            return self._layer(str(run.layer), str(other.layer))
        text = f"{_place(run)} has {_named(run)}"
        if run.version != other.version:
            return f"{text} but {self._works_with} {other.version or 'another version'}"
        if run.built_for and other.built_for and run.built_for != other.built_for:
            text += f" built for {listed(run.built_for)}"
            return f"{text} but {self._other_version} has it built for {listed(other.built_for)}"
        return f"{_place(run)} has a different build of {_named(run)} than {self._other_version}"

    def _beside(self, others: Sequence[Differing]) -> str:
        parts = [_short(each) for each in others if _has_name(each)]
        if not parts:
            return ""
        shown = [*parts[:_MOST_LISTED], *(["more"] if len(parts) > _MOST_LISTED else [])]
        return f", and also differs in {listed(shown)}"

    def _layer_contents(self, found: Sequence[Differing]) -> str:
        sides = (found[0].breaking, found[0].working)
        layer = next(side.layer for side in sides if side is not None and side.layer)
        parts = [_short(each) for each in found[:_MOST_LISTED]]
        if len(found) > _MOST_LISTED:
            parts.append(f"{len(found) - _MOST_LISTED} more")
        whose = "the one it works with" if self._is_alias else "its own"
        return f"layer {layer} differs from {whose} in {listed(parts)}"

    def _change(self, change: StackChange) -> str:
        run, other = change.breaking, change.working
        match change.what:
            case "layer" if other is None:
                return f"{self._breaking} stack has layer {run}, {self._works_without}"
            case "layer" if run is None:
                text = f"{self._breaking} stack lacks layer {other}"
                return f"{text}, which {self._other_version} has"
            case "layer":
                return self._layer(str(run), str(other))
            case "layer-order":
                text = f"{self._breaking} stack has its layers in the order {run}"
                return f"{text} but {self._works_with} {other}"
            case "runtime":
                works = "it works on" if self._is_alias else f"{self.subject.label} was built for"
                return f"it runs on {run} but {works} {other}"
            case "environment":
                return self._environment(change)
            case setting:
                how = f"{'on' if setting == 'architecture' else 'with'} {_SETTINGS[setting]}"
                works = "it works" if self._is_alias else f"{self.subject.label} runs"
                return f"it runs {how.format(run)} but {works} {how.format(other)}"

    def _layer(self, run: str, other: str) -> str:
        if run == other:
            whose = "the current" if self._is_alias else "its own"
            return f"layer {run} has different content from {whose} layer {other}"
        return f"it runs on layer {run} but {self._works_with} {other}"

    def _environment(self, change: StackChange) -> str:
        run, other = "the current version", self.subject.label
        if self._is_alias:
            run, other = other, run
        variable = f"the environment variable {change.name}"
        if change.breaking is None:
            return f"{run} does not set {variable}, which {other} sets"
        if change.working is None:
            return f"{run} sets {variable}, which {other} does not set"
        return f"{run} sets {variable} to a different value from {other}"


def _lost(lost: LostName, needed_by: Sequence[Differing]) -> str:
    """``wrapt 1.13.3 in layer x 1 needs inspect.formatargspec, which Python 3.11 removed``."""
    carried = needed_by[0].breaking if needed_by else None
    who = "its code" if carried is None else f"{_named(carried)} in {_place(carried)}"
    text = f"{who} needs {lost.name}, which Python {lost.python}"
    return f"{text} removed" if lost.removed else f"{text} does not have yet"


def _place(placed: Placed | None) -> str:
    return "its code" if placed is None or placed.layer is None else f"layer {placed.layer}"


def _named(placed: Placed | None) -> str:
    if placed is None:
        return "it"
    if placed.distribution is None:
        return f"module {placed.module}"
    return f"{placed.distribution} {placed.version}" if placed.version else placed.distribution


def _has_name(difference: Differing) -> bool:
    placed = difference.breaking or difference.working
    return placed is not None and placed.distribution is not None


def _short(difference: Differing) -> str:
    run, other = difference.breaking, difference.working
    if run is None:
        return f"{_named(other)} (missing)"
    if other is None:
        return f"{_named(run)} (added)"
    if run.distribution is None or run.version == other.version:
        return _named(run)
    return f"{_named(run)} instead of {other.version or 'another version'}"


def named_change(change: StackChange) -> str:
    """``layer acme-shared 2 instead of acme-shared 1``."""
    if change.what == "environment":
        name = f"environment variable {change.name}"
        if change.working is None:
            return f"{name} added"
        return f"{name} removed" if change.breaking is None else f"{name} changed"
    if change.what in _SETTINGS:
        value = _SETTINGS[change.what]
        return f"{value.format(change.breaking)} instead of {value.format(change.working)}"
    name = change.what.replace("-", " ")
    if change.working is None:
        return f"{name} {change.breaking} added"
    if change.breaking is None:
        return f"{name} {change.working} removed"
    return f"{name} {change.breaking} instead of {change.working}"


# --- events ---------------------------------------------------------------------------------


def _event(event: EventDifference) -> str:
    handled = f"events that {event.target} handles"
    asker = event.asked_at or event.target
    where = event.path or "its root"
    new, gone = listed(event.new), listed(event.gone)
    at = f" ({event.asked_at})" if event.asked_at else ""
    match event.kind:
        case "lacks-key" if event.new:
            text = f"the event has {new}, which {handled} do not have, and lacks {gone}"
            return f"{text}, which {asker} asks for"
        case "lacks-key":
            text = f"the event lacks {event.path}, which {asker} asks for"
            return f"{text} and which {handled} have"
        case "unknown-key":
            text = f"the event has {event.path}, which {handled} do not have"
            return f"{text} and {asker} does not accept"
        case "other-type":
            expected = " or ".join(event.expected)
            return f"the event has {event.found} at {where}, where {handled} have {expected}{at}"
        case "other-value":
            text = f"the event has {event.found} at {where}"
            return f"{text}, which no event that {event.target} handles has there{at}"
        case "too-short":
            text = f"the event has {event.found} at {where}, where {handled} have"
            return f"{text} {event.expected[0]} or more{at}"
        case "lost-envelope":
            place = f"at {event.found}" if event.found else "at its root"
            text = f"the event has {place} what {handled} have below {event.path}"
            return f"{text}, which {event.asked_at} asks for" if event.asked_at else text
        case "no-such-key":
            return f"the event has no {gone}, which {asker} asks for"
        case _:
            parts = [f"the event has {new}, which {handled} do not have"] if event.new else []
            if event.new and event.gone:
                parts.append(f"lacks {gone}")
            elif event.gone:
                parts.append(f"the event lacks {gone}, which {handled} have")
            return ", and ".join(parts)
