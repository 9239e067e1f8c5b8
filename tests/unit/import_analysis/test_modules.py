from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.made_sources import Files, Workbench, installed
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.import_analysis.dynamics import given_names, refused_names
from pytest_lambda_rollback.import_analysis.known_values import truth
from pytest_lambda_rollback.import_analysis.module_reader import ModuleReader
from pytest_lambda_rollback.model.modules import Answer, Answered, Form, ModuleView, State

OFFERED, MISSING, UNKNOWN = State.OFFERED, State.MISSING, State.UNKNOWN


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def asks(view: ModuleView) -> list[Answered]:
    """What the sources ask; what the configuration asks is left out."""
    return [one for one in view.asks if one.ask.form is not Form.HANDLER]


def answers(view: ModuleView) -> dict[str, Answer]:
    """By what is asked: ``acme``, ``acme.money:to_text``."""
    return {
        ":".join(filter(None, (one.ask.module, ".".join(one.ask.names)))): one.answer
        for one in asks(view)
    }


def states(view: ModuleView) -> dict[str, State]:
    return {asked: answer.state for asked, answer in answers(view).items()}


# --- where a module is looked for -----------------------------------------------------------


def test_the_code_comes_before_site_packages_before_python(workbench: Workbench) -> None:
    site_packages = "python/lib/python3.11/site-packages"
    view = workbench.reader.view(
        workbench.version(
            "1",
            {"app.py": "from a import x\nfrom b import x\n", "a.py": "x = 1\n"},
            {
                "shared 1": {
                    "python/a.py": "",
                    "python/b.py": "",
                    f"{site_packages}/a.py": "",
                    f"{site_packages}/b.py": "x = 1\n",
                }
            },
        )
    )

    assert states(view) == {"b:x": OFFERED}  # what the code has itself is the same anywhere


def test_a_later_layer_overwrites_an_earlier_one(workbench: Workbench) -> None:
    layers = {"first 1": {"python/a.py": "x = 1\n"}, "second 1": {"python/a.py": "y = 1\n"}}
    view = workbench.reader.view(workbench.version("1", {"app.py": "from a import x, y\n"}, layers))

    found = answers(view)
    assert (found["a:x"].state, found["a:y"].state) == (MISSING, OFFERED)
    assert found["a:y"].provider is not None
    assert found["a:y"].provider.layer == "second"


def test_layers_lie_over_one_another_file_by_file(workbench: Workbench) -> None:
    layers = {
        "first 1": {"python/acme/__init__.py": "", "python/acme/old.py": ""},
        "second 1": {"python/acme/__init__.py": "", "python/acme/new.py": ""},
    }
    view = workbench.reader.view(
        workbench.version("1", {"app.py": "import acme.old, acme.new\n"}, layers)
    )

    assert states(view) == {"acme.old": OFFERED, "acme.new": OFFERED}


def test_pythonpath_takes_the_place_of_the_layers_folders(workbench: Workbench) -> None:
    view = workbench.reader.view(
        workbench.version(
            "1",
            {"app.py": "import a, b\n"},
            {"shared 1": {"python/a.py": "", "other/b.py": ""}},
            environment={"PYTHONPATH": "/opt/other"},
        )
    )

    assert states(view) == {"a": MISSING, "b": OFFERED}


def test_pth_files_add_folders(workbench: Workbench) -> None:
    view = workbench.reader.view(
        workbench.version(
            "1",
            {"app.py": "import a\n"},
            {"shared 1": {"python/paths.pth": "# more\nmore\n", "python/more/a.py": ""}},
        )
    )

    assert states(view) == {"a": OFFERED}


def test_pth_files_that_run_code_leave_nothing_certain(workbench: Workbench) -> None:
    view = workbench.reader.view(
        workbench.version(
            "1", {"app.py": "import a\n"}, {"shared 1": {"python/x.pth": "import hooks\n"}}
        )
    )

    assert states(view) == {"a": UNKNOWN}


def test_a_module_knows_its_layer_and_its_distribution(workbench: Workbench) -> None:
    named = installed("Other-Name", "2.1", "acme")
    view = workbench.reader.view(
        workbench.version(
            "1",
            {"app.py": "import acme\n"},
            {"shared 7": {f"python/{name}": text for name, text in
                          {**named, "acme/__init__.py": ""}.items()}},
        )
    )  # fmt: skip

    provider = answers(view)["acme"].provider
    assert provider is not None
    assert (provider.kind, provider.layer, provider.layer_version) == ("layer", "shared", "7")
    assert (provider.distribution, provider.version) == ("Other-Name", "2.1")


# --- which code is read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handler", "file"),
    [
        ("app.handler", "app.py"),
        ("shop.orders.handler", "shop/orders.py"),
        ("shop/orders.handler", "shop/orders.py"),
    ],
)
def test_the_handler_is_found_as_lambda_finds_it(
    workbench: Workbench, handler: str, file: str
) -> None:
    view = workbench.reader.view(
        workbench.version("1", {file: "import nowhere\n"}, {}, handler=handler)
    )

    assert [(one.file, one.ask.module) for one in asks(view)] == [(file, "nowhere")]


def test_the_handler_that_a_wrapper_calls_is_code_as_well(workbench: Workbench) -> None:
    view = workbench.reader.view(
        workbench.version(
            "1",
            {"shop.py": "import nowhere\n"},
            {"wrapper 1": {"python/wrapper.py": "def handler(e, c): ...\n"}},
            handler="wrapper.handler",
            environment={"DD_LAMBDA_HANDLER": "shop.handler", "TABLE": "shop.orders"},
        )
    )

    assert ("shop.py", "nowhere") in [(one.file, one.ask.module) for one in asks(view)]


def test_code_is_what_the_handler_reaches(workbench: Workbench) -> None:
    view = workbench.reader.view(
        workbench.version(
            "1",
            {
                "app.py": "from shop import orders\n",
                "shop/__init__.py": "import nowhere1\n",
                "shop/orders.py": "def f():\n    from .refunds import refund\n",
                "shop/refunds.py": "import nowhere2\nrefund = 1\n",
                "shop/unused.py": "import nowhere3\n",
                "conftest.py": "import nowhere4\n",
            },
            {},
        )
    )

    assert [one.ask.module for one in asks(view)] == ["nowhere1", "nowhere2"]


def test_what_a_vendored_distribution_can_do_besides_is_not_the_codes(
    workbench: Workbench,
) -> None:
    view = workbench.reader.view(
        workbench.version(
            "1",
            {
                "app.py": "import lib\n",
                "lib/__init__.py": "def save_as_excel():\n    import openpyxl\n",
                **installed("lib", "1.0", "lib"),
            },
            {},
        )
    )

    assert asks(view) == []


def test_a_large_package_without_metadata_is_still_read_where_it_asks_of_layers(
    workbench: Workbench,
) -> None:
    padding = f"TEXT = '{'x' * 300_000}'\n"
    view = workbench.reader.view(
        workbench.version(
            "1",
            {
                "app.py": "import lib\n",
                "lib/__init__.py": f"from . import a\n{padding}",
                "lib/a.py": "import json\nfrom lib import b\n",
                "lib/b.py": "def f():\n    import acme\n",
            },
            {"shared 1": {"python/acme.py": ""}},
        )
    )

    assert [(one.file, one.ask.module) for one in asks(view)] == [("lib/b.py", "acme")]


def test_a_package_as_large_as_a_library_is_taken_for_one_and_that_is_said(
    workbench: Workbench,
) -> None:
    view = workbench.reader.view(
        workbench.version(
            "1",
            {
                "app.py": "import lib\n",
                "lib/__init__.py": f"def f():\n    import nowhere\n\n\nT = '{'x' * 1_100_000}'\n",
            },
            {},
        )
    )

    assert asks(view) == []
    (note,) = view.notes
    assert note.startswith("lib in the code has 1.0 MB of source code and was treated as a library")


def test_no_code_is_run(workbench: Workbench, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    act = f"open({str(witness)!r}, 'w').close()\n"
    workbench.rollback(
        f"{act}from acme import f\nf(1)\n",
        {"acme.py": f"{act}def f(a): ...\n"},
        {"acme.py": f"{act}def f(a, b): ...\n"},
    )

    assert not witness.exists()


def test_other_runtimes_have_nothing_to_say(workbench: Workbench) -> None:
    version = workbench.version("1", {"app.js": ""}, {}, runtime="nodejs22.x")

    assert workbench.reader.view(version).asks == ()


# --- what is kept ---------------------------------------------------------------------------


def test_an_unchanged_version_is_not_read_again(workbench: Workbench) -> None:
    version = workbench.version(
        "1",
        {"app.py": "try:\n    from acme import f, g\nexcept ImportError:\n    f(1, *f, a=2)\n"},
        {"shared 1": {"python/acme.py": "def f(): ...\n"}},
    )
    first = workbench.reader.view(version)
    for artifact in (version.code, version.layers[0].artifact):
        artifact.tar.unlink()

    assert workbench.reader.view(version) == first
    assert workbench.reader.view(replace(version, version="9")).version == "orders:9"


def test_another_layer_is_read_anew(workbench: Workbench) -> None:
    code = {"app.py": "from acme import f\n"}
    one = workbench.version("1", code, {"shared 1": {"python/acme.py": "f = 1\n"}})
    two = workbench.version("1", code, {"shared 1": {"python/acme.py": "g = 1\n"}})

    assert states(workbench.reader.view(one)) == {"acme:f": OFFERED}
    assert states(workbench.reader.view(two)) == {"acme:f": MISSING}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"asks": [[1]]}', b"null"])
def test_a_damaged_entry_is_read_again(
    workbench: Workbench, tmp_path: Path, content: bytes
) -> None:
    version = workbench.version(
        "1", {"app.py": "import acme\n"}, {"shared 1": {"python/acme.py": ""}}
    )
    first = workbench.reader.view(version)
    entries = list((tmp_path / "cache" / "modules").iterdir())
    assert entries
    for entry in entries:
        entry.write_bytes(content)

    assert workbench.reader.view(version) == first


def test_without_a_folder_nothing_is_kept(workbench: Workbench, tmp_path: Path) -> None:
    version = workbench.version("1", {"app.py": "import nowhere\n"}, {})

    assert states(ModuleReader(None).view(version)) == {"nowhere": MISSING}
    assert not (tmp_path / "cache").exists()


def test_a_package_that_cannot_be_read_is_an_error(workbench: Workbench) -> None:
    version = workbench.version("1", {"app.py": ""}, {})
    version.code.tar.write_bytes(b"no tar")

    with pytest.raises(SourceError, match="code cannot be read"):
        workbench.reader.view(version)


# --- what conditions mean -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("sys.version_info >= (3, 8)", True),
        ("sys.version_info >= (3, 12)", False),
        ("sys.version_info < (3, 11)", False),
        ("sys.version_info[:2] == (3, 11)", True),
        ("sys.version_info[0] == 2", False),
        ("sys.version_info.major >= 3 and sys.version_info.minor < 9", False),
        ("sys.version_info >= (3, 11, 4)", None),
        ("sys.version_info >= (3, 10, 4)", True),
        ("version_info > (3,)", True),
        ("sys.platform == 'win32'", False),
        ("sys.platform.startswith(('linux', 'darwin'))", True),
        ("sys.platform in ('win32', 'cygwin')", False),
        ("os.name != 'nt'", True),
        ("platform.system() == 'Windows'", False),
        ("typing.TYPE_CHECKING", False),
        ("not TYPE_CHECKING", True),
        ("__name__ == '__main__'", False),
        ("six.PY2 or sys.platform == 'linux'", True),
        ("event and sys.platform == 'win32'", False),
        ("event or sys.platform == 'win32'", None),
        ("event['x'] > 1", None),
        ("0", False),
    ],
)
def test_conditions_are_decided_for_the_functions_runtime(
    condition: str, expected: bool | None
) -> None:
    assert truth(ast.parse(condition, mode="eval").body, (3, 11)) is expected


GETATTR: dict[str, tuple[str, set[str] | None, set[str]]] = {
    "one name": ("if name == 'a':\n        return 1\n    raise AttributeError(name)", {"a"}, set()),
    "several": (
        "import x\n    if name in ('a', 'b'):\n        return 1\n    elif name == 'c':\n"
        "        return 2\n    raise AttributeError(name)",
        {"a", "b", "c"},
        set(),
    ),
    "a table": ("if name in TABLE:\n        return 1\n    raise AttributeError", {"t"}, set()),
    "all but a table": (
        "if name not in TABLE:\n        raise AttributeError\n    return load(name)",
        {"t"},
        set(),
    ),
    "refused": (
        "if name == 'gone':\n        raise AttributeError('gone')\n    return load(name)",
        None,
        {"gone"},
    ),
    "anything": ("return load(name)", None, set()),
    "anything else": ("if name == 'a':\n        return 1\n    return load(name)", None, set()),
    "nothing": ("...", None, set()),
    "a computed test": ("if known(name):\n        return 1\n    raise AttributeError", None, set()),
    "a touched table": (
        "if name in GROWS:\n        return 1\n    raise AttributeError",
        None,
        set(),
    ),
    "an inner try": (
        "try:\n        return load(name)\n    except KeyError:\n        raise AttributeError",
        None,
        set(),
    ),
}


@pytest.mark.parametrize("case", GETATTR)
def test_a_module_getattr_is_read_where_it_names_names(case: str) -> None:
    body, given, refused = GETATTR[case]
    tree = ast.parse(
        f"TABLE = {{'t': 1}}\nGROWS = ['g']\nGROWS.append('h')\n\n\n"
        f"def __getattr__(name):\n    {body}\n"
    )

    assert given_names(tree) == given
    assert refused_names(tree)[0] == refused


def test_a_name_that_getattr_refuses_by_a_table_is_missing(workbench: Workbench) -> None:
    new: Files = {
        "acme/__init__.py": "from .expired import GONE\n\n\ndef __getattr__(name):\n"
        "    if name in GONE:\n        raise AttributeError(GONE[name])\n    return load(name)\n",
        "acme/expired.py": "GONE = {'float_': 'use float64', 'Inf': 'use inf'}\n",
    }
    judgement = workbench.rollback(
        "import acme\nx = acme.float_\ny = acme.other\n",
        {"acme/__init__.py": "float_ = other = 1\n"},
        new,
    )

    assert [finding.location for finding in judgement.findings] == ["app.py:2"]


# --- the standard library -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "lacks", "has"),
    [
        ("from re import TEMPLATE\n", "python3.13", "python3.12"),
        ("import typing.io\n", "python3.13", "python3.12"),
        ("from importlib.resources import Resource\n", "python3.13", "python3.12"),
        ("from asyncio import taskgroups\n", "python3.10", "python3.11"),
        ("import os.path\nos.path.splitroot('/a')\n", "python3.11", "python3.12"),
        ("from builtins import ExceptionGroup\n", "python3.10", "python3.11"),
    ],
)
def test_what_only_some_pythons_have(
    workbench: Workbench, source: str, lacks: str, has: str
) -> None:
    without, with_it = (
        states(workbench.reader.view(workbench.version("1", {"app.py": source}, {}, runtime=name)))
        for name in (lacks, has)
    )

    assert set(without.values()) == {MISSING}
    assert with_it == {}  # what Python brings is the same on any layers


def test_a_package_named_like_a_module_of_later_pythons_is_read(workbench: Workbench) -> None:
    version = workbench.version(
        "1",
        {"app.py": "from tomllib import loads, gone\n"},
        {"shared 1": {"python/tomllib.py": "def loads(text): ...\n"}},
        runtime="python3.10",
    )

    assert states(workbench.reader.view(version)) == {
        "tomllib:loads": OFFERED,
        "tomllib:gone": MISSING,
    }
