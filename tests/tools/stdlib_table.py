"""Write ``aws_lambda/stdlib.json``: modules and names that only some standard libraries have.

Run it on Linux, from the repository, with every Python on PATH or installed by pyenv::

    python tests/tools/stdlib_table.py

Every interpreter runs `stdlib_probe.py`. For a Python without an interpreter here, mypy's copy of
typeshed says what changed since the newest one that is here. Names on which an interpreter and
typeshed disagree are left out: a patch release added them, or only type checkers know them.
Private names are left out too, and what a module imports for its own use.
"""

from __future__ import annotations

import ast
import functools
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import mypy

import pytest_lambda_rollback.aws_lambda

Python = tuple[int, int]

PYTHONS: tuple[Python, ...] = tuple((3, minor) for minor in range(7, 16))
"""Those of Lambda's runtimes, from the oldest one whose functions can still be updated."""

STUBBED_SINCE: Python = (3, 10)
"""The oldest Python that typeshed still describes."""

TABLE = Path(pytest_lambda_rollback.aws_lambda.__file__).parent / "stdlib.json"
PROBE = Path(__file__).with_name("stdlib_probe.py")
STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"


def text_of(python: Python) -> str:
    return "{}.{}".format(*python)


# --- interpreters -----------------------------------------------------------------------------


def interpreters() -> dict[Python, Path]:
    """The Pythons of this machine, by version."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    folders += sorted(
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob("versions/*/bin")
    )
    found: dict[Python, Path] = {}
    for python in PYTHONS:
        if python == sys.version_info[:2]:
            found[python] = Path(sys.executable)
        for folder in folders:
            path = folder / f"python{text_of(python)}"
            # What pyenv puts on PATH only runs where its version is selected.
            if path.is_file() and "shims" not in path.parts:
                found.setdefault(python, path)
    return found


def ask(interpreter: Path, question: object) -> Any:
    """Run `stdlib_probe.py` without site-packages and return its answer."""
    done = subprocess.run(
        [interpreter, "-ISB", PROBE],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(done.stdout)


# --- typeshed ---------------------------------------------------------------------------------


@dataclass
class Stub:
    """Names in one stub, for one Python."""

    names: set[str] = field(default_factory=set)
    exported: set[str] = field(default_factory=set)
    """``__all__``."""


def stub_lifetimes() -> dict[str, tuple[Python, Python]]:
    """First and last Python of every module that typeshed lists."""
    lifetimes = {}
    for line in (STUBS / "VERSIONS").read_text().splitlines():
        if match := re.fullmatch(r"([\w.]+): 3\.(\d+)-(?:3\.(\d+))?(?:\s*#.*)?", line):
            lifetimes[match[1]] = ((3, int(match[2])), (3, int(match[3] or 99)))
    return lifetimes


LIFETIMES = stub_lifetimes()


def stub_modules() -> frozenset[str]:
    """All modules that have a stub, for whichever Python."""
    names = (
        path.relative_to(STUBS)
        .with_suffix("")
        .as_posix()
        .replace("/", ".")
        .removesuffix(".__init__")
        for path in STUBS.rglob("*.pyi")
    )
    return frozenset(name for name in names if not name.startswith("_typeshed"))


STUBBED = stub_modules()


def stub_has_module(module: str, python: Python) -> bool:
    parts = module.split(".")
    for count in range(1, len(parts) + 1):
        first, last = LIFETIMES.get(".".join(parts[:count]), ((3, 0), (3, 99)))
        if not first <= python <= last:
            return False
    return module in STUBBED


@functools.cache
def stub(module: str, python: Python) -> Stub:
    """A module's stub for one Python; empty where it has none."""
    found = Stub()
    path = STUBS / module.replace(".", "/")
    path = path / "__init__.pyi" if path.is_dir() else path.with_suffix(".pyi")
    if path.is_file() and stub_has_module(module, python):
        package = module if path.name == "__init__.pyi" else module.rpartition(".")[0]
        _read(ast.parse(path.read_text()).body, package, python, found)
        found.names |= found.exported
    return found


def _read(body: Iterable[ast.stmt], package: str, python: Python, found: Stub) -> None:
    for node in body:
        match node:
            case ast.If():
                _read(
                    node.body if _holds(node.test, python) else node.orelse, package, python, found
                )
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.names.add(node.name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.names.add(name)
            case ast.Assign() | ast.AugAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = [target.id for target in targets if isinstance(target, ast.Name)]
                found.names.update(names)
                if "__all__" in names:
                    found.exported |= _exported(node.value, python)
            case ast.ImportFrom():
                origin = _origin(node, package)
                for alias in node.names:
                    if alias.name == "*":
                        other = stub(origin, python)
                        found.names |= other.exported or other.names
                    elif alias.asname == alias.name:
                        found.names.add(alias.name)
            case ast.Import():
                found.names |= {each.name for each in node.names if each.asname == each.name}


def _exported(value: ast.expr, python: Python) -> set[str]:
    """The texts of a list, or another module's ``__all__``."""
    match value:
        case ast.List() | ast.Tuple():
            return set(ast.literal_eval(value))
        case ast.Attribute(value=ast.Name(id=module), attr="__all__"):
            return stub(module, python).exported
    raise NotImplementedError(ast.unparse(value))


def _origin(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *filter(None, [node.module])])


def _holds(test: ast.expr, python: Python) -> bool:
    """Evaluate a condition of a stub for a Python on Linux."""
    names = {"sys": _System(python), "TYPE_CHECKING": True}
    return bool(eval(compile(ast.Expression(test), "<stub>", "eval"), names))


@dataclass(frozen=True)
class _System:
    version_info: Python
    platform: str = "linux"


# --- the table --------------------------------------------------------------------------------


@dataclass
class Library:
    """The interpreters' answers, and what follows from them for other Pythons."""

    answers: dict[Python, Any]
    disputed: set[tuple[str, str]] = field(default_factory=set)

    @property
    def newest(self) -> Python:
        return max(self.answers)

    def modules(self) -> list[str]:
        """Every module of any Python."""
        known = {name for answer in self.answers.values() for name in answer["modules"]}
        later = (module for module in STUBBED if not module.startswith("_"))
        known |= {
            module
            for module in later
            if not stub_has_module(module, self.newest)
            and any(stub_has_module(module, python) for python in PYTHONS if python > self.newest)
        }
        return sorted(known)

    def has_module(self, module: str, python: Python) -> bool:
        """Without an interpreter: as in the newest one, but for what typeshed says changed."""
        if python in self.answers:
            return module in self.answers[python]["modules"]
        before = module in self.answers[self.newest]["modules"]
        if module not in STUBBED or before != stub_has_module(module, self.newest):
            parent = module.rpartition(".")[0]
            return before and (not parent or self.has_module(parent, python))
        return stub_has_module(module, python)

    def names(self, module: str) -> set[str]:
        """Every public name that is the module's own in any Python."""
        if any(part.startswith("_") for part in module.split(".")):
            return set()
        found = {
            name
            for answer in self.answers.values()
            for name, own in (answer["modules"].get(module) or {}).items()
            if own or any(name in stub(module, python).names for python in PYTHONS)
        }
        for python in PYTHONS:
            if python >= STUBBED_SINCE:
                found |= {name for name in stub(module, python).names if not name.startswith("_")}
        return found

    def has_name(self, module: str, name: str, python: Python) -> bool | None:
        """``None`` where the module is not there, or does not load on this machine."""
        if not self.has_module(module, python):
            return None
        if self.has_module(f"{module}.{name}", python):
            return True
        if python in self.answers:
            names = self.answers[python]["modules"][module]
            return None if names is None else name in names
        before = self.has_name(module, name, self.newest)
        if before is None or before != (name in stub(module, self.newest).names):
            return before
        return name in stub(module, python).names

    def is_disputed(self, module: str, name: str) -> bool:
        """True if typeshed has a name that an interpreter of the same Python lacks."""
        return any(
            self.has_name(module, name, python) is False and name in stub(module, python).names
            for python in self.answers
            if python >= STUBBED_SINCE
        )


def read(known: Mapping[Python, Path]) -> Library:
    """Ask every interpreter, then for all names of the others: ``__getattr__`` may give them."""
    library = Library({python: ask(path, None) for python, path in known.items()})
    wanted = {module: library.names(module) for module in library.modules()}
    for python, path in known.items():
        modules = library.answers[python]["modules"]
        lacking = {
            module: sorted(wanted[module] - names.keys())
            for module, names in modules.items()
            if names is not None and wanted[module] - names.keys()
        }
        for module, names in ask(path, lacking).items():
            modules[module].update(dict.fromkeys(names, True))
    return library


def table(library: Library) -> dict[str, Any]:
    """The content of the data file."""
    spans: dict[str, list[str]] = defaultdict(list)
    varying: dict[str, dict[str, list[str]]] = {}
    for module in library.modules():
        there = [library.has_module(module, python) for python in PYTHONS]
        if not all(there):
            spans[span(there)].append(module)
        names: dict[str, list[str]] = defaultdict(list)
        for name in sorted(library.names(module)):
            has = [library.has_name(module, name, python) for python in PYTHONS]
            if True not in has or False not in has:
                continue
            if library.is_disputed(module, name):
                library.disputed.add((module, name))
                continue
            names[span(has)].append(name)
        if names:
            varying[module] = {key: names[key] for key in sorted(names)}
    tops = {top for answer in library.answers.values() for top in answer["tops"]}
    tops |= {module.partition(".")[0] for module in library.modules()}
    return {
        "pythons": {text_of(python): said_by(library, python) for python in PYTHONS},
        "packages": " ".join(sorted(tops)),
        "modules": {key: " ".join(spans[key]) for key in sorted(spans)},
        "names": {
            module: {key: " ".join(group) for key, group in groups.items()}
            for module, groups in varying.items()
        },
    }


def said_by(library: Library, python: Python) -> str:
    """The authority for one Python."""
    if python in library.answers:
        return f"CPython {library.answers[python]['version']}"
    return f"typeshed in mypy {metadata.version('mypy')}"


def span(has: list[bool] | list[bool | None]) -> str:
    """``3.9-3.12``, ``-3.12`` (from the first), ``3.9-`` (to the last), or several with spaces.

    Where nothing is known it is as before, or else as after.
    """
    known = [each for each in has if each is not None]
    filled: list[bool] = []
    for each in has:
        filled.append((filled[-1] if filled else known[0]) if each is None else each)
    parts = []
    for first, last in _runs(filled):
        begin = text_of(PYTHONS[first]) if first else ""
        end = text_of(PYTHONS[last]) if last < len(PYTHONS) - 1 else ""
        parts.append(f"{begin}-{end}")
    return " ".join(parts)


def _runs(filled: list[bool]) -> Iterator[tuple[int, int]]:
    start = None
    for number, each in enumerate([*filled, False]):
        if each and start is None:
            start = number
        elif not each and start is not None:
            yield start, number - 1
            start = None


def written(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=True) + "\n"


def main() -> None:
    library = read(interpreters())
    TABLE.write_text(written(table(library)))
    print(f"{TABLE}: {TABLE.stat().st_size} bytes")
    for module, name in sorted(library.disputed):
        print(f"left out, interpreters and typeshed disagree: {module}.{name}")


if __name__ == "__main__":
    main()
