"""The functions and modules of the code that the runtime can get to, and how.

What is used only under ``if __name__ == "__main__"``, in a branch that is never taken, or by such
code alone, never runs. What is used only within ``try`` blocks fails into their alternatives, and
what is used only after a test for what is there is guarded by that test. A function that nothing
uses may be called by a framework, so it counts as one that runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from pytest_lambda_rollback.import_analysis.python_source import ModuleFacts, Reference
from pytest_lambda_rollback.model.modules import Ask

_Node = tuple[str, str]
"""A module, and a function, variable or nothing (for its body)."""

_OF_A_CLASS = ("__init__", "__new__", "__post_init__")
"""Run by calling a class."""


@dataclass(frozen=True, slots=True)
class _Site:
    caller: _Node
    reference: Reference


class Reachability:
    """Judges the functions of ``modules``, which are the code by module name.

    ``roots`` are (module, name) of handlers; ``file_of`` gives the file of a module as asks name
    it.
    """

    def __init__(
        self,
        modules: Mapping[str, ModuleFacts],
        roots: Iterable[_Node],
        file_of: Callable[[str], str],
    ) -> None:
        self._modules = modules
        self._file_of = file_of
        self._roots = {(module, "") for module, _ in roots} | set(roots)
        self._methods: dict[str, list[_Node]] = {}
        for module, facts in modules.items():
            for name in facts.functions:
                if "." in name:
                    self._methods.setdefault(name.partition(".")[2], []).append((module, name))
        self._sites: dict[_Node, list[_Site]] = {}
        for module, facts in modules.items():
            for reference in facts.references:
                self._note(module, reference)
        self._dead = self._spread(self._is_dead)
        self._guarded = self._spread(self._is_guarded)
        self._caught = self._spread(self._is_caught)

    def asks(self, module: str) -> Iterable[Ask]:
        """The asks of a module that may happen, with what is known of the calls around them."""
        if (module, "") in self._dead:
            return
        for ask in self._modules[module].asks:
            nodes = [node for node in ((module, ask.function), (module, "")) if node[1] or node]
            if any(node in self._dead for node in nodes):
                continue
            guarded = any(node in self._guarded for node in nodes)
            tries = dict.fromkeys(
                place
                for node in nodes
                if node in self._caught
                for place in self._places(node, frozenset())
            )
            if guarded or tries:
                ask = replace(ask, guarded=ask.guarded or guarded, caught_outside=tuple(tries))
            yield ask

    # --- who uses what -----------------------------------------------------------------------

    def _note(self, module: str, reference: Reference) -> None:
        caller = (module, reference.caller)
        for node in self._meant(reference):
            if reference.by_decorator:
                by = reference.by_decorator
                known = by != "*" and (module, by) not in self._roots
                caller = (module, by) if known else (module, "")
            if node != caller:
                self._sites.setdefault(node, []).append(_Site(caller, reference))

    def _meant(self, reference: Reference) -> Iterable[_Node]:
        module, names = reference.module, reference.names
        if not module:
            yield from self._methods.get(names[0], ())
            return
        for _ in range(20):
            parents = module.split(".")
            for count in range(1, len(parents) + 1):
                yield ".".join(parents[:count]), ""
            if not names:
                return
            if f"{module}.{names[0]}" in self._modules:
                module, names = f"{module}.{names[0]}", names[1:]
                continue
            facts = self._modules.get(module)
            if facts is None:
                return
            target = facts.bindings.get(names[0])
            if target is None or target == (module, names[0]):
                break
            module, names = target[0], (*((target[1],) if target[1] else ()), *names[1:])
        if names and not reference.loads:
            yield module, names[0]
            known = set(self._modules[module].functions) if module in self._modules else set()
            for method in _OF_A_CLASS if len(names) == 1 else names[1:2]:
                if f"{names[0]}.{method}" in known:
                    yield module, f"{names[0]}.{method}"

    # --- what follows ------------------------------------------------------------------------

    def _spread(self, holds: Callable[[_Node, set[_Node]], bool]) -> set[_Node]:
        """The nodes that something holds for, beginning with none."""
        found: set[_Node] = set()
        while True:
            more = {
                node
                for node in self._sites
                if node not in found and node not in self._roots and holds(node, found)
            }
            if not more:
                return found
            found |= more

    def _is_dead(self, node: _Node, dead: set[_Node]) -> bool:
        return all(
            site.reference.dead or site.caller in dead or (site.caller[0], "") in dead
            for site in self._sites[node]
        )

    def _live(self, node: _Node) -> list[_Site]:
        return [
            site
            for site in self._sites[node]
            if not (site.reference.dead or site.caller in self._dead)
            and (site.caller[0], "") not in self._dead
        ]

    def _is_guarded(self, node: _Node, guarded: set[_Node]) -> bool:
        live = self._live(node)
        return bool(live) and all(site.reference.guarded or site.caller in guarded for site in live)

    def _is_caught(self, node: _Node, caught: set[_Node]) -> bool:
        live = self._live(node)
        return bool(live) and all(self._catches(site) or site.caller in caught for site in live)

    def _catches(self, site: _Site) -> bool:
        tries = self._modules[site.caller[0]].tries
        return any(
            tries[n].module or tries[n].name or tries[n].attribute for n in site.reference.tries
        )

    def _places(self, node: _Node, seen: frozenset[_Node]) -> Iterable[tuple[str, int]]:
        """The try blocks around the uses of a function, the nearest first."""
        if node in seen:
            return
        for site in self._live(node):
            file = self._file_of(site.caller[0])
            for number in reversed(site.reference.tries):
                yield file, number
            if site.caller in self._caught:
                yield from self._places(site.caller, seen | {node})
