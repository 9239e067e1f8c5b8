"""Distributions that differ between two stacks, ranked by how likely they caused the break.

First those that the error names, then its origin, then those that the code itself imports, then
those near to them by requirements. Only a single best one is the cause; equals are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_lambda_rollback.aws_lambda import stack_traces
from pytest_lambda_rollback.diagnosis import error_origins
from pytest_lambda_rollback.diagnosis.stack_changes import (
    Change,
    EnvironmentChange,
    LayerChange,
    OrderChange,
    RuntimeChange,
)
from pytest_lambda_rollback.diagnosis.stacks import Carried, Stack
from pytest_lambda_rollback.model.causes import Cause, CauseKind, Differing, Placed
from pytest_lambda_rollback.model.replay import FunctionError
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import Layer

_NAMED, _RAISED_IN, _MENTIONED, _ON_THE_LINE, _IMPORTED, _REQUIRED, _UNRELATED = range(7)
_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<rest>.*)", re.DOTALL)
_SHORTEST_MENTION = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One distribution (or unclaimed module) that is not the same on the two stacks."""

    own: Carried | None
    """On the target's own stack."""
    current: Carried | None
    """On the current version's."""

    def run(self, strategy: Strategy) -> Carried | None:
        """On the stack that the strategy runs the target on."""
        return self.own if strategy is Strategy.ALIAS else self.current

    def other(self, strategy: Strategy) -> Carried | None:
        """On the stack that the strategy does not use."""
        return self.current if strategy is Strategy.ALIAS else self.own

    @property
    def any(self) -> Carried:
        """One of the two, for their common fields."""
        found = self.own or self.current
        if found is None:  # pragma: no cover - never made so
            raise ValueError("a difference has at least one side")
        return found

    @property
    def versions(self) -> tuple[str | None, str | None]:
        """On the target's own stack, and on the current version's."""
        return (
            self.own.version if self.own else None,
            self.current.version if self.current else None,
        )

    def layer(self, strategy: Strategy) -> Layer | None:
        """The layer that the target runs on, or the one that it misses."""
        sides = (self.run(strategy), self.other(strategy))
        return next((each.layer for each in sides if each and each.layer), None)

    def cause(self, strategy: Strategy) -> Cause:
        """A cause of the kind ``distribution``."""
        own, current = self.versions
        layer = self.layer(strategy)
        return Cause(
            kind=CauseKind.DISTRIBUTION,
            layer=layer.name if layer else None,
            distribution=self.any.name,
            current_version=current,
            target_version=own,
            distributions=(self.placed(strategy),),
        )

    def placed(self, strategy: Strategy) -> Differing:
        """The two sides as causes hold them."""
        run, other = self.run(strategy), self.other(strategy)
        return Differing(
            breaking=placed(run) if run is not None else None,
            working=placed(other) if other is not None else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The evidence of a break beside the stacks."""

    error: FunctionError | None = None
    imported: tuple[str, ...] = ()
    """Modules that the target's code imports, dotted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A difference and how well it explains the break: a lower rank explains it better."""

    difference: Difference
    rank: tuple[int, int, int]

    @property
    def by_the_error(self) -> bool:
        """True if the error itself points at it."""
        return self.rank[0] <= _RAISED_IN


def differences(
    own: Stack, current: Stack, chosen: AbstractSet[Change] | None = None
) -> tuple[Difference, ...]:
    """All differences, or those that the chosen changes make."""
    found = []
    for key in dict.fromkeys((*own.found, *current.found)):
        difference = Difference(own=own.found.get(key), current=current.found.get(key))
        if _differs(difference) and (chosen is None or _made_by(difference, chosen)):
            found.append(difference)
    return tuple(found)


def ranked(
    found: Iterable[Difference],
    own: Stack,
    current: Stack,
    *,
    strategy: Strategy,
    evidence: Evidence,
) -> tuple[Ranked, ...]:
    """The differences with the likeliest cause first."""
    run, other = (own, current) if strategy is Strategy.ALIAS else (current, own)
    marks = _Marks(run, other, evidence)
    return tuple(
        sorted(
            (
                Ranked(
                    difference=each,
                    rank=(*marks.of(each.any.key, each), _jump(each, strategy)),
                )
                for each in found
            ),
            key=lambda each: (each.rank, each.difference.any.key),
        )
    )


def outstanding(found: tuple[Ranked, ...]) -> Ranked | None:
    """The one that explains the break better than any other; ``None`` among equals."""
    if len(found) == 1 or (found and found[0].rank < found[1].rank):
        return found[0]
    return None


def placed(carried: Carried) -> Placed:
    """A distribution or module as causes hold it."""
    natives = carried.natives()
    tags = {native.tag for native in natives if native.tag not in ("", "abi3")}
    machines = {native.machine for native in natives if native.machine}
    return Placed(
        layer=str(carried.layer) if carried.layer is not None else None,
        distribution=carried.name,
        module=carried.modules[0].replace("/", ".") if carried.modules else None,
        version=carried.version,
        built_for=tuple(sorted(tags or machines)),
    )


# --- what differs ---------------------------------------------------------------------------


def _differs(difference: Difference) -> bool:
    own, current = difference.own, difference.current
    if own is None or current is None:
        return True
    if own.inventory.digest == current.inventory.digest and own.root == current.root:
        return False
    if own.name is None or own.version != current.version:
        return True
    return own.build() != current.build()


def _made_by(difference: Difference, chosen: AbstractSet[Change]) -> bool:
    for change in chosen:
        match change:
            case LayerChange():
                layers = {side.layer for side in (difference.own, difference.current) if side}
                if layers & {change.working, change.breaking} - {None}:
                    return True
            case OrderChange() | RuntimeChange() | EnvironmentChange(name="PYTHONPATH"):
                return True
            case _:
                pass
    return False


# --- how well it explains the break ---------------------------------------------------------


class _Marks:
    """The relations of error and code to each distribution, by its key."""

    def __init__(self, run: Stack, other: Stack, evidence: Evidence) -> None:
        self._run, self._other = run, other
        self._marks: dict[str, tuple[int, int]] = {}
        error = evidence.error
        if error is not None:
            for module in error_origins.modules_named(error):
                self._note(self._owner(module), _NAMED)
            for file in error_origins.files_named(error):
                self._note(run.owner_of_file(file), _NAMED)
            for depth, frame in enumerate(stack_traces.below_own_code(error.stack_trace)):
                self._note(run.owner_of_file(frame.file), _RAISED_IN, depth)
        self._text = f"{error.type}: {error.message}" if error else ""
        self._line = stack_traces.own_source(error.stack_trace) if error else ""
        for module in evidence.imported:
            self._note(self._owner(module), _IMPORTED)
        self._note_required([key for key, mark in self._marks.items() if mark[0] == _IMPORTED])

    def of(self, key: str, difference: Difference) -> tuple[int, int]:
        mark = self._marks.get(key, (_UNRELATED, 0))
        modules = {each.rpartition("/")[2] for each in difference.any.modules}
        names = modules | ({difference.any.name} if difference.any.name else set())
        if _mentions(self._text, names):
            mark = min(mark, (_MENTIONED, 0))
        if _mentions(self._line, modules):
            mark = min(mark, (_ON_THE_LINE, 0))
        return mark

    def _owner(self, module: str) -> Carried | None:
        return self._run.owner(module) or self._other.owner(module)

    def _note(self, carried: Carried | None, tier: int, depth: int = 0) -> None:
        if carried is not None:
            self._marks[carried.key] = min(
                (tier, depth), self._marks.get(carried.key, (_UNRELATED, 0))
            )

    def _note_required(self, keys: list[str]) -> None:
        """Mark the requirements of imported distributions, the nearer the better."""
        depth, seen = 1, set(keys)
        while keys:
            following = []
            for key in keys:
                for required in self._requires(key):
                    if required not in seen:
                        seen.add(required)
                        following.append(required)
                        self._marks[required] = min(
                            (_REQUIRED, depth), self._marks.get(required, (_UNRELATED, 0))
                        )
            keys, depth = following, depth + 1

    def _requires(self, key: str) -> Iterator[str]:
        for stack in (self._run, self._other):
            carried = stack.found.get(key)
            for text in carried.requires if carried else ():
                match = _REQUIREMENT.match(text)
                if match is not None and "extra" not in match["rest"].partition(";")[2]:
                    yield canonicalize_name(match["name"])


def _mentions(text: str, names: Iterable[str]) -> bool:
    return any(
        re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None
        for name in names
        if len(name) >= _SHORTEST_MENTION
    )


def _jump(difference: Difference, strategy: Strategy) -> int:
    """The size of a change: 0 for an unintended one, then the greater one first."""
    run, other = difference.run(strategy), difference.other(strategy)
    if run is None:
        return 4
    if other is None:
        return 5
    if run.name is None or other.name is None:
        return 2
    one, two = _version(other.version), _version(run.version)
    if one is None or two is None:
        return 2
    moved = run.layer and other.layer and run.layer.name != other.layer.name
    backwards = two < one if strategy is Strategy.REDEPLOY else one < two
    if one != two and (moved or backwards):
        return 0
    if one.major != two.major:
        return 1
    return 2 if one.minor != two.minor else 3


def _version(text: str | None) -> Version | None:
    try:
        return Version(text) if text else None
    except InvalidVersion:
        return None
