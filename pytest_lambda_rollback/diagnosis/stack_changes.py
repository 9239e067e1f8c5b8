"""Differences between the stack that target code works on and the one it breaks on.

A stack is all of a function version but its code and handler: layers, runtime, environment,
settings. Both stacks carry the same code, so that what differs here is all that can make the
difference. A hybrid is the working stack with some of the changes applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias

from pytest_lambda_rollback.model.causes import StackChange
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, Layer

_SETTINGS = tuple(
    each.name
    for each in fields(FunctionConfiguration)
    if each.name not in ("runtime", "handler", "environment")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """One layer that is replaced, added or removed on the way to the stack that breaks."""

    working: Layer | None
    """``None`` for a layer that is added."""
    breaking: Layer | None
    """``None`` for a layer that is removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """The layers that both stacks have come in another order."""

    working: tuple[str, ...]
    """Names in the order of the stack that works."""
    breaking: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeChange:
    """Another runtime."""

    working: str
    breaking: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentChange:
    """One environment variable. Its values are never shown."""

    name: str
    working: str | None = field(repr=False)
    breaking: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingChange:
    """Another architecture, memory, timeout or ephemeral storage."""

    name: str
    """As `FunctionConfiguration` names it."""
    working: str | float
    breaking: str | float


Change: TypeAlias = LayerChange | OrderChange | RuntimeChange | SettingChange | EnvironmentChange


def plain(change: Change) -> StackChange:
    """A change as causes hold it: texts, and no value of an environment variable."""
    match change:
        case LayerChange():
            what, name = "layer", ""
            sides = [
                None if each is None else str(each) for each in (change.working, change.breaking)
            ]
        case OrderChange():
            what, name = "layer-order", ""
            sides = [", ".join(change.working), ", ".join(change.breaking)]
        case RuntimeChange():
            what, name = "runtime", ""
            sides = [change.working, change.breaking]
        case EnvironmentChange():
            what, name = "environment", change.name
            sides = [None if each is None else "set" for each in (change.working, change.breaking)]
        case SettingChange():
            what, name = change.name, ""
            sides = [_number(change.working), _number(change.breaking)]
    return StackChange(what=what, name=name, working=sides[0], breaking=sides[1])


def _number(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def changes(working: FunctionVersion, breaking: FunctionVersion) -> tuple[Change, ...]:
    """All that differs between two stacks, the likeliest to matter first."""
    found: list[Change] = list(layer_changes(working.layers, breaking.layers))
    one, other = working.configuration, breaking.configuration
    if one.runtime != other.runtime:
        found.append(RuntimeChange(working=one.runtime, breaking=other.runtime))
    found.extend(
        SettingChange(name=name, working=getattr(one, name), breaking=getattr(other, name))
        for name in _SETTINGS
        if getattr(one, name) != getattr(other, name)
    )
    before, after = dict(one.environment), dict(other.environment)
    found.extend(
        EnvironmentChange(name=name, working=before.get(name), breaking=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )
    return tuple(found)


def layer_changes(
    working: tuple[Layer, ...], breaking: tuple[Layer, ...]
) -> tuple[LayerChange | OrderChange, ...]:
    """The layers that differ, in the order in which they lie over each other, then the order.

    A layer is paired with the one of its name; one of another name with equal content is the
    same layer, and one of another name in the same place has taken its place. Layers of
    equal content are not a change, whatever their version number.
    """
    pairs = _Pairs(working, breaking)
    found: list[LayerChange | OrderChange] = [
        change for pair in pairs.merged(0) if (change := pairs.change(pair)) is not None
    ]
    before = [other for one, other in pairs.all if one is not None and other is not None]
    if before != sorted(before):
        found.append(
            OrderChange(
                working=tuple(breaking[other].name for other in before),
                breaking=tuple(breaking[other].name for other in sorted(before)),
            )
        )
    return tuple(found)


def apply(
    working: tuple[Layer, ...], breaking: tuple[Layer, ...], chosen: AbstractSet[Change]
) -> tuple[Layer, ...]:
    """The layers of the working stack with the chosen ones of `layer_changes` applied.

    None chosen gives ``working``, all chosen gives ``breaking``. An added layer comes after the
    one that it follows in ``breaking``.
    """
    everything = frozenset(layer_changes(working, breaking))
    picked = everything & chosen
    if not picked:
        return working
    if picked == everything:
        return breaking
    pairs = _Pairs(working, breaking)
    reordered = any(isinstance(change, OrderChange) for change in picked)
    layers = (
        pairs.breaking_of(pair) if pairs.change(pair) in picked else pairs.working_of(pair)
        for pair in pairs.merged(1 if reordered else 0)
    )
    return tuple(layer for layer in layers if layer is not None)


def hybrid(
    working: FunctionVersion, breaking: FunctionVersion, chosen: AbstractSet[Change]
) -> FunctionVersion:
    """The target's code on the working stack with the chosen `changes` applied.

    None chosen gives ``working`` itself and all chosen ``breaking`` itself, so that environments
    that already run are found again.
    """
    everything = frozenset(changes(working, breaking))
    picked = everything & chosen
    if not picked:
        return working
    if picked == everything:
        return breaking
    settings: dict[str, Any] = {}
    environment = dict(working.configuration.environment)
    for change in picked:
        match change:
            case RuntimeChange():
                settings["runtime"] = change.breaking
            case SettingChange():
                settings[change.name] = change.breaking
            case EnvironmentChange(breaking=None):
                environment.pop(change.name, None)
            case EnvironmentChange(breaking=str(value)):
                environment[change.name] = value
            case _:
                pass
    return replace(
        working,
        layers=apply(working.layers, breaking.layers, picked),
        configuration=replace(
            working.configuration, environment=tuple(sorted(environment.items())), **settings
        ),
    )


# --- pairing --------------------------------------------------------------------------------

_Pair: TypeAlias = tuple[int | None, int | None]
"""The places of a layer in the two stacks."""


class _Pairs:
    """Every layer of two stacks once: with its counterpart, or by itself."""

    def __init__(self, working: Sequence[Layer], breaking: Sequence[Layer]) -> None:
        self._sides = (working, breaking)
        left, right = list(range(len(working))), list(range(len(breaking)))
        partner: dict[int, int] = {}
        for rule in (_name_and_count, _content, _place):
            by_key = {rule(breaking, other): other for other in reversed(right)}
            for one in tuple(left):
                other = by_key.pop(rule(working, one), None)
                if other is not None:
                    partner[one] = other
                    left.remove(one)
                    right.remove(other)
        self.all: list[_Pair] = [(one, partner.get(one)) for one in range(len(working))]
        self.all.extend((None, other) for other in right)

    def working_of(self, pair: _Pair) -> Layer | None:
        return self._sides[0][pair[0]] if pair[0] is not None else None

    def breaking_of(self, pair: _Pair) -> Layer | None:
        return self._sides[1][pair[1]] if pair[1] is not None else None

    def change(self, pair: _Pair) -> LayerChange | None:
        """``None`` for a layer that both have with equal content."""
        one, other = self.working_of(pair), self.breaking_of(pair)
        if one is not None and other is not None and one.artifact.digest == other.artifact.digest:
            return None
        return LayerChange(working=one, breaking=other)

    def merged(self, side: int) -> list[_Pair]:
        """In the order of one side; those that only the other one has, after their forerunner."""
        merged = sorted(
            (pair for pair in self.all if pair[side] is not None), key=lambda pair: pair[side] or 0
        )
        before: _Pair | None = None
        other = 1 - side
        for pair in sorted(
            (pair for pair in self.all if pair[other] is not None),
            key=lambda pair: pair[other] or 0,
        ):
            if pair[side] is None:
                merged.insert(merged.index(before) + 1 if before is not None else 0, pair)
            before = pair
        return merged


def _name_and_count(layers: Sequence[Layer], at: int) -> object:
    """A name may come twice where layers are folders: the n-th of a name is paired then."""
    name = layers[at].name
    return name, sum(layer.name == name for layer in layers[:at])


def _content(layers: Sequence[Layer], at: int) -> object:
    return layers[at].artifact.digest


def _place(_: Sequence[Layer], at: int) -> object:
    return at
