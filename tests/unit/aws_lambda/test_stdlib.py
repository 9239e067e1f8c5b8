"""The table of the standard library: look-ups, and the interpreters of this machine."""

from __future__ import annotations

import json
import sys
from importlib import metadata

import pytest

from pytest_lambda_rollback.aws_lambda import stdlib
from tools.stdlib_table import PYTHONS, TABLE, Library, interpreters, read, table, text_of, written

CONTENT = json.loads(TABLE.read_text())


@pytest.mark.parametrize(
    ("module", "python", "there"),
    [
        ("cgi", (3, 12), True),
        ("cgi", (3, 13), False),
        ("distutils.core", (3, 11), True),
        ("distutils.core", (3, 12), False),
        ("tomllib", (3, 10), False),
        ("tomllib", (3, 11), True),
        ("typing.io", (3, 12), True),
        ("typing.io", (3, 13), False),
        ("importlib.resources.abc", (3, 10), False),
        ("os.path", (3, 7), True),
        ("annotationlib", (3, 13), False),
        ("annotationlib", (3, 14), True),
        ("_bootlocale", (3, 10), False),
        ("dataclasses", (3, 6), True),  # older than the table: as in the oldest of it
        ("cgi", (3, 99), False),
        ("winreg", (3, 13), True),  # of other platforms nothing is known
        ("acme", (3, 13), False),
    ],
)
def test_modules(module: str, python: tuple[int, int], there: bool) -> None:
    assert stdlib.has_module(module, python) is there


@pytest.mark.parametrize(
    ("module", "name", "has", "lacks"),
    [
        ("re", "TEMPLATE", (3, 12), (3, 13)),
        ("re", "NOFLAG", (3, 11), (3, 10)),
        ("collections", "Mapping", (3, 9), (3, 10)),  # only through __getattr__ until 3.9
        ("ast", "Num", (3, 13), (3, 14)),
        ("importlib.resources", "Resource", (3, 12), (3, 13)),
        ("importlib.resources", "files", (3, 9), (3, 8)),
        ("os.path", "splitroot", (3, 12), (3, 11)),
        ("typing", "re", (3, 12), (3, 13)),
        ("asyncio", "taskgroups", (3, 11), (3, 10)),  # a submodule
        ("asyncio", "PidfdChildWatcher", (3, 9), (3, 8)),  # came and went
        ("asyncio", "PidfdChildWatcher", (3, 13), (3, 14)),
        ("builtins", "ExceptionGroup", (3, 11), (3, 10)),
        ("uuid", "uuid7", (3, 14), (3, 13)),
        ("time", "clock", None, (3, 8)),
        ("posixpath", "ALLOW_MISSING", (3, 11), None),  # patch releases added it
        ("os", "no_such_name", (3, 13), None),  # nothing is known of it
    ],
)
def test_names(
    module: str, name: str, has: tuple[int, int] | None, lacks: tuple[int, int] | None
) -> None:
    assert has is None or not stdlib.lacks_name(module, name, has)
    assert lacks is None or stdlib.lacks_name(module, name, lacks)


def test_a_source_matters_where_it_names_what_its_python_lacks() -> None:
    source = b"import datetime\nnow = datetime.datetime.now(datetime.UTC)\n"

    assert stdlib.may_matter("datetime", source, (3, 10))
    assert not stdlib.may_matter("datetime", source, (3, 11))
    assert not stdlib.may_matter("datetime", b"import datetime", (3, 10))
    assert stdlib.may_matter("distutils", b"import distutils.core", (3, 12))


# --- the data file against the interpreters that are here -------------------------------------

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Lambda's Pythons run on Linux")


@pytest.fixture(scope="module")
def library() -> Library:
    return read(interpreters())


@on_linux
@pytest.mark.parametrize("python", PYTHONS, ids=text_of)
def test_the_table_is_true_of_every_python_that_is_here(
    library: Library, python: tuple[int, int]
) -> None:
    if python not in library.answers:
        pytest.skip(f"no Python {text_of(python)} here")
    modules = {
        module: library.has_module(module, python)
        for group in CONTENT["modules"].values()
        for module in group.split()
        if "._" not in f".{module}"  # a patch release may add private modules
    }
    names = {
        (module, name): has
        for module, groups in CONTENT["names"].items()
        for group in groups.values()
        for name in group.split()
        for has in [library.has_name(module, name, python)]
        if has is not None
    }

    assert len(modules) > 100
    assert len(names) > 1000
    wrong = {m: has for m, has in modules.items() if has != stdlib.has_module(m, python)}
    mistaken = {n: has for n, has in names.items() if has == stdlib.lacks_name(*n, python)}
    if CONTENT["pythons"][text_of(python)] != f"CPython {library.answers[python]['version']}":
        # Another build may come without some modules; none may have what the table denies.
        wrong = {m: has for m, has in wrong.items() if has}
        mistaken = {n: has for n, has in mistaken.items() if has}
    assert wrong == {}
    assert mistaken == {}


@on_linux
def test_the_table_is_what_its_program_writes(library: Library) -> None:
    here = {
        text_of(python): f"CPython {each['version']}" for python, each in library.answers.items()
    }
    here |= {text_of(python): f"typeshed in mypy {metadata.version('mypy')}"
             for python in PYTHONS if python not in library.answers}  # fmt: skip
    if here != CONTENT["pythons"]:
        pytest.skip("written with other interpreters, or another mypy, than are here")

    assert written(table(library)) == TABLE.read_text()
