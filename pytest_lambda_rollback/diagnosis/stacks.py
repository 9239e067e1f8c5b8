"""The distribution and the layer that a runtime would take a module from, on one stack.

Python searches as `aws_lambda.search_path` says; in one folder the last layer that has a file
wins. Node.js searches ``node_modules`` of the code, then of the layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_lambda_rollback.aws_lambda.runtimes import python_version
from pytest_lambda_rollback.aws_lambda.search_path import Place, search_path_of
from pytest_lambda_rollback.aws_lambda.stack_traces import place_of
from pytest_lambda_rollback.model.packages import (
    LayerView,
    NativeBinary,
    PackageInventory,
    VersionView,
    module_path,
)
from pytest_lambda_rollback.model.versions import Layer

_NODE_FOLDERS = ("node_modules", "nodejs/node_modules")


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One distribution, or one module that no distribution claims, in its place on a stack."""

    key: str
    """The name as PEP 503 normalises it; ``node:name``; ``module:path`` for an unclaimed one."""
    name: str | None
    """``None`` for a module that no distribution claims."""
    version: str | None
    """Of the distribution; of the layer if there is none; ``None`` if it is not known."""
    layer: Layer | None
    """``None`` for the code."""
    root: str
    """Its folder, relative to /var/task or /opt."""
    modules: tuple[str, ...]
    """Topmost modules and packages below ``root``, as paths."""
    requires: tuple[str, ...] = ()
    inventory: PackageInventory = field(repr=False)

    def holds(self, path: str) -> int:
        """Length of the module that ``path`` (``jwt/api_jwt``) lies in; 0 if it holds none."""
        return max((len(each) for each in self.modules if _inside(path, each)), default=0)

    def natives(self) -> tuple[NativeBinary, ...]:
        """Its extension modules and shared libraries."""
        return tuple(
            native
            for native in self.inventory.natives
            if native.distribution == self.key
            or (native.distribution is None and self._owns(native.path))
        )

    def build(self) -> tuple[frozenset[tuple[str, str]], frozenset[str]]:
        """Binaries and module names, which tell two builds of one version apart."""
        binaries = frozenset((native.tag, native.machine) for native in self.natives())
        return binaries, frozenset(filter(self._owns, self.inventory.files))

    def _owns(self, file: str) -> bool:
        below = _below(file, self.root)
        return below is not None and self.holds(module_path(below)) > 0


class Stack:
    """One version's code and layers, resolved as its runtime resolves them."""

    def __init__(self, view: VersionView) -> None:
        self.view = view
        self.python = python_version(view.version.configuration.runtime)
        self.roots = tuple(dict.fromkeys(self._roots()))
        """(is it in the code?, folder), in the order in which they are searched."""
        self.found: dict[str, Carried] = {}
        """The distributions and modules that would be imported, by key."""
        for is_code, root in self.roots:
            # Later layers lie over earlier ones, so theirs is met first.
            for layer, inventory in reversed(self._packages(is_code)):
                for carried in _carried(layer, inventory, root):
                    self.found.setdefault(carried.key, carried)

    def owner(self, module: str) -> Carried | None:
        """The owner of a module (``jwt.api_jwt``); ``None`` if the module does not exist."""
        path = module.replace(".", "/")
        return max(
            (each for each in self.found.values() if each.holds(path)),
            key=lambda each: each.holds(path),
            default=None,
        )

    def owner_of_file(self, file: str) -> Carried | None:
        """The owner of a file (``/opt/python/jwt/api_jwt.py``), in the last layer that has it."""
        place = place_of(file)
        if place is None:
            return None
        is_code, name = place[0] is Place.CODE, place[1]
        root = next((r for code, r in self._deepest() if code == is_code and _below(name, r)), None)
        if root is None or self.python is None:
            return self._node_owner(is_code, name)
        path = module_path(_below(name, root) or "")
        packages = self._packages(is_code)
        # Data and libraries are not among the importable files: then the package decides.
        having = [each for each in packages if name in each[1].files] or packages
        owners = (
            each
            for layer, inventory in reversed(having)
            for each in sorted(_carried(layer, inventory, root), key=lambda x: -x.holds(path))
            if each.holds(path)
        )
        return next(owners, None)

    def _node_owner(self, is_code: bool, name: str) -> Carried | None:
        for carried in self.found.values():
            if not carried.key.startswith("node:") or (carried.layer is None) is not is_code:
                continue
            if _inside(name, f"{carried.root}/{carried.modules[0]}"):
                return carried
        return None

    def _deepest(self) -> list[tuple[bool, str]]:
        return sorted(self.roots, key=lambda each: -len(each[1]))

    def _packages(self, is_code: bool) -> list[tuple[LayerView | None, PackageInventory]]:
        """In the order in which they are unpacked."""
        if is_code:
            return [(None, self.view.code)]
        return [(layer, layer.inventory) for layer in self.view.layers]

    def _roots(self) -> Iterator[tuple[bool, str]]:
        if self.python is None:
            yield True, "node_modules"
            yield False, "nodejs/node_modules"
            return
        for entry in search_path_of(self.view, self.python).packages:
            yield entry.place is Place.CODE, entry.folder


def _carried(layer: LayerView | None, inventory: PackageInventory, root: str) -> Iterator[Carried]:
    of = layer.layer if layer else None
    claimed: list[str] = []
    versions: dict[str, set[str]] = {}
    for record in inventory.distributions:
        if record.root == root and not record.vendored:
            versions.setdefault(record.key, set()).add(record.version)
            claimed.extend(record.modules)
    for record in inventory.distributions:
        # Code that was copied without its modules is not imported from here.
        if record.root != root or record.vendored or record.hollow:
            continue
        known = record.version if len(versions[record.key]) == 1 else ""
        yield Carried(
            key=record.key,
            name=record.name,
            version=known or None,
            layer=of,
            root=root,
            modules=record.modules,
            requires=record.requires,
            inventory=inventory,
        )
    if root in _NODE_FOLDERS:
        for package in inventory.node:
            if package.path == f"{root}/{package.name}":
                yield Carried(
                    key=f"node:{package.name}",
                    name=package.name,
                    version=package.version or None,
                    layer=of,
                    root=root,
                    modules=(package.name,),
                    inventory=inventory,
                )
    elif of is not None:
        for module in _unclaimed(inventory, root, tuple(claimed)):
            yield Carried(
                key=f"module:{module}",
                name=None,
                version=of.version,
                layer=of,
                root=root,
                modules=(module,),
                inventory=inventory,
            )


def _unclaimed(inventory: PackageInventory, root: str, claimed: tuple[str, ...]) -> list[str]:
    """Topmost modules and packages of a folder that no distribution says are its own."""
    tops = set()
    for file in inventory.files:
        below = _below(file, root)
        if below is None or below.startswith("lib/python"):
            continue
        path = module_path(below)
        if path and not any(_inside(path, each) or _inside(each, path) for each in claimed):
            tops.add(path.partition("/")[0])
    return sorted(tops)


def _below(file: str, root: str) -> str | None:
    if not root:
        return file
    return file[len(root) + 1 :] if file.startswith(f"{root}/") else None


def _inside(path: str, module: str) -> bool:
    return path == module or path.startswith(f"{module}/")
