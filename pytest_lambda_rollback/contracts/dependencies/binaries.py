"""Native modules that a runtime cannot load: another Python, machine or operating system.

What can be imported goes by its file name's suffix, as in ``importlib.machinery``'s
EXTENSION_SUFFIXES, and what can be loaded by its header. A package that does not need the
module, or has others for other platforms, is not at fault.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda import runtime_libraries
from pytest_lambda_rollback.aws_lambda.architectures import MACHINES
from pytest_lambda_rollback.aws_lambda.runtimes import minor_version
from pytest_lambda_rollback.aws_lambda.search_path import Place
from pytest_lambda_rollback.contracts.dependencies.installed import Installed, Provider
from pytest_lambda_rollback.model.packages import (
    LayerView,
    NativeBinary,
    PackageInventory,
    module_path,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Misfit:
    """Native modules of one distribution (or package) that do not fit, for one reason."""

    kind: str
    """``wrong-python``, ``wrong-architecture``, ``wrong-platform`` or ``glibc-too-new``."""
    key: str
    """The distribution's key, or the folder's path where no distribution is known."""
    name: str
    """``numpy 1.26.0``, or the folder's path."""
    provider: Provider | None
    layer: LayerView | None
    built_for: str
    """``Python 3.9``, ``aarch64``, ``macOS``, ``glibc 2.34``."""
    paths: tuple[str, ...]
    certain: bool
    """False if the package may not need them."""


def misfits(installed: Installed, architecture: str) -> Iterator[Misfit]:
    """All that does not fit, one for each distribution and reason, in the order of the packages."""
    groups: dict[tuple[str, str, str, bool], list[tuple[str, Provider | None]]] = {}
    for layer, inventory in _packages(installed):
        groups.clear()
        check = _Check(installed, inventory, layer, architecture)
        for native in inventory.natives:
            for kind, built_for, certain in check.problems(native):
                provider = check.provider(native)
                key = provider.record.key if provider else check.home(native)
                group = groups.setdefault((kind, key, built_for, certain), [])
                group.append((native.path, provider))
        for (kind, key, built_for, certain), found in groups.items():
            provider = found[0][1]
            yield Misfit(
                kind=kind,
                key=key,
                name=str(provider) if provider else key,
                provider=provider,
                layer=layer,
                built_for=built_for,
                paths=tuple(path for path, _ in found),
                certain=certain,
            )


def _packages(installed: Installed) -> Iterator[tuple[LayerView | None, PackageInventory]]:
    yield None, installed.view.code
    for layer in installed.view.layers:
        yield layer, layer.inventory


class _Check:
    """The native modules of one package, against one runtime."""

    def __init__(
        self,
        installed: Installed,
        inventory: PackageInventory,
        layer: LayerView | None,
        architecture: str,
    ) -> None:
        self._installed = installed
        self._layer = layer
        self._inventory = inventory
        self._files = installed.files_of(inventory)
        self._machine = MACHINES[architecture]
        self._python = minor_version(installed.python)
        self._glibc = runtime_libraries.glibc(installed.python)
        self._tags = {
            "",
            "abi3",
            f"cpython-{self._python[0]}{self._python[1]}-{self._machine}-linux-gnu",
        }
        place = Place.LAYERS if layer else Place.CODE
        self._folders = sorted(
            (entry.folder for entry in installed.path if entry.place is place),
            key=len,
            reverse=True,
        )
        fitting = [native for native in inventory.natives if self._fits(native)]
        self._fitting_modules = {module_path(native.path) for native in fitting}
        self._served = {native.distribution for native in fitting if native.distribution}

    def problems(self, native: NativeBinary) -> Iterator[tuple[str, str, bool]]:
        """(kind, what it is built for, whether that is certainly wrong); at most one."""
        if not native.path.endswith((".so", ".pyd")) or not self._is_imported(native):
            return
        if self._fits(native):
            if native.glibc and self._glibc and _numbers(native.glibc) > self._glibc:
                yield (
                    "glibc-too-new",
                    f"glibc {native.glibc} or newer, and the runtime has "
                    + ".".join(map(str, self._glibc)),
                    self._is_needed(native) and not self._hides(native),
                )
            return
        module = module_path(native.path)
        if module in self._fitting_modules or self._has_source(module) or not native.format:
            return
        reason = self._reason(native)
        if reason is None:
            return
        if not _is_for_one_python(native) and native.distribution in self._served:
            return
        yield (*reason, self._is_needed(native))

    def _is_needed(self, native: NativeBinary) -> bool:
        """True if its package certainly wants this very file."""
        if native.optional:
            return False
        return _is_for_one_python(native) or self._is_of_a_platform_wheel(native)

    def _hides(self, native: NativeBinary) -> bool:
        """True if its module is there a second time, so that it is not known which is loaded."""
        module = module_path(native.path)
        twins = [each for each in self._inventory.natives if module_path(each.path) == module]
        return sum(self._fits(each) for each in twins) > 1

    def provider(self, native: NativeBinary) -> Provider | None:
        """The distribution that the file belongs to, if it is the one that is imported."""
        return self._installed.find(native.distribution) if native.distribution else None

    def home(self, native: NativeBinary) -> str:
        """The topmost package that the file lies in."""
        folder = self._folder(native) or ""
        inner = native.path.removeprefix(f"{folder}/") if folder else native.path
        return posixpath.join(folder, inner.partition("/")[0])

    def _folder(self, native: NativeBinary) -> str | None:
        """The folder of the search path that the file is found in."""
        for folder in self._folders:
            if not folder or native.path.startswith(f"{folder}/"):
                return folder
        return None

    def _is_imported(self, native: NativeBinary) -> bool:
        """True if it lies on the search path, in a package that is not hidden."""
        folder = self._folder(native)
        if folder is None:
            return False
        if native.distribution is None:
            home = self.home(native)
            return home == native.path or home in self._files.modules
        provider = self.provider(native)
        return (
            provider is not None
            and provider.layer is self._layer
            and provider.record.root == folder
        )

    def _has_source(self, module: str) -> bool:
        files = self._files.files
        return f"{module}.py" in files or f"{module}/__init__.py" in files

    def _fits(self, native: NativeBinary) -> bool:
        return (
            native.format == "elf"
            and native.machine == self._machine
            and native.tag in self._tags
            and not native.path.endswith(".pyd")
        )

    def _reason(self, native: NativeBinary) -> tuple[str, str] | None:
        if native.format == "mach-o" or "darwin" in native.tag:
            return "wrong-platform", "macOS"
        if native.format == "pe" or "win" in native.tag:
            return "wrong-platform", "Windows"
        if "musl" in native.tag:
            return "wrong-platform", "musl (Alpine) Linux"
        if native.machine != self._machine:
            return "wrong-architecture", native.machine
        python = native.cpython
        if python is None:
            return ("wrong-python", native.tag) if native.tag.startswith("pypy") else None
        built_for = "Python {}.{}".format(*python.version)
        if python.free_threaded:
            return "wrong-python", f"free-threaded {built_for}"
        if python.version != self._python:
            return "wrong-python", built_for
        return None

    def _is_of_a_platform_wheel(self, native: NativeBinary) -> bool:
        """True if its distribution says that it is built for one platform."""
        provider = self.provider(native)
        tags = provider.record.tags if provider else ()
        return bool(tags) and not any(tag.endswith("-any") for tag in tags)


def _is_for_one_python(native: NativeBinary) -> bool:
    """True for an extension module whose name says which Python it is for."""
    return bool(native.tag) and native.tag != "abi3"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
