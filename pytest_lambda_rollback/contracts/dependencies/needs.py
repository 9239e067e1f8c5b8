"""The distributions that a version's own code needs: what it imports, and what that requires.

The code's own imports are known from its sources. Between distributions their declared
requirements are followed, since the sources of libraries are not read for this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from pytest_lambda_rollback.contracts.dependencies.markers import key_of
from pytest_lambda_rollback.model.modules import Answered, ModuleView, State

Use = tuple[str, tuple[str, ...]]
"""A module and the names that the code asks it for."""


class Needs:
    """The distributions that one version's code reaches, and by which of its imports."""

    def __init__(
        self, view: ModuleView, *, requirements_of: Callable[[str], Iterable[str]]
    ) -> None:
        """``requirements_of`` gives the keys that a distribution requires here, by its key."""
        self._requirements_of = requirements_of
        self._uses: dict[str, set[Use]] = {}
        self._certain: set[Use] = set()
        self._modules: set[str] = set()
        for answered in _answered(view):
            use = (answered.ask.module, answered.ask.names)
            self._modules.update(_modules(answered))
            if _has_no_fallback(answered):
                self._certain.add(use)
            provider = answered.answer.provider
            if provider is not None and provider.distribution is not None:
                self._uses.setdefault(key_of(provider.distribution), set()).add(use)
        self._reached = self._closure()

    def uses(self, key: str) -> frozenset[Use]:
        """The imports by which the code reaches a distribution; empty if it does not."""
        return frozenset(self._reached.get(key, ()))

    def makes(self, uses: Iterable[Use]) -> bool:
        """True if the code makes all of these imports and has no alternative to any."""
        return all(use in self._certain for use in uses)

    def imports(self, modules: Iterable[str]) -> bool:
        """True if the code itself names any of these modules, given dotted."""
        return not self._modules.isdisjoint(modules)

    def _closure(self) -> Mapping[str, set[Use]]:
        reached = {key: set(uses) for key, uses in self._uses.items()}
        pending = list(reached)
        while pending:
            key = pending.pop()
            for wanted in self._requirements_of(key):
                known = reached.setdefault(wanted, set())
                if not reached[key] <= known:
                    known |= reached[key]
                    pending.append(wanted)
        return reached


def _answered(view: ModuleView) -> Iterator[Answered]:
    yield from view.asks
    yield from view.vendored


def _modules(answered: Answered) -> Iterator[str]:
    """The module that is asked, those above it, and those that its names may be."""
    parts = (*answered.ask.module.split("."), *answered.ask.names)
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _has_no_fallback(answered: Answered) -> bool:
    ask = answered.ask
    return answered.answer.state is State.OFFERED and not (
        ask.caught_by or ask.fallback_of or ask.unless_failed or ask.guarded or ask.conditional
    )
