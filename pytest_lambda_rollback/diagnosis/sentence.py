"""The cause in one sentence for a person in a hurry. Pure words: what is not known is left out.

No sentence ends with a full stop, and none shows the value of an environment variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.diagnosis.distribution_changes import Difference
from pytest_lambda_rollback.diagnosis.stack_changes import (
    Change,
    EnvironmentChange,
    LayerChange,
    OrderChange,
    RuntimeChange,
    SettingChange,
)
from pytest_lambda_rollback.diagnosis.stacks import Carried
from pytest_lambda_rollback.model.findings import Cause
from pytest_lambda_rollback.model.replay import FunctionError
from pytest_lambda_rollback.model.settings import Strategy

_LONGEST = 160
_MOST_LISTED = 3
_SETTINGS = {
    "architecture": "on {}",
    "memory_mb": "with {} MB of memory",
    "timeout_s": "with a timeout of {} s",
    "ephemeral_storage_mb": "with {} MB of ephemeral storage",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What every sentence about one break needs."""

    target: str
    """``orders:3``."""
    strategy: Strategy
    error: FunctionError | None = None
    location: str | None = None
    """``app.py:41``."""

    @property
    def version(self) -> str:
        """``3``."""
        return self.target.rpartition(":")[2]

    @property
    def stack(self) -> str:
        """Whose stack the target breaks on."""
        return "its own" if self.strategy is Strategy.ALIAS else "the current"

    @property
    def other(self) -> str:
        """What the stack on which it works is for the target."""
        return "it works" if self.strategy is Strategy.ALIAS else f"{self.version} was built for"


def because(spoken: Spoken, reason: str) -> str:
    """``orders:3 breaks by redeploy because …: AttributeError: … (app.py:41)``."""
    text = f"{spoken.target} breaks by {spoken.strategy} because {reason}"
    if spoken.error is not None:
        text += f": {error_text(spoken.error)}"
    if spoken.location is not None and not spoken.location.startswith("/"):
        text += f" ({spoken.location})"
    return text


def error_text(error: FunctionError) -> str:
    """Type and message in one line, cut where it is long."""
    text = " ".join(f"{error.type}: {error.message}".split()).removesuffix(":").rstrip(".")
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def difference_reason(spoken: Spoken, difference: Difference) -> str:
    """``layer third-party 7 has PyJWT 2.8.0 where 3 was built for 1.7.1``."""
    run, other = difference.run(spoken.strategy), difference.other(spoken.strategy)
    alias = spoken.strategy is Strategy.ALIAS
    if run is None:
        text = f"{spoken.stack} layers have no {_named(other)}"
        if alias:
            return f"{text}, which {_place(other)} of the current version has"
        return f"{text}, which {spoken.version} has from {_place(other)}"
    if other is None:
        text = f"{_place(run)} brings {_named(run)}"
        return f"{text}, without which {'it works' if alias else f'{spoken.version} was built'}"
    if run.name is None or other.name is None:
        return _layer_reason(spoken, str(run.layer), str(other.layer))
    if run.version == other.version:
        text = f"{_place(run)} has {_named(run)}"
        here, there = _tags(run), _tags(other)
        if here != there and here and there:
            text += f" built for {here} where "
            return text + (
                f"the current version has it for {there}"
                if alias
                else f"{spoken.version} has it for {there}"
            )
        return f"{text} in another build than {'the current' if alias else 'its own'} one"
    text = f"{_place(run)} has {_named(run)}"
    if alias:
        return f"{text} and it works with {other.version or 'another version'}"
    return f"{text} where {spoken.version} was built for {other.version or 'another version'}"


def listed_reason(spoken: Spoken, layer: str, found: Sequence[Difference]) -> str:
    """For several differences of which none stands out."""
    parts = [_short(spoken, each) for each in found[:_MOST_LISTED]]
    if len(found) > _MOST_LISTED:
        parts.append(f"{len(found) - _MOST_LISTED} more")
    whose = "the one it works on" if spoken.strategy is Strategy.ALIAS else "its own"
    return f"layer {layer} differs from {whose} in {_and(parts)}"


def beside(spoken: Spoken, found: Iterable[Difference]) -> str:
    """Other differences that may have a part in it; empty for none."""
    parts = [_short(spoken, each) for each in found if each.any.name is not None]
    if not parts:
        return ""
    parts = [*parts[:_MOST_LISTED], *(["more"] if len(parts) > _MOST_LISTED else [])]
    return f", and differs in {_and(parts)} too"


def change_reason(spoken: Spoken, change: Change) -> str:
    """What one change of the stack is, where no distribution explains more."""
    alias = spoken.strategy is Strategy.ALIAS
    match change:
        case LayerChange(working=None):
            text = f"{spoken.stack} stack has layer {change.breaking}"
            return f"{text}, without which {'it works' if alias else f'{spoken.version} was built'}"
        case LayerChange(breaking=None):
            whose = "the current version" if alias else spoken.version
            return f"{spoken.stack} stack lacks layer {change.working}, which {whose} has"
        case LayerChange():
            return _layer_reason(spoken, str(change.breaking), str(change.working))
        case OrderChange():
            text = f"{spoken.stack} stack has its layers in the order {', '.join(change.breaking)}"
            return f"{text} where {spoken.other}{' with' if alias else ''} " + ", ".join(
                change.working
            )
        case RuntimeChange():
            return f"it runs on {change.breaking} where {_built(spoken, 'on')} {change.working}"
        case SettingChange():
            how = _SETTINGS[change.name]
            there = how.format(_number(change.working))
            who = "it works" if alias else f"{spoken.version} runs"
            return f"it runs {how.format(_number(change.breaking))} where {who} {there}"
        case EnvironmentChange():
            return _environment(spoken, change)


def misfit_reason(carried: Carried, change: Change) -> str:
    """A binary that is not for what it would run on."""
    where = "its code" if carried.layer is None else f"layer {carried.layer}"
    return f"{_named(carried)} in {where} is built for {_tags(carried)} and {_now(change)}"


def together(reason: str, others: Sequence[Change]) -> str:
    """A reason that takes other changes as well."""
    return f"{reason}, together with {_and([str(each) for each in others])}" if others else reason


def code_cause(spoken: Spoken, *, same_stack: bool) -> Cause:
    """For what breaks alike whatever it runs on."""
    where = (
        "the current version works on the same layers and runtime"
        if same_stack
        else "it breaks alike on its own layers and on the current ones"
    )
    return Cause(sentence=because(spoken, f"of its own code, as {where}"))


# --- pieces ---------------------------------------------------------------------------------


def _layer_reason(spoken: Spoken, run: str, other: str) -> str:
    if run == other:
        whose = "current" if spoken.strategy is Strategy.ALIAS else "its own"
        return f"layer {run} has another content than {whose} layer {other}"
    verb = "it works on" if spoken.strategy is Strategy.ALIAS else f"{spoken.version} was built for"
    return f"it runs on layer {run} where {verb} {other}"


def _environment(spoken: Spoken, change: EnvironmentChange) -> str:
    run, other = "the current version", spoken.version
    if spoken.strategy is Strategy.ALIAS:
        run, other = other, run
    if change.breaking is None:
        return f"{run} does not set the environment variable {change.name}, which {other} does"
    if change.working is None:
        return f"{run} sets the environment variable {change.name}, which {other} does not"
    return f"{run} sets the environment variable {change.name} to another value than {other}"


def _built(spoken: Spoken, preposition: str) -> str:
    if spoken.strategy is Strategy.ALIAS:
        return f"it works {preposition}"
    return f"{spoken.version} was built for"


def _now(change: Change) -> str:
    match change:
        case RuntimeChange() | SettingChange(name="architecture"):
            return f"would run on {change.breaking}"
        case _:
            return f"now meets {change}"


def _place(carried: Carried | None) -> str:
    if carried is None or carried.layer is None:
        return "its code"
    return f"layer {carried.layer}"


def _named(carried: Carried | None) -> str:
    if carried is None:
        return "it"
    if carried.name is None:
        return f"module {carried.modules[0].replace('/', '.')}"
    return f"{carried.name} {carried.version}" if carried.version else carried.name


def _tags(carried: Carried) -> str:
    natives = carried.natives()
    tags = {native.tag for native in natives if native.tag not in ("", "abi3")}
    return _and(sorted(tags or {native.machine for native in natives if native.machine}))


def _short(spoken: Spoken, difference: Difference) -> str:
    run, other = difference.run(spoken.strategy), difference.other(spoken.strategy)
    if run is None:
        return f"{_named(other)} (missing)"
    if other is None:
        return f"{_named(run)} (added)"
    if run.name is None or run.version == other.version:
        return _named(run)
    return f"{_named(run)} for {other.version or 'another version'}"


def _number(value: str | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
