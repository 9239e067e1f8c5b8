"""From flipped changes, or only from an error, to the cause in the stack.

Changes that were shown to flip the check are certain; within them the likeliest distribution is
named. An error by itself names a cause only if it points at something that differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from pytest_lambda_rollback.aws_lambda import stack_traces, stdlib
from pytest_lambda_rollback.aws_lambda.architectures import MACHINES
from pytest_lambda_rollback.aws_lambda.runtimes import minor_version, python_version
from pytest_lambda_rollback.diagnosis import error_origins
from pytest_lambda_rollback.diagnosis.distribution_changes import (
    Evidence,
    Ranked,
    differences,
    outstanding,
    placed,
    ranked,
)
from pytest_lambda_rollback.diagnosis.stack_changes import (
    Change,
    EnvironmentChange,
    LayerChange,
    OrderChange,
    RuntimeChange,
    SettingChange,
    plain,
)
from pytest_lambda_rollback.diagnosis.stacks import Carried, Stack
from pytest_lambda_rollback.model.causes import Cause, CauseKind, Differing, LostName, StackChange
from pytest_lambda_rollback.model.packages import VersionView
from pytest_lambda_rollback.model.replay import FunctionError
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import Layer

_LONGEST_ERROR = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The break that a cause in the stack is looked for."""

    strategy: Strategy
    error: FunctionError | None = None
    location: str | None = None
    """The line of the target's code that raised it, as ``app.py:41``."""

    def told(self, cause: Cause) -> Cause:
        """The cause with the error that the target raised."""
        text = error_text(self.error) if self.error is not None else None
        return replace(cause, error=text, location=self.location)


def error_text(error: FunctionError) -> str:
    """Type and message on one line, cut if it is long."""
    text = " ".join(f"{error.type}: {error.message}".split()).removesuffix(":").rstrip(".")
    return text if len(text) <= _LONGEST_ERROR else f"{text[: _LONGEST_ERROR - 1]}…"


def cause_from_frames(
    error: FunctionError,
    target: VersionView,
    current: VersionView,
    *,
    strategy: Strategy = Strategy.REDEPLOY,
    location: str | None = None,
) -> Cause | None:
    """The change of distribution or layer that an error points at by itself.

    ``target`` is the target on its own stack, ``current`` the same code on the current one. The
    strategy says on which of them the error arose. A frame or a module that is the same on both is
    not a cause. Modules that Python itself lost are the runtime's change.
    """
    own, now = Stack(target), Stack(current)
    broken = Break(
        strategy=strategy,
        error=error,
        location=location or stack_traces.own_location(error.stack_trace),
    )
    lost = _lost_by_python(error, own, now, broken)
    if lost is not None:
        return lost
    found = ranked(
        differences(own, now), own, now, strategy=strategy, evidence=Evidence(error=error)
    )
    first = next((each for each in found if each.by_the_error), None)
    if first is None:
        return None
    return broken.told(first.difference.cause(strategy))


def code_cause(broken: Break, *, same_stack: bool) -> Cause:
    """For what breaks alike whatever it runs on."""
    return broken.told(Cause(kind=CauseKind.CODE, same_stack=same_stack))


def cause_from_flip(
    flip: AbstractSet[Change],
    target: VersionView,
    current: VersionView,
    evidence: Evidence,
    broken: Break,
) -> Cause:
    """The cause within changes that were shown to flip the check."""
    own, now = Stack(target), Stack(current)
    order = sorted(flip, key=_weight)
    if evidence.error is not None and any(isinstance(each, RuntimeChange) for each in order):
        lost = _lost_by_python(evidence.error, own, now, broken)
        if lost is not None:
            return lost
    misfit = _misfit(order, own, now, evidence, broken)
    if misfit is not None:
        carried, change = misfit
        others = [each for each in order if each is not change]
        return broken.told(
            Cause(
                kind=CauseKind.BINARY,
                layer=carried.layer.name if carried.layer else None,
                distribution=carried.name,
                current_version=carried.version if carried.layer else None,
                target_version=carried.version,
                distributions=(Differing(breaking=placed(carried)),),
                change=plain(change),
                together_with=_plain(others),
            )
        )
    found = ranked(
        differences(own, now, flip), own, now, strategy=broken.strategy, evidence=evidence
    )
    runtime = any(isinstance(each, RuntimeChange) for each in order)
    if runtime and not any(isinstance(each, LayerChange | OrderChange) for each in order):
        # Of a new runtime, only what is in the layers for one Python alone is another cause.
        found = tuple(each for each in found if each.by_the_error)
    best = outstanding(found)
    if best is not None:
        return _of_difference(best, found, order, broken)
    if found:
        return _of_layer(found, order, broken)
    return _of_change(order, broken)


# --- kinds of causes -----------------------------------------------------------------------


def _of_difference(
    best: Ranked, found: tuple[Ranked, ...], order: list[Change], broken: Break
) -> Cause:
    cause = best.difference.cause(broken.strategy)
    if not best.by_the_error:
        equals = [x.difference for x in found if x is not best and x.rank[0] == best.rank[0]]
        beside = tuple(each.placed(broken.strategy) for each in equals)
        cause = replace(cause, distributions=(*cause.distributions, *beside))
    layers = {side.layer for side in (best.difference.own, best.difference.current) if side}
    others = [each for each in order if not _changes_one_of(each, layers)]
    if len(others) == len(order):
        others = others[1:]
    return broken.told(replace(cause, together_with=_plain(others)))


def _of_layer(found: tuple[Ranked, ...], order: list[Change], broken: Break) -> Cause:
    """The layer is certain, which of its distributions it is stays open."""
    equals = [each.difference for each in found if each.rank[0] == found[0].rank[0]]
    layer = equals[0].layer(broken.strategy)
    if layer is None:
        return _of_change(order, broken)
    causes = {replace(each.cause(broken.strategy), distributions=()) for each in equals}
    if len(causes) == 1:
        # Several modules of a layer without metadata.
        cause = equals[0].cause(broken.strategy)
    else:
        cause = replace(
            _layer_cause(order, layer, broken),
            kind=CauseKind.LAYER,
            distributions=tuple(each.placed(broken.strategy) for each in equals),
        )
    others = [each for each in order if not _changes_one_of(each, {layer})]
    return broken.told(replace(cause, together_with=_plain(others)))


def _of_change(order: list[Change], broken: Break) -> Cause:
    first, *others = order
    own, current = _sides(first, broken.strategy)
    match first:
        case LayerChange():
            cause = _layer_cause([first], first.breaking or first.working, broken)
        case RuntimeChange():
            cause = Cause(
                distribution=re.sub(r"[\d.]+[a-z]?$", "", first.breaking) or first.breaking,
                current_version=_runtime_version(current),
                target_version=_runtime_version(own),
            )
        case _:
            cause = Cause()
    return broken.told(
        replace(cause, kind=CauseKind.STACK, change=plain(first), together_with=_plain(others))
    )


def _layer_cause(order: list[Change], layer: Layer | None, broken: Break) -> Cause:
    for change in order:
        if isinstance(change, LayerChange) and layer in (change.working, change.breaking):
            own, current = _sides(change, broken.strategy)
            return Cause(
                layer=layer.name if layer else None,
                current_version=current.version if isinstance(current, Layer) else None,
                target_version=own.version if isinstance(own, Layer) else None,
            )
    return Cause(layer=layer.name if layer else None)


def _sides(change: Change, strategy: Strategy) -> tuple[object, object]:
    """On the target's own stack, and on the current one."""
    if strategy is Strategy.ALIAS:
        return change.breaking, change.working
    return change.working, change.breaking


# --- runtime and binaries -------------------------------------------------------------------


def _lost_by_python(error: FunctionError, own: Stack, now: Stack, broken: Break) -> Cause | None:
    """The cause where only the other runtime's standard library has what is missing."""
    missing = error_origins.name_missing(error)
    if missing is None or own.python == now.python or not own.python or not now.python:
        return None
    if any(stack.owner(missing.partition(".")[0]) is not None for stack in (own, now)):
        return None
    run, other = (own, now) if broken.strategy is Strategy.ALIAS else (now, own)
    python = minor_version(run.python or "")
    removed = stdlib.removed_in(missing, python)
    if removed is None and not stdlib.comes_later(missing, python):
        return None
    if _lacks(other, missing):
        return None
    runtimes = [stack.view.version.configuration.runtime for stack in (other, run)]
    change = RuntimeChange(working=runtimes[0], breaking=runtimes[1])
    needing = _needing(error, run)
    lost = LostName(
        name=missing,
        python=".".join(map(str, removed or python)),
        removed=removed is not None,
    )
    return replace(
        _of_change([change], broken),
        kind=CauseKind.STANDARD_LIBRARY,
        lost=lost,
        distributions=(Differing(breaking=placed(needing)),) if needing is not None else (),
    )


def _needing(error: FunctionError, run: Stack) -> Carried | None:
    """The package whose code asked for it, below the function's own; ``None`` if that did."""
    for frame in stack_traces.frames(error.stack_trace):
        if frame.own:
            return None
        carried = run.owner_of_file(frame.file)
        if carried is not None:
            return carried
    return None


def _misfit(
    order: list[Change], own: Stack, now: Stack, evidence: Evidence, broken: Break
) -> tuple[Carried, Change] | None:
    """A binary on the stack that is not for the runtime or machine that the flip brings."""
    run = own if broken.strategy is Strategy.ALIAS else now
    change = next(
        (
            each
            for each in order
            if isinstance(each, RuntimeChange)
            or (isinstance(each, SettingChange) and each.name == "architecture")
        ),
        None,
    )
    if change is None or evidence.error is None:
        return None
    error = evidence.error
    pointed = [run.owner(module) for module in error_origins.modules_named(error)]
    pointed += [run.owner_of_file(file) for file in error_origins.files_named(error)]
    pointed += [run.owner_of_file(frame.file) for frame in stack_traces.frames(error.stack_trace)]
    for carried in pointed:
        if carried is not None and carried.name is not None and not _fits(carried, run, change):
            return carried, change
    return None


def _fits(carried: Carried, run: Stack, change: Change) -> bool:
    natives = carried.natives()
    if isinstance(change, SettingChange):
        wanted = MACHINES.get(run.view.version.configuration.architecture)
        machines = {native.machine for native in natives if native.machine}
        return not machines or wanted in machines
    versions = {native.cpython.version for native in natives if native.cpython is not None}
    stable = any(native.tag.startswith("abi3") for native in natives)
    return not versions or stable or (3, _minor(run)) in versions


def _lacks(stack: Stack, name: str) -> bool:
    """True if the standard library of a stack's Python certainly lacks a module or name."""
    python = minor_version(stack.python or "3.0")
    return stdlib.removed_in(name, python) is not None or stdlib.comes_later(name, python)


def _minor(stack: Stack) -> int:
    return int((stack.python or "3.0").partition(".")[2])


# --- small things ---------------------------------------------------------------------------


def _plain(changes: Iterable[Change]) -> tuple[StackChange, ...]:
    return tuple(plain(change) for change in changes)


def _weight(change: Change) -> tuple[int, str]:
    kinds = (LayerChange, OrderChange, RuntimeChange, SettingChange, EnvironmentChange)
    return kinds.index(type(change)), str(change)


def _changes_one_of(change: Change, layers: AbstractSet[Layer | None]) -> bool:
    if not isinstance(change, LayerChange):
        return False
    return bool({change.working, change.breaking} & (layers - {None}))


def _runtime_version(runtime: object) -> str | None:
    text = str(runtime)
    return python_version(text) or text
