"""Print the modules and names of the running Python's standard library, as JSON.

Works under any Python from 3.7. Standard input holds ``null``, or ``{module: [names]}``: then the
answer is which of those names exist.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import io
import json
import sys
import sysconfig
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EXTENSION = ".so"
NOT_LIBRARY = {"test", "tests", "idlelib", "turtledemo", "site-packages", "lib-dynload"}
EFFECTS = {"antigravity", "this", "__phello__", "__main__"}
"""Modules that do something when they are loaded, or that are not for programs."""


def is_public(name: str) -> bool:
    return not any(part.startswith("_") for part in name.split("."))


def stems(folder: Path) -> Iterator[tuple[str, Path | None]]:
    """Modules (stem, path of its folder if it is a package) that lie in a folder.

    Private extension modules are left out: how Python was built decides whether they are there.
    """
    for path in sorted(folder.iterdir()):
        if (path / "__init__.py").is_file():
            yield path.name, path
        elif path.suffix == ".py" or (path.suffix == EXTENSION and is_public(path.name)):
            yield path.name.partition(".")[0], None


def files(folder: Path, prefix: str = "") -> Iterator[str]:
    """Absolute names of all modules below a folder."""
    for stem, package in stems(folder):
        if stem in NOT_LIBRARY or stem.startswith(("_sysconfigdata", "_test")):
            continue
        if stem in EFFECTS or not stem.isidentifier() or stem == "__init__":
            continue
        yield prefix + stem
        if package:
            yield from files(package, prefix + stem + ".")


def load(name: str) -> types.ModuleType | None:
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit):
        return None


def is_borrowed(module: types.ModuleType, name: str, value: object) -> bool:
    """True if a module only imported what it calls by a public name."""
    if name in getattr(module, "__all__", ()):
        return False
    if isinstance(value, types.ModuleType):
        return True
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        return False
    home = getattr(value, "__module__", None)
    own = module.__name__
    return isinstance(home, str) and home.lstrip("_") != own and not home.startswith(own + ".")


def given(module: types.ModuleType) -> Iterator[str]:
    """Names that a module's ``__getattr__`` may give: every text that it looks at."""
    function = vars(module).get("__getattr__")
    if not isinstance(function, types.FunctionType):
        return
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        looked_at = list(code.co_consts)
        looked_at += [function.__globals__.get(name) for name in code.co_names]
        for value in looked_at:
            if isinstance(value, types.CodeType):
                codes.append(value)
            elif isinstance(value, str):
                yield value
            elif isinstance(value, types.ModuleType):
                yield from getattr(value, "__all__", ())
            elif isinstance(value, (dict, tuple, list, set, frozenset)):
                yield from (text for text in value if isinstance(text, str))


def names(module: types.ModuleType) -> dict[str, bool]:
    """The public names of a module: True for its own, False for what it merely imported."""
    found = {}
    for name in dir(module):
        if not name.startswith("_") and hasattr(module, name):
            found[name] = not is_borrowed(module, name, getattr(module, name))
    for name in given(module):
        if name.isidentifier() and not name.startswith("_") and hasattr(module, name):
            found.setdefault(name, True)
    return found


def library() -> dict[str, Any]:
    """All modules with their names; ``None`` for names that this machine cannot tell."""
    folders = {Path(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib")}
    folders |= {folder / "lib-dynload" for folder in folders}
    found = {name for folder in folders if folder.is_dir() for name in files(folder)}
    found |= {name for name in sys.builtin_module_names if is_public(name)}
    loaded = {name: load(name) for name in sorted(found)}
    tops = {name.partition(".")[0] for name in found}
    for name, module in list(sys.modules.items()):  # such as os.path and typing.io
        if name.partition(".")[0] in tops and name not in EFFECTS and module is not None:
            loaded.setdefault(name, module)
    return {
        "version": "{}.{}.{}".format(*sys.version_info),
        "tops": sorted(tops | set(getattr(sys, "stdlib_module_names", ()))),
        "modules": {
            name: names(module) if module is not None and is_public(name) else None
            for name, module in loaded.items()
            if not any(part in NOT_LIBRARY for part in name.split("."))
        },
    }


def which(asked: dict[str, list[str]]) -> dict[str, list[str]]:
    """Of the names that are asked, those that are there."""
    return {
        module: [name for name in wanted if hasattr(load(module), name)]
        for module, wanted in asked.items()
    }


def main() -> None:
    warnings.simplefilter("ignore")
    asked = json.load(sys.stdin)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        answer = library() if asked is None else which(asked)
    json.dump(answer, sys.stdout)


main()
