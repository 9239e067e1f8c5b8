"""Plug points: the built-in implementations joined with those of plugins.

Plugins answer the hooks of `hookspecs`, for pytest and for the console script alike. Names must
be well formed and unique, so that a configuration means one thing. Raises ConfigError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from pytest_lambda_rollback.aws_lambda.event_sources.registry import (
    BUILT_IN,
    EventSources,
    composed,
)
from pytest_lambda_rollback.config.version_sources import VersionSource
from pytest_lambda_rollback.contracts.interface import ReplayContract, StaticContract
from pytest_lambda_rollback.engines import choice
from pytest_lambda_rollback.engines.interface import EngineType
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.findings import Contract
from pytest_lambda_rollback.model.text import listed
from pytest_lambda_rollback.session import guards

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")

_CHECK_NAMES = (*Contract, "aws", "current", "events", "none", "source")
"""Last parts of ids that are reserved."""


class Named(Protocol):
    """An implementation of any plug point: configurations, options and ids use its name."""

    @property
    def name(self) -> str:
        """Lower-case letters, digits, hyphens and underscores."""
        ...


Plugged = TypeVar("Plugged", bound=Named)


def registry(
    hook: Callable[[], Sequence[Any]],
    built_in: Sequence[Plugged],
    *,
    kind: str,
    reserved: Sequence[str] = (),
    members: Sequence[str] = (),
) -> Mapping[str, Plugged]:
    """The built-in implementations and those of plugins, by name.

    ``hook`` is the caller of one hook (``manager.hook.pytest_lambda_rollback_…``); ``kind`` is
    the word for messages, as in "engine"; each implementation has ``members``. Raises ConfigError
    for what a plugin must not return.
    """
    known = {each.name: each for each in built_in}
    for added in _answers(hook, kind):
        if not isinstance(added, Sequence) or isinstance(added, str):
            raise ConfigError(
                f"a plugin returned {added!r} for its {kind}s",
                why="a sequence is expected",
                do=guards.DO,
            )
        for each in added:
            name = getattr(each, "name", None)
            if not isinstance(name, str) or _NAME.fullmatch(name) is None:
                raise ConfigError(
                    f"{guards.origin(each)} has the name {name!r}",
                    why=f"the name of {_a(kind)} is lower-case letters, digits, - and _",
                    do=guards.DO,
                )
            missing = [member for member in members if not hasattr(each, member)]
            if missing:
                raise ConfigError(
                    f'{guards.origin(each)} is {_a(kind)} called "{name}"',
                    why=f"it has no {listed(missing)}",
                    do=guards.DO,
                )
            if name in known or name in reserved:
                other = guards.origin(known[name]) if name in known else "pytest-lambda-rollback"
                raise ConfigError(
                    f'{guards.origin(each)} is {_a(kind)} called "{name}"',
                    why=f"the name is taken by {other}",
                    do="Uninstall one of the two plugins",
                )
            known[name] = each
    return MappingProxyType(known)


def engines(hooks: Any) -> Mapping[str, EngineType]:
    """The engines that a configuration can name, besides ``auto``."""
    known = registry(
        hooks.pytest_lambda_rollback_engines,
        choice.BUILT_IN,
        kind="engine",
        reserved=(choice.AUTO,),
        members=("make",),
    )
    return _guarded(known, guards.GuardedEngineType, choice.BUILT_IN)


def version_sources(hooks: Any) -> Mapping[str, VersionSource]:
    """The version sources that ``source`` in a configuration can name."""
    known: Mapping[str, VersionSource] = registry(
        hooks.pytest_lambda_rollback_version_sources, (), kind="version source", members=("find",)
    )
    return _guarded(known, guards.GuardedVersionSource, ())


def event_sources(hooks: Any) -> EventSources:
    """The event sources of plugins and of the package, in the order in which they are asked."""
    known = composed(_answers(hooks.pytest_lambda_rollback_event_sources, "event source")).sources
    added = known[: len(known) - len(BUILT_IN.sources)]
    return EventSources(
        sources=(*map(guards.guarded_event_source, added), *BUILT_IN.sources),
    )


def contracts(hooks: Any) -> Mapping[str, StaticContract | ReplayContract]:
    """The contracts of plugins; those that come with the package are asked before them."""
    known: Mapping[str, StaticContract | ReplayContract] = registry(
        hooks.pytest_lambda_rollback_contracts,
        (),
        kind="contract",
        reserved=_CHECK_NAMES,
        members=("needs_replays", "judge"),
    )
    return _guarded(known, guards.guarded_contract, ())


def static_contracts(hooks: Any) -> tuple[str, ...]:
    """The names of those contracts of plugins that have checks of their own."""
    return tuple(name for name, each in contracts(hooks).items() if not each.needs_replays)


def _answers(hook: Callable[[], Sequence[Any]], kind: str) -> Sequence[Any]:
    """What each plugin returned. Raises ConfigError where one fails."""
    with guards.guarded(f"a plugin that adds {kind}s", ConfigError):
        return hook()


def _guarded(
    known: Mapping[str, Plugged], guard: Callable[[Plugged], Plugged], built_in: Sequence[Plugged]
) -> Mapping[str, Plugged]:
    """The implementations, those of plugins guarded."""
    return MappingProxyType(
        {name: each if each in built_in else guard(each) for name, each in known.items()}
    )


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
