"""Answers in which a few documented members decide, and the service reads little else.

A decision is compared by its value, in both directions. A value that the service does not document
is refused. What is left is compared by its shape, as far as it is documented. The documents that
the rules come from are cited by each event source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
)
from pytest_lambda_rollback.model.json_values import Json, Path, canonical, short_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A member whose value decides what the service does."""

    path: Path
    default: Json = None
    """The value that a missing or null member stands for; ``None`` for one that decides nothing."""
    values: tuple[Json, ...] = ()
    """The values that the service takes; empty if any."""
    needed: bool = False
    """The service refuses an answer without it."""

    def of(self, value: Json) -> Json:
        """The decision in an answer."""
        found = at(value, self.path)
        return self.default if found is None else found

    def is_readable(self, value: Json) -> bool:
        """False for an answer that the service refuses for this member."""
        found = at(value, self.path)
        if found is None:
            return not self.needed
        return not self.values or any(canonical(found) == canonical(each) for each in self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionAnswers:
    """How one service reads answers whose members decide."""

    decisions: tuple[Decision, ...]
    consequence: str = "the request fails"
    """What follows from an answer that the service cannot read."""
    needs_object: bool = True
    """It takes nothing but an object; else anything else counts for an empty one."""
    filled: tuple[Path, ...] = ()
    """Lists that say something to a user, and nothing if they are empty."""
    documented: tuple[str, ...] | None = None
    """The top-level members besides decisions that are compared; ``None`` for all."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Note what the service cannot read and other decisions; leave the rest to compare."""
        as_is = Compared(current=tuple(current), target=target)
        before = len(differences)
        self._note_unreadable(current, target, differences, event)
        if len(differences) == before:
            for decision in self.decisions:
                _note_decision(decision, current, target, differences)
            for path in self.filled:
                if at(target, path) == [] and all(at(run, path) for run in current):
                    differences.other(
                        path,
                        "lost-item",
                        "TARGET answers nothing in the list at PLACE where CURRENT does",
                        short_text(at(current[0], path)),
                        short_text(at(target, path)),
                    )
        if len(differences) > before:
            return Compared(current=as_is.current, target=target, settled=True)
        if exact:
            return as_is
        judged = tuple(each.path for each in self.decisions if each.of(target) is not None)
        return Compared(
            current=tuple(self._rest(value, judged) for value in current),
            target=self._rest(target, judged),
        )

    def _note_unreadable(
        self, current: Sequence[Json], target: Json, differences: Differences, event: Event
    ) -> None:
        if self.needs_object and not isinstance(target, dict):
            if all(isinstance(run, dict) for run in current):
                _note_malformed((), current, target, differences, event, self.consequence)
            return
        for each in self.decisions:
            if all(map(each.is_readable, current)) and not each.is_readable(target):
                _note_malformed(each.path, current, target, differences, event, self.consequence)

    def _rest(self, value: Json, judged: Sequence[Path]) -> Json:
        """What is compared by its shape."""
        if not isinstance(value, dict):
            return {} if not self.needs_object else value
        names = value.keys() if self.documented is None else self.documented
        rest: Json = {name: value[name] for name in names if value.get(name) is not None}
        for path in judged:
            rest = _without(rest, path)
        return rest


def at(value: Json, path: Path) -> Json:
    """The value at a place; ``None`` if there is none."""
    for token in path:
        value = value.get(str(token)) if isinstance(value, dict) else None
    return value


def _without(value: Json, path: Path) -> Json:
    if not isinstance(value, dict) or path[0] not in value:
        return value
    name = str(path[0])
    if len(path) == 1:
        return {k: v for k, v in value.items() if k != name}
    return {**value, name: _without(value[name], path[1:])}


def _note_decision(
    decision: Decision, current: Sequence[Json], target: Json, differences: Differences
) -> None:
    known = [decision.of(run) for run in current]
    found = decision.of(target)
    is_steady = all(canonical(each) == canonical(known[0]) for each in known)
    if found is None or known[0] is None:
        return
    if is_steady and canonical(found) != canonical(known[0]):
        differences.rule(
            decision.path,
            "other-decision",
            "TARGET decides differently from CURRENT at PLACE",
            short_text(known[0]),
            short_text(found),
        )


def _note_malformed(
    path: Path,
    current: Sequence[Json],
    target: Json,
    differences: Differences,
    event: Event,
    consequence: str,
) -> None:
    differences.rule(
        path,
        "malformed-response",
        f"TARGET answers with what {event.source.name} cannot read at PLACE, so {consequence}",
        short_text(at(current[0], path)),
        short_text(at(target, path)),
    )
