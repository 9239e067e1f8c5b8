"""Distributions that a version would really import, and others that hide or mix with them.

Where two folders of the search path have a distribution, the first is imported and the other one
hidden. Where two layers have it in the same folder, the later layer's files overwrite the earlier
one's, and files that only the earlier one has leak through. What of that is wrong is not decided
here.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from pytest_lambda_rollback.aws_lambda import runtime_libraries
from pytest_lambda_rollback.aws_lambda.search_path import (
    Place,
    SearchEntry,
    inventories,
    search_path_of,
)
from pytest_lambda_rollback.model.packages import (
    DistributionRecord,
    LayerView,
    PackageInventory,
    VersionView,
    module_path,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A distribution in its place: in the code, or in one layer."""

    record: DistributionRecord
    layer: LayerView | None
    """``None`` for the code."""
    versions: tuple[str, ...]
    """The version; several if leftover metadata leaves it ambiguous."""
    known: bool = True
    """False if something without metadata may be imported instead."""

    @property
    def where(self) -> str:
        """The way messages name the place: ``its code``, ``layer third-party 7``."""
        return f"layer {self.layer.layer}" if self.layer else "its code"

    @property
    def layer_name(self) -> str | None:
        """Name of the layer, for a finding's cause."""
        return self.layer.layer.name if self.layer else None

    def __str__(self) -> str:
        return f"{self.record.name} {' or '.join(self.versions)}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """A distribution that is there twice, at different versions."""

    winner: Provider
    loser: Provider
    leaked: tuple[str, ...] = ()
    """Files of the loser that can still be imported."""
    overriding: tuple[str, ...] = ()
    """Those of them that are imported instead of a file of the winner."""


@lru_cache(maxsize=64)
def _modules(files: tuple[str, ...]) -> frozenset[str]:
    """Module paths of files; the same packages are read for several versions."""
    return frozenset(map(module_path, files))


class PackageFiles:
    """An index of the importable files of one package; made once and only if it is needed."""

    def __init__(self, inventory: PackageInventory) -> None:
        self.inventory = inventory

    @cached_property
    def files(self) -> frozenset[str]:
        """Every importable file."""
        return frozenset(self.inventory.files)

    @cached_property
    def modules(self) -> frozenset[str]:
        """Path of every module and regular package."""
        return _modules(self.inventory.files)

    @cached_property
    def claims(self) -> dict[str, str]:
        """The topmost modules that distributions say are theirs, with the distribution's key."""
        return {
            posixpath.join(record.root, module): record.key
            for record in self.inventory.distributions
            for module in record.modules
        }

    @cached_property
    def unclaimed(self) -> tuple[str, ...]:
        """Topmost modules and packages that no distribution claims, at any root."""
        roots = {record.root for record in self.inventory.distributions} | {"", "python"}
        tops = set()
        for module in self.modules:
            parts = module.split("/")
            inside = any("/".join(parts[:end]) in self.claims for end in range(1, len(parts) + 1))
            if not inside and posixpath.dirname(module) in roots:
                tops.add(module)
        return tuple(sorted(tops))


class Installed:
    """The distributions of one version on its search path, resolved as Python resolves them."""

    def __init__(self, view: VersionView, python: str) -> None:
        self.view = view
        self.python = python
        self.path = search_path_of(view, python).entries
        self._files = {
            id(inventory): PackageFiles(inventory)
            for place in (Place.CODE, Place.LAYERS)
            for inventory in inventories(view, place)
        }
        self.providers: dict[str, Provider] = {}
        """The distribution that is imported, by key."""
        self.hidden: list[Hidden] = []
        self.duplicates: list[Provider] = []
        """Those with leftover metadata of another version beside their own."""
        self._resolve()

    def find(self, key: str) -> Provider | None:
        """The distribution of code or layers that Python would import; ``None`` without one."""
        return self.providers.get(key)

    def may_come_from_runtime(self, key: str) -> bool:
        """True if Lambda's runtime brings it, at an unknown version."""
        return runtime_libraries.provides(key, self.python)

    def all_files(self) -> Iterator[PackageFiles]:
        """The indexes of the code and each layer."""
        return iter(self._files.values())

    def files_of(self, inventory: PackageInventory) -> PackageFiles:
        """The index of one package of this version."""
        return self._files[id(inventory)]

    def elsewhere(self, key: str) -> tuple[Provider, ...]:
        """Its copies outside the search path, which the function's own code may add."""
        return tuple(
            Provider(record=record, layer=layer, versions=(record.version,))
            for layer, inventory in self._owners()
            for record in inventory.distributions
            if record.key == key and not record.vendored and not record.hollow
        )

    def _owners(self) -> Iterator[tuple[LayerView | None, PackageInventory]]:
        yield None, self.view.code
        for layer in self.view.layers:
            yield layer, layer.inventory

    def _resolve(self) -> None:
        runtime_seen = False
        for index, entry in enumerate(self.path):
            if entry.place not in (Place.CODE, Place.LAYERS):
                runtime_seen = runtime_seen or entry.place is Place.RUNTIME
                continue
            for key, stack in self._stacks(entry).items():
                found = self._over_each_other(stack)
                winner = self.providers.get(key)
                if winner is not None:
                    if winner.record.metadata != found.record.metadata:
                        self._note_hidden(winner, found)
                    continue
                known = found.known and not self._covered(found, index)
                if runtime_seen and self.may_come_from_runtime(key):
                    known = False
                self.providers[key] = replace(found, known=known)

    def _stacks(self, entry: SearchEntry) -> dict[str, list[Provider]]:
        """The distributions in one folder, by key, those of the latest layer first."""
        owners = [owner for owner in self._owners() if (owner[0] is None) is _is_code(entry)]
        stacks: dict[str, list[Provider]] = {}
        for layer, inventory in reversed(owners):
            for record in inventory.distributions:
                if record.root == entry.folder:
                    provider = Provider(record=record, layer=layer, versions=(record.version,))
                    stacks.setdefault(record.key, []).append(provider)
        return stacks

    def _over_each_other(self, stack: list[Provider]) -> Provider:
        """The one of those in one folder that is imported: the last layer's with files of it."""
        real = [each for each in stack if not each.record.hollow] or stack
        winner = real[0]
        beside = [each for each in real if each.layer is winner.layer]
        versions = tuple(dict.fromkeys(each.record.version for each in beside))
        winner = replace(winner, versions=versions, known=not winner.record.hollow)
        if len(versions) > 1:
            self.duplicates.append(winner)
        for loser in real[len(beside) :]:
            if loser.record.version not in versions:
                self._note_overlay(winner, loser)
        return winner

    def _covered(self, provider: Provider, index: int) -> bool:
        """True if something without metadata precedes it under one of its modules' names."""
        record = provider.record
        for position, entry in enumerate(self.path[: index + 1]):
            packages = list(inventories(self.view, entry.place))
            if position == index:
                own = provider.layer.inventory if provider.layer else self.view.code
                packages = packages[[id(each) for each in packages].index(id(own)) + 1 :]
            for inventory in packages:
                files = self.files_of(inventory)
                for module in record.modules:
                    name = posixpath.join(entry.folder, module)
                    if name in files.modules and files.claims.get(name) != record.key:
                        return True
        return False

    def _note_hidden(self, winner: Provider, loser: Provider) -> None:
        if not set(loser.versions) & set(winner.versions) and not loser.record.hollow:
            self.hidden.append(Hidden(winner=winner, loser=loser))

    def _note_overlay(self, winner: Provider, loser: Provider) -> None:
        if winner.layer is None or loser.layer is None:
            return
        layers = [id(layer) for layer in self.view.layers]
        later = [
            self.files_of(layer.inventory)
            for layer in self.view.layers[layers.index(id(loser.layer)) + 1 :]
        ]
        starts = tuple(
            posixpath.join(loser.record.root, module) + mark
            for module in loser.record.modules
            for mark in ("/", ".")
        )
        leaked = tuple(
            name
            for name in loser.layer.inventory.files
            if name.startswith(starts) and not any(name in files.files for files in later)
        )
        over = self.files_of(winner.layer.inventory)
        rivals = {module_path(name) for name in leaked} & over.modules
        overriding = tuple(
            name for name in leaked if module_path(name) in rivals and self._comes_first(name, over)
        )
        self.hidden.append(Hidden(winner=winner, loser=loser, leaked=leaked, overriding=overriding))

    def _comes_first(self, name: str, over: PackageFiles) -> bool:
        """True if Python's finder takes this file before all of the other package's for it."""
        module = module_path(name)
        rivals = [each for each in over.inventory.files if module_path(each) == module]
        return bool(rivals) and _rank(name) < min(_rank(each) for each in rivals)


def _is_code(entry: SearchEntry) -> bool:
    return entry.place is Place.CODE


def _rank(name: str) -> tuple[bool, int]:
    """``importlib``'s order: packages before modules, sources before byte code.

    An extension module would come before a source, but only one that fits the runtime; it ranks
    last, so that it never decides.
    """
    order = (".py", ".pyc")
    suffix = posixpath.splitext(name)[1]
    is_module = not posixpath.basename(name).startswith("__init__.")
    return is_module, order.index(suffix) if suffix in order else len(order)
