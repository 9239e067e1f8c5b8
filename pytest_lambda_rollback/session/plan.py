"""The checks of a run: versions by strategies by events, with stable ids. Reads no file.

The order is the order of the configuration, so that every worker of a distributed run collects
the same checks in the same order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from pytest_lambda_rollback.aws_lambda.runtimes import python_version
from pytest_lambda_rollback.model.findings import Check, Contract
from pytest_lambda_rollback.model.published import PublishedVersion
from pytest_lambda_rollback.model.settings import (
    Accept,
    FunctionSettings,
    LocalVersion,
    Settings,
    Strategy,
)
from pytest_lambda_rollback.model.versions import ContainerImage, TargetRef


def checks_of(settings: Settings) -> tuple[Check, ...]:
    """All checks of one configuration file, function by function, target by target.

    A function without targets, and a target without events, yields one check that is unknown
    from the start: what was not checked is never shown as safe. Only a function without targets
    that is another one's target yields none of its own.
    """
    checks = [check for function in settings.functions for check in _function(function, settings)]
    covers = Counter((check.function, check.accept) for check in checks)
    return tuple(
        replace(check, accept_covers=covers[check.function, check.accept])
        if check.accept is not None
        else check
        for check in checks
    )


def strategies_of(function: FunctionSettings, target: TargetRef) -> tuple[Strategy, ...]:
    """The strategies that make sense for a target.

    Another function's code is never deployed again through this function's stack: traffic moves
    to the other function as it is, so only ``alias`` applies there.
    """
    if target.function != function.name:
        return (Strategy.ALIAS,)
    return function.strategies


def unmatched_acceptances(settings: Settings) -> tuple[tuple[str, Accept], ...]:
    """Acceptances that cover no check at all, with their functions' names."""
    used = {(check.function, check.accept) for check in checks_of(settings)}
    return tuple(
        (function.name, accept)
        for function in settings.functions
        for accept in function.accept
        if function.events and (function.name, accept) not in used
    )


def _function(function: FunctionSettings, settings: Settings) -> Iterator[Check]:
    if function.reason is not None or function.current is None:
        reason = function.reason or "its current version is unknown"
        # Versions that the file declares are known: then it is a build that cannot be read.
        name = "current" if function.versions and function.source is None else "aws"
        name = name if function.version_source is None else "source"
        yield Check(function=function.name, group="versions", name=name, reason=reason)
        return
    if not function.targets:
        others = (other for other in settings.functions if other.name != function.name)
        if any(target.function == function.name for other in others for target in other.targets):
            # It is in the file to be gone back to, and is checked there.
            return
        yield Check(
            function=function.name,
            group="targets",
            name="none",
            reason=function.no_targets
            or (
                f"{function.name} has no rollback target: no published version older than "
                f"{function.current.version} is {_known(function)}, "
                f"or name them under functions.{function.name}.targets"
            ),
        )
        return
    for target in function.targets:
        for strategy in strategies_of(function, target):
            yield from _target(
                function, target, strategy, _version(settings, target), settings.contracts
            )


def _target(
    function: FunctionSettings,
    target: TargetRef,
    strategy: Strategy,
    version: LocalVersion | PublishedVersion | None,
    others: tuple[str, ...],
) -> Iterator[Check]:
    label = target.label(function.name)
    group = f"{label}-{strategy}"
    deployable = strategy is Strategy.ALIAS or _is_image(version) == _is_image(function.current)
    own = (*_contracts(function, version), *others, *_state(function))
    for contract in own if deployable else (Contract.PLATFORM,):
        yield Check(
            function=function.name,
            group=group,
            target=target,
            strategy=strategy,
            name=str(contract),
            contract=contract,
            accept=_acceptance(function.accept, label, strategy, contract, by_glob=False),
        )
    if not deployable:
        # AWS refuses that deployment, as the platform's contract finds: there is nothing to replay.
        return
    if not function.events:
        yield Check(
            function=function.name,
            group=group,
            target=target,
            strategy=strategy,
            name="events",
            reason=(
                f"there is no event fixture in {function.events_text or 'events'}, so nothing was "
                f"replayed. {_recording(function)} there as a .json file"
            ),
        )
        return
    for path in function.events:
        name = function.event_name(path)
        yield Check(
            function=function.name,
            group=group,
            target=target,
            strategy=strategy,
            name=name,
            event=path,
            accept=_acceptance(function.accept, label, strategy, name, by_glob=True),
        )


def _state(function: FunctionSettings) -> tuple[str, ...]:
    """The check of what replays store, where that can be brought back to its first state."""
    return (Contract.STATE,) if function.events and function.services.have_state else ()


def _known(function: FunctionSettings) -> str:
    """The places that could have an older version, and what to do if none does."""
    if function.source is None:
        return "declared. Declare the versions that are retained"
    return "in AWS or in the archive. Publish a version with each release and keep the last ones"


def _recording(function: FunctionSettings) -> str:
    if function.source is None:
        return "Save at least one recorded event"
    return f"Record some with `lambda-rollback record {function.name}`, or save one"


def _contracts(
    function: FunctionSettings, version: LocalVersion | PublishedVersion | None
) -> tuple[str, ...]:
    """The contracts that need no event and apply to the target's runtime.

    Container images are not opened, so that only the platform contract is left.
    """
    if _is_image(version):
        return (Contract.PLATFORM,)
    if version is None or python_version(version.configuration.runtime) is None:
        required = (Contract.DEPENDENCIES,) if function.requires else ()
        return (*required, Contract.PLATFORM)
    return (Contract.DEPENDENCIES, Contract.IMPORTS, Contract.PLATFORM)


def _version(settings: Settings, target: TargetRef) -> LocalVersion | PublishedVersion | None:
    """The declared or published version of a target, also of another function's."""
    versions = (
        version
        for function in settings.functions
        if function.name == target.function
        for version in function.versions
    )
    return next((each for each in versions if each.version == target.version), None)


def _is_image(version: LocalVersion | PublishedVersion | None) -> bool:
    if isinstance(version, PublishedVersion):
        return isinstance(version.code, ContainerImage)
    return version is not None and version.image is not None


def _acceptance(
    accepted: tuple[Accept, ...], label: str, strategy: Strategy, name: str, *, by_glob: bool
) -> Accept | None:
    """The first acceptance that covers a check; a contract must be named, no wildcard covers it."""
    for accept in accepted:
        if accept.target != label or accept.strategy not in (None, strategy):
            continue
        if accept.check == name or (by_glob and fnmatchcase(name, accept.check)):
            return accept
    return None
