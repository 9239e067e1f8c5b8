from __future__ import annotations

from pathlib import Path

import pytest

from helpers.made_sources import Files, Workbench, installed
from pytest_lambda_rollback.contracts.imports.contract import ImportsJudgement
from pytest_lambda_rollback.model.findings import Cause, Contract
from pytest_lambda_rollback.model.settings import Strategy

MONEY_1: Files = {
    "acme/__init__.py": "",
    "acme/money.py": "def to_text(cents): ...\n\n\ndef add(a, b): ...\n",
    "acme/extra.py": "VALUE = 1\n",
}
MONEY_2: Files = {
    "acme/__init__.py": "",
    "acme/money.py": "def format_amount(cents, currency): ...\n\n\ndef add(a, b): ...\n",
}


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def found(judgement: ImportsJudgement) -> list[tuple[str, str | None]]:
    return [(finding.kind, finding.location) for finding in judgement.findings]


def warned(judgement: ImportsJudgement) -> list[tuple[str, str | None]]:
    return [(warning.kind, warning.location) for warning in judgement.warnings]


# --- what is found --------------------------------------------------------------------------

BREAKS: dict[str, tuple[str, tuple[str, str]]] = {
    "name": ("from acme.money import to_text\n", ("missing-name", "app.py:1")),
    "name under another one": (
        "from acme.money import add, to_text as shown\n",
        ("missing-name", "app.py:1"),
    ),
    "module": ("import acme.extra\n", ("missing-module", "app.py:1")),
    "module by from": ("from acme import extra\n", ("missing-name", "app.py:1")),
    "name of a missing module": ("from acme.extra import VALUE\n", ("missing-module", "app.py:1")),
    "in a function": (
        "def handler(event, context):\n    from acme.money import to_text\n",
        ("missing-name", "app.py:2"),
    ),
    "in a method": (
        "class Order:\n    def total(self):\n        import acme.extra\n",
        ("missing-module", "app.py:3"),
    ),
    "under a condition on data": (
        "def handler(event, context):\n    if event['refund']:\n        import acme.extra\n",
        ("missing-module", "app.py:3"),
    ),
    "attribute": (
        "from acme import money\n\n\ndef handler(event, context):\n    return money.to_text(1)\n",
        ("missing-name", "app.py:5"),
    ),
    "attribute by dotted import": (
        "import acme.money\n\n\ndef handler(event, context):\n    return acme.money.to_text(1)\n",
        ("missing-name", "app.py:5"),
    ),
    "attribute under another name": (
        "import acme.money as m\n\n\nclass Order:\n    text = m.to_text\n",
        ("missing-name", "app.py:5"),
    ),
    "attribute as a decorator": (
        "import acme.money as m\n\n\n@m.to_text\ndef handler(event, context): ...\n",
        ("missing-name", "app.py:4"),
    ),
    "attribute in a comprehension": (
        "import acme.money as m\nhandler = lambda e, c: [m.to_text(i) for i in e]\n",
        ("missing-name", "app.py:2"),
    ),
    "bare name by star import": (
        "from acme.money import *\n\n\ndef handler(event, context):\n    return to_text(1)\n",
        ("missing-name", "app.py:5"),
    ),
    "importlib": (
        "import importlib\n\n\ndef handler(event, context):\n"
        "    importlib.import_module('acme.extra')\n",
        ("missing-module", "app.py:5"),
    ),
    "importlib's function": (
        "from importlib import import_module as load\nload('acme.extra')\n",
        ("missing-module", "app.py:2"),
    ),
    "dunder import": ("__import__('acme.extra')\n", ("missing-module", "app.py:1")),
    "fallback that is missing as well": (
        "try:\n    from acme.money import to_text\nexcept ImportError:\n    import acme.nowhere\n",
        ("missing-module", "app.py:4"),
    ),
    "except clause for something else": (
        "try:\n    import acme.extra\nexcept KeyError:\n    extra = None\n",
        ("missing-module", "app.py:2"),
    ),
    "except clause that raises again": (
        "try:\n    import acme.extra\nexcept ImportError as error:\n"
        "    raise RuntimeError('no acme') from error\n",
        ("missing-module", "app.py:2"),
    ),
    "name in a clause for modules alone": (
        "try:\n    from acme.money import to_text\n"
        "except ModuleNotFoundError:\n    to_text = str\n",
        ("missing-name", "app.py:2"),
    ),
    "error handling around the handler": (
        "from acme import money\n\n\ndef handler(event, context):\n    try:\n"
        "        return money.to_text(1)\n    except Exception as error:\n"
        "        return {'statusCode': 500, 'body': str(error)}\n",
        ("missing-name", "app.py:6"),
    ),
    "branch of this Python": (
        "import sys\nif sys.version_info >= (3, 9):\n    import acme.extra\n",
        ("missing-module", "app.py:3"),
    ),
    "else of type checking": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    x = 1\nelse:\n"
        "    import acme.extra\n",
        ("missing-module", "app.py:5"),
    ),
}


LAYER_1 = {"shared 1": {f"python/{name}": text for name, text in MONEY_1.items()}}
LAYER_2 = {"shared 2": {f"python/{name}": text for name, text in MONEY_2.items()}}


@pytest.mark.parametrize("case", BREAKS)
def test_what_the_current_layers_lack_is_found(workbench: Workbench, case: str) -> None:
    code, expected = BREAKS[case]

    judgement = workbench.rollback(code, MONEY_1, MONEY_2)

    assert found(judgement) == [expected]


@pytest.mark.parametrize("case", BREAKS)
def test_the_same_layers_on_both_sides_break_nothing(workbench: Workbench, case: str) -> None:
    code, _ = BREAKS[case]

    judgement = workbench.rollback(code, MONEY_1, MONEY_1)
    assert (judgement.findings, judgement.warnings) == ((), ())
    # What the current version asks for in vain as well is lived with.
    target, current = (workbench.version(number, {"app.py": code}, LAYER_2) for number in "24")
    judgement = workbench.judge(target, current, Strategy.REDEPLOY)
    assert (judgement.findings, judgement.warnings) == ((), ())


@pytest.mark.parametrize("strategy", Strategy)
def test_what_neither_stack_has_is_found_where_a_function_imports_it(
    workbench: Workbench, strategy: Strategy
) -> None:
    code = "def handler(e, c):\n    if e.get('x'):\n        import never_there\n    return {}\n"
    target = workbench.version("2", {"app.py": code}, LAYER_1)
    current = workbench.version("4", {"app.py": "x = 1\n"}, LAYER_1)

    assert found(workbench.judge(target, current, strategy)) == [("missing-module", "app.py:3")]
    guarded = code.replace(
        "        import never_there\n",
        (
            "        try:\n            import never_there\n"
            "        except ImportError:\n            never_there = None\n"
        ),
    )
    target = workbench.version("2", {"app.py": guarded}, LAYER_1)
    assert workbench.judge(target, current, strategy).findings == ()


def test_by_alias_a_function_that_imports_what_its_own_layers_lack_breaks(
    workbench: Workbench,
) -> None:
    code = "def handler(e, c):\n    import acme.extra\n"
    judgement = workbench.rollback(code, MONEY_2, MONEY_1, strategy=Strategy.ALIAS)

    assert found(judgement) == [("missing-module", "app.py:2")]


def test_a_finding_says_what_where_who_and_why(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        "import json\n\nfrom acme.money import to_text\n",
        {**MONEY_1, **installed("acme-money", "1.4.0", "acme")},
        {**MONEY_2, **installed("acme-money", "2.0.0", "acme")},
    )

    (finding,) = judgement.findings
    assert finding.message == (
        "orders:2 by redeploy imports to_text from acme.money (app.py:3), which layer shared 2"
        " (acme-money 2.0.0) does not offer; shared 1 (acme-money 1.4.0) did"
    )
    assert finding.contract is Contract.IMPORTS
    assert finding.location == "app.py:3"
    assert finding.cause == Cause(
        layer="shared", distribution="acme-money", current_version="2.0.0", target_version="1.4.0"
    )


def test_a_package_that_is_gone_is_caused_by_the_layer_that_had_it(workbench: Workbench) -> None:
    judgement = workbench.rollback("import acme\n", MONEY_1, {"other.py": ""})

    (finding,) = judgement.findings
    assert finding.message == (
        "orders:2 by redeploy imports acme (app.py:1), which layer shared 2 does not offer;"
        " shared 1 did"
    )
    assert finding.cause == Cause(layer="shared", current_version="2", target_version="1")


def test_a_layer_that_is_gone_is_named(workbench: Workbench) -> None:
    target = workbench.version(
        "2", {"app.py": "import acme\n"}, {"money 1": {"python/acme.py": ""}}
    )
    current = workbench.version("4", {"app.py": ""}, {"other 1": {"python/other.py": ""}})

    (finding,) = workbench.judge(target, current, Strategy.REDEPLOY).findings

    assert finding.message == (
        "orders:2 by redeploy imports acme (app.py:1), which no layer of orders:4 offers;"
        " money 1 did"
    )
    assert finding.cause == Cause(layer="money", target_version="1")


def test_one_missing_thing_is_one_finding(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        {
            "app.py": "import part\n\ndef handler(e, c):\n    import acme.extra\n",
            "part.py": "import acme.extra\nfrom acme.extra import VALUE\n",
        },
        MONEY_1,
        MONEY_2,
    )

    (finding,) = judgement.findings
    assert finding.location == "part.py:1"
    assert "(part.py:1 and 2 more)" in finding.message


def test_what_only_a_function_that_is_never_called_imports_is_found(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        {
            "app.py": "from shop import orders\n\nhandler = orders.handler\n",
            "shop/__init__.py": "",
            "shop/orders.py": "handler = print\n\n\ndef yearly():\n    from . import report\n",
            "shop/report.py": "from acme.money import to_text\n",
        },
        MONEY_1,
        MONEY_2,
    )

    assert found(judgement) == [("missing-name", "shop/report.py:1")]


def test_handlers_that_are_imported_by_computed_names_are_code(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        {
            "app.py": "import importlib\n\n\ndef handler(e, c):\n"
            "    return importlib.import_module(f'tasks.{e[\"task\"]}').run(e)\n",
            "tasks/__init__.py": "",
            "tasks/refund.py": "from acme.money import to_text\n",
        },
        MONEY_1,
        MONEY_2,
    )

    assert found(judgement) == [("missing-name", "tasks/refund.py:1")]


def test_a_module_of_the_layer_that_no_longer_loads_is_found(workbench: Workbench) -> None:
    old = {
        "acme/__init__.py": "",
        "acme/tokens.py": "from jot import encode\n",
        "jot.py": "encode = 1\n",
    }
    new = {**old, "jot.py": "sign = 1\n"}

    judgement = workbench.rollback("def handler(e, c):\n    import acme.tokens\n", old, new)

    (finding,) = judgement.findings
    assert (finding.kind, finding.location) == ("missing-name", "app.py:2")
    assert (
        "imports acme.tokens (app.py:2), which needs jot.encode in acme.tokens" in finding.message
    )
    assert "(/opt/python/acme/tokens.py:1)" in finding.message


REMOVED_FROM_PYTHON = {
    "module": ("import imp\n", "missing-module", "imp"),
    "submodule": ("from distutils.util import strtobool\n", "missing-module", "distutils.util"),
    "name": ("from unittest import makeSuite\n", "missing-name", "makeSuite"),
    "attribute": ("import locale\nshown = locale.format\n", "missing-name", "locale.format"),
}


@pytest.mark.parametrize("case", REMOVED_FROM_PYTHON)
def test_what_a_newer_python_removed_is_found(workbench: Workbench, case: str) -> None:
    code, kind, thing = REMOVED_FROM_PYTHON[case]

    judgement = workbench.rollback(code, {}, {}, current_runtime="python3.13")

    (finding,) = judgement.findings
    assert finding.kind == kind
    assert thing in finding.message
    assert finding.message.endswith("which Python 3.13 does not have; Python 3.11 did")
    assert finding.cause == Cause(
        distribution="python", current_version="3.13", target_version="3.11"
    )


def test_what_an_older_python_lacks_is_found(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        "import tomllib\nfrom datetime import UTC\n", {}, {}, current_runtime="python3.10"
    )

    assert found(judgement) == [("missing-module", "app.py:1"), ("missing-name", "app.py:2")]


def test_packages_in_the_folder_of_another_python_are_not_found_by_it(workbench: Workbench) -> None:
    files = {"lib/python3.11/site-packages/acme/__init__.py": ""}

    judgement = workbench.rollback("import acme\n", files, files, current_runtime="python3.12")

    assert found(judgement) == [("missing-module", "app.py:1")]


# --- what is not ----------------------------------------------------------------------------

USE = "from acme.money import to_text\n"

TRAPS: dict[str, tuple[str | Files, Files, Files]] = {
    "module getattr": (USE, MONEY_1, {**MONEY_2, "acme/money.py": "def __getattr__(name): ...\n"}),
    "module getattr by import": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "from lazy import __getattr__\n"},
    ),
    "lazy attach": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "__getattr__, __dir__, __all__ = attach(__name__)\n"},
    ),
    "star import": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "from .inner import *\n", "acme/inner.py": "to_text = 1\n"},
    ),
    "star import of a C extension": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "from ._c import *\n", "acme/_c.abi3.so": b"\x7fELF"},
    ),
    "star import of the runtime's packages": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "from botocore.exceptions import *\n"},
    ),
    "globals": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "globals()['to_text'] = str\n"},
    ),
    "globals in a function": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "def add(n):\n    globals().update(n)\nadd({'to_text': 1})\n"},
    ),
    "locals": (USE, MONEY_1, {**MONEY_2, "acme/money.py": "locals().update(to_text=1)\n"}),
    "sys.modules": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "import sys\nsys.modules[__name__] = object()\n"},
    ),
    "setattr on the module": (
        USE,
        MONEY_1,
        {
            **MONEY_2,
            "acme/money.py": "import importlib\nme = importlib.import_module(__name__)\n"
            "for n in ('to_text',):\n    setattr(me, n, 1)\n",
        },
    ),
    "exec": (USE, MONEY_1, {**MONEY_2, "acme/money.py": "exec('to_text = 1')\n"}),
    "global statement": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "def f():\n    global to_text\n    to_text = 1\nf()\n"},
    ),
    "lazy loader by call": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "from x import export\nexport(__name__, 'to_text')\n"},
    ),
    "defined in a branch": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "import os\nif os.environ.get('X'):\n    to_text = 1\n"},
    ),
    "defined in an except clause": (
        USE,
        MONEY_1,
        {
            **MONEY_2,
            "acme/money.py": "try:\n    from fast import to_text\nexcept ImportError:\n"
            "    to_text = None\n",
        },
    ),
    "defined by with, for and walrus": (
        "from acme.money import a, b, c, d\n",
        {"acme/__init__.py": "", "acme/money.py": "a = b = c = d = 1\n"},
        {
            "acme/__init__.py": "",
            "acme/money.py": "with open('x') as a:\n    pass\nfor b in ():\n    pass\n"
            "print(c := 1)\nmatch 1:\n    case d: ...\n",
        },
    ),
    "deleted": (USE, MONEY_1, {**MONEY_2, "acme/money.py": "to_text = 1\ndel to_text\n"}),
    "only for type checkers": (
        USE,
        MONEY_1,
        {
            **MONEY_2,
            "acme/money.py": "import typing\nif typing.TYPE_CHECKING:\n    from x import to_text\n",
        },
    ),
    "only in __all__": (USE, MONEY_1, {**MONEY_2, "acme/money.py": "__all__ = ['to_text']\n"}),
    "imported name that does not load": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "import os\nto_text = os.path\n"},
    ),
    "C extension": (
        USE,
        MONEY_1,
        {"acme/__init__.py": "", "acme/money.cpython-311-x86_64-linux-gnu.so": b"\x7fELF"},
    ),
    "byte code alone": (USE, MONEY_1, {"acme/__init__.py": "", "acme/money.pyc": b"\0"}),
    "package of byte code": ("import acme.money\n", MONEY_1, {"acme/__init__.pyc": b"\0"}),
    "source that does not parse here": (
        USE,
        MONEY_1,
        {**MONEY_2, "acme/money.py": "print 'to_text'\n"},
    ),
    "extended path": (
        "import acme.extra\n",
        MONEY_1,
        {**MONEY_2, "acme/__init__.py": "from pkgutil import extend_path\n"
         "__path__ = extend_path(__path__, __name__)\n"},
    ),
    "path of a package": (
        "import acme.extra\n",
        MONEY_1,
        {**MONEY_2, "acme/__init__.py": "__path__.append('/opt/plugins')\n"},
    ),
    "submodule made in sys.modules": (
        "import acme.extra\n",
        MONEY_1,
        {**MONEY_2, "acme/__init__.py": "import sys\nsys.modules[__name__ + '.extra'] = sys\n"},
    ),
    "namespace package in two places": (
        {"app.py": "import acme.extra\nimport acme.local\n", "acme/local.py": ""},
        {"acme/extra.py": ""},
        {"acme/extra/__init__.py": ""},
    ),
    "module that became a package": (
        USE,
        MONEY_1,
        {"acme/__init__.py": "", "acme/money/__init__.py": "from .text import to_text\n",
         "acme/money/text.py": "def to_text(): ...\n"},
    ),
    "name that became a submodule": (
        "from acme import money\n",
        {"acme.py": "money = 1\n"},
        MONEY_2,
    ),
    "optional module, name set to None": (
        "try:\n    import acme.extra as extra\nexcept ImportError:\n    extra = None\n\n\n"
        "def handler(e, c):\n    if extra:\n        return extra.VALUE\n",
        {"acme/__init__.py": ""},
        {"acme/__init__.py": ""},
    ),
    "alternative that works": (
        "try:\n    from acme.nowhere import to_text\nexcept ImportError:\n"
        "    from acme.money import add as to_text\n",
        MONEY_1,
        MONEY_2,
    ),
    "alternative that the other side needs": (
        "try:\n    from acme.money import add\nexcept ImportError:\n"
        "    from acme.money import to_text\n",
        MONEY_1,
        MONEY_2,
    ),
    "else of a try that fails": (
        "try:\n    import nowhere\nexcept ImportError:\n    pass\nelse:\n"
        "    from acme.money import to_text\n",
        MONEY_1,
        MONEY_2,
    ),
    "type checking": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from acme.money import to_text\n",
        MONEY_1,
        MONEY_2,
    ),
    "branch of another Python": (
        "import sys\nif sys.version_info < (3, 8):\n    from acme.money import to_text\n",
        MONEY_1,
        MONEY_2,
    ),
    "branch of another platform": (
        "import sys, os\nif sys.platform == 'win32' or os.name == 'nt':\n    import acme.extra\n",
        MONEY_1,
        MONEY_2,
    ),
    "script part": ("if __name__ == '__main__':\n    import acme.extra\n", MONEY_1, MONEY_2),
    "annotations that are not evaluated": (
        "from __future__ import annotations\nfrom acme import money\n\n\n"
        "def handler(e, c: money.to_text) -> money.to_text: ...\n",
        MONEY_1,
        MONEY_2,
    ),
    "annotation of a local": (
        "from acme import money\n\n\ndef handler(e, c):\n    x: money.to_text = 1\n",
        MONEY_1,
        MONEY_2,
    ),
    "shadowed by a parameter": (
        "from acme import money\n\n\ndef handler(money, c):\n    return money.to_text\n",
        MONEY_1,
        MONEY_2,
    ),
    "shadowed by a local": (
        "from acme import money\n\n\ndef handler(e, c):\n    money = e\n    return money.to_text\n",
        MONEY_1,
        MONEY_2,
    ),
    "rebound from a call": (
        "import importlib\nfrom acme import money\nmoney = importlib.reload(money)\n"
        "shown = money.to_text\n",
        MONEY_1,
        MONEY_2,
    ),
    "attribute of an instance": (
        "from acme.money import Order\nshown = Order.to_text\nother = Order().add\n",
        {"acme/__init__.py": "", "acme/money.py": "class Order:\n    to_text = 1\n"},
        {"acme/__init__.py": "", "acme/money.py": "class Order: ...\n"},
    ),
    "set by the code itself": (
        "from acme import money\nmoney.to_text = str\nshown = money.to_text\n",
        MONEY_1,
        MONEY_2,
    ),
    "made by the code itself": (
        "import sys, types\nsys.modules['acme.extra'] = types.ModuleType('acme.extra')\n"
        "import acme.extra\n",
        MONEY_1,
        MONEY_2,
    ),
    "import hook": (
        "import sys\nsys.meta_path.append(object())\nimport acme\n",
        MONEY_1,
        {"other.py": ""},
    ),
    "vendored and put on sys.path": (
        {
            "app.py": "import os, sys\n"
            "sys.path.insert(0, os.path.join(os.path.dirname(__file__), 'vendor'))\nimport acme\n",
            "vendor/acme/__init__.py": "",
        },
        MONEY_1,
        {"other.py": ""},
    ),
    "a script beside the handler": (
        {"app.py": "def handler(e, c): ...\n", "migrate.py": USE, "tests/test_app.py": USE},
        MONEY_1,
        MONEY_2,
    ),
    "comments and strings": (
        "# import acme.extra\n'''\nimport acme.extra\n'''\n",
        MONEY_1,
        MONEY_2,
    ),
    "what boto3 brings": (
        "import boto3, botocore.exceptions, urllib3.util, dateutil.tz, six.moves\n"
        "from botocore.exceptions import Nothing\nclient = boto3.nothing\n",
        {"boto3/__init__.py": "nothing = 1\n", "botocore/exceptions.py": "Nothing = 1\n"},
        {},
    ),
    "distutils that setuptools brings": (
        "import distutils.util\n",
        {"setuptools/__init__.py": "", "distutils/util.py": ""},
        {"setuptools/__init__.py": ""},
    ),
    "dunder attributes": (
        "import acme\nshown = acme.__version__, acme.__name__, acme.__dict__\n",
        {"acme/__init__.py": "__version__ = '1'\n"},
        {"acme/__init__.py": ""},
    ),
    "a module that a layer's package imports only where it is there": (
        "import acme\n",
        {"acme/__init__.py": "try:\n    import fast\nexcept ImportError:\n    fast = None\n",
         "fast.py": ""},
        {"acme/__init__.py": "try:\n    import fast\nexcept ImportError:\n    fast = None\n"},
    ),
    "an import in a docstring of a layer's package": (
        "import acme\n",
        {"acme/__init__.py": "'''\nimport fast\n'''\n", "fast.py": ""},
        {"acme/__init__.py": "'''\nimport fast\n'''\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TRAPS)
def test_no_false_alarm(workbench: Workbench, case: str) -> None:
    code, old, new = TRAPS[case]

    judgement = workbench.rollback(code, old, new)

    assert [finding.message for finding in judgement.findings] == []
    assert [warning.message for warning in judgement.warnings] == []


@pytest.mark.parametrize("case", TRAPS)
def test_no_false_alarm_by_alias(workbench: Workbench, case: str) -> None:
    code, old, new = TRAPS[case]

    judgement = workbench.rollback(code, old, new, strategy=Strategy.ALIAS)

    assert [finding.message for finding in judgement.findings] == []


# --- what is likely -------------------------------------------------------------------------

WARNED = {
    "optional module": (
        "try:\n    import acme.extra\nexcept ImportError:\n    acme = None\n",
        ("optional-module", "app.py:2"),
    ),
    "optional name": (
        "import contextlib\nwith contextlib.suppress(ImportError):\n"
        "    from acme.money import to_text\n",
        ("optional-name", "app.py:3"),
    ),
    "guarded by hasattr": (
        "from acme import money\nshow = money.to_text if hasattr(money, 'to_text') else str\n",
        ("optional-name", "app.py:2"),
    ),
    "guarded by find_spec": (
        "import importlib.util\nif importlib.util.find_spec('acme.extra'):\n"
        "    import acme.extra\n",
        ("optional-module", "app.py:3"),
    ),
    "guarded by a flag": (
        "try:\n    import acme.extra\n    HAS_EXTRA = True\nexcept ImportError:\n"
        "    HAS_EXTRA = False\n\n\ndef handler(e, c):\n    if not HAS_EXTRA:\n        return 1\n"
        "    from acme.extra import VALUE\n    return VALUE\n",
        ("optional-module", "app.py:2"),
    ),
    "broad alternative": (
        "from acme import money\n\n\ndef handler(e, c):\n"
        "    try:\n        text = money.to_text(1)\n"
        "    except Exception:\n        text = '1'\n    return text\n",
        ("optional-name", "app.py:6"),
    ),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_the_code_can_do_without_is_a_warning(workbench: Workbench, case: str) -> None:
    code, expected = WARNED[case]

    judgement = workbench.rollback(code, MONEY_1, MONEY_2)

    assert judgement.findings == ()
    assert warned(judgement) == [expected]
    assert judgement.warnings[0].message.endswith("it takes its fallback")


# --- alias ----------------------------------------------------------------------------------


def test_by_alias_a_module_that_never_loaded_is_a_finding(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        "from acme.money import to_text\n", MONEY_2, MONEY_1, strategy=Strategy.ALIAS
    )

    (finding,) = judgement.findings
    assert finding.message == (
        "orders:2 by alias imports to_text from acme.money (app.py:1), which layer shared 1 does"
        " not offer; shared 2 does"
    )
    assert finding.cause == Cause(layer="shared", current_version="2", target_version="1")


@pytest.mark.parametrize(
    "code",
    ["import os\nif os.environ.get('X'):\n    import acme.extra\n"],
)
def test_by_alias_what_may_never_run_is_a_warning(workbench: Workbench, code: str) -> None:
    judgement = workbench.rollback(code, MONEY_2, MONEY_1, strategy=Strategy.ALIAS)

    assert judgement.findings == ()
    assert [kind for kind, _ in warned(judgement)] == ["missing-module"]


@pytest.mark.parametrize("case", BREAKS)
def test_by_alias_the_target_runs_on_what_it_was_built_for(workbench: Workbench, case: str) -> None:
    judgement = workbench.rollback(BREAKS[case][0], MONEY_1, MONEY_2, strategy=Strategy.ALIAS)

    assert (judgement.findings, judgement.warnings) == ((), ())


NEITHER = "def load():\n    import never_there\n"

NEITHER_TRAPS: dict[str, Files] = {
    "library without metadata": {
        "app.py": "import flask\n",
        "flask/__init__.py": "from . import cli\n",
        "flask/cli.py": NEITHER,
    },
    "library with metadata": {
        "app.py": "import flask\n",
        "flask.py": NEITHER,
        **installed("Flask", "3.0", "flask"),
    },
    "mounted file system": {
        "app.py": f"import sys\nsys.path.append('/mnt/models')\n{NEITHER}",
    },
    "module of the running program": {"app.py": "def load():\n    import __main__\n"},
}


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("case", NEITHER_TRAPS)
def test_what_neither_stack_has_may_not_be_needed(
    workbench: Workbench, case: str, strategy: Strategy
) -> None:
    judgement = workbench.rollback(NEITHER_TRAPS[case], MONEY_1, MONEY_2, strategy=strategy)

    assert [finding.message for finding in judgement.findings] == []


# --- what cannot be judged ------------------------------------------------------------------


@pytest.mark.parametrize("strategy", Strategy)
def test_a_runtime_that_is_not_python_is_said(workbench: Workbench, strategy: Strategy) -> None:
    judgement = workbench.rollback(
        "import nowhere\n", {}, {}, strategy=strategy, current_runtime="nodejs22.x"
    )

    assert (judgement.findings, judgement.warnings) == ((), ())
    assert judgement.notes == ("imports are not checked, because nodejs22.x is no Python runtime",)
