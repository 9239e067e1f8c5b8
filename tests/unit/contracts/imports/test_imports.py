from __future__ import annotations

from pathlib import Path

import pytest

from helpers.made_sources import MONEY_1, MONEY_2, Files, Workbench, in_python, installed
from helpers.subjects import noted, said
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.findings import Contract, Judgement
from pytest_lambda_rollback.model.settings import Strategy


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def found(judgement: Judgement) -> list[tuple[str, str | None]]:
    return [(finding.kind, finding.location) for finding in judgement.findings]


def warned(judgement: Judgement) -> list[tuple[str, str | None]]:
    return [(warning.kind, warning.location) for warning in judgement.warnings]


# --- what is found --------------------------------------------------------------------------

LAYER_1 = {"shared 1": in_python(MONEY_1)}


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
    assert said(finding) == (
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
    assert said(finding) == (
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

    assert said(finding) == (
        "orders:2 by redeploy imports acme (app.py:1), which no layer of orders:4 offers;"
        " money 1 did"
    )
    assert finding.cause == Cause(layer="money", target_version="1")


def test_a_package_of_the_code_that_a_layer_hides_is_told_as_the_codes(
    workbench: Workbench,
) -> None:
    """A regular package in a layer ends the search for the parts of a namespace package."""
    rpc = {"google/rpc/code.py": "", **installed("common-protos", "1.66.0", "google/rpc")}
    code = {"app.py": "from google.rpc import code\n", **rpc}
    proto = {"python/google/protobuf.py": ""}
    target = workbench.version("2", code, {"rpc 1": proto})
    current = workbench.version(
        "4", {"app.py": ""}, {"rpc 2": {**proto, "python/google/__init__.py": ""}}
    )
    (finding,) = workbench.judge(target, current, Strategy.REDEPLOY).findings
    assert said(finding) == (
        "orders:2 by redeploy imports google.rpc (app.py:1), which layer rpc 2 does not offer; "
        "the code's own package (common-protos 1.66.0) did"
    )
    assert finding.cause == Cause(layer="rpc")


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
    assert "(part.py:1 and 2 more)" in said(finding)


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
    assert "imports acme.tokens (app.py:2), which needs jot.encode in acme.tokens" in said(finding)
    assert "(/opt/python/acme/tokens.py:1)" in said(finding)


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
    assert thing in said(finding)
    assert said(finding).endswith("which Python 3.13 does not have; Python 3.11 did")
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


# --- alias ----------------------------------------------------------------------------------


def test_by_alias_a_module_that_never_loaded_is_a_finding(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        "from acme.money import to_text\n", MONEY_2, MONEY_1, strategy=Strategy.ALIAS
    )

    (finding,) = judgement.findings
    assert said(finding) == (
        "orders:2 by alias imports to_text from acme.money (app.py:1), which layer shared 1 does"
        " not offer; shared 2 does"
    )
    assert finding.cause == Cause(layer="shared", current_version="2", target_version="1")


@pytest.mark.parametrize(
    "code",
    ["import os\nif os.path.exists('/opt/x'):\n    import acme.extra\n"],
)
def test_by_alias_what_may_never_run_is_a_warning(workbench: Workbench, code: str) -> None:
    judgement = workbench.rollback(code, MONEY_2, MONEY_1, strategy=Strategy.ALIAS)

    assert judgement.findings == ()
    assert [kind for kind, _ in warned(judgement)] == ["missing-module"]


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

    assert [said(finding) for finding in judgement.findings] == []


# --- what cannot be judged ------------------------------------------------------------------


@pytest.mark.parametrize("strategy", Strategy)
def test_a_runtime_that_is_not_python_is_said(workbench: Workbench, strategy: Strategy) -> None:
    judgement = workbench.rollback(
        "import nowhere\n", {}, {}, strategy=strategy, current_runtime="nodejs22.x"
    )

    assert (judgement.findings, judgement.warnings) == ((), ())
    (note,) = noted(judgement)
    assert note == "imports are not checked because nodejs22.x is not a Python runtime"


# --- what cannot be known -------------------------------------------------------------------

DYNAMIC: Files = {
    "acme/__init__.py": "",
    "acme/money.py": "def add(a, b): ...\n\n\ndef __getattr__(name):\n    return load(name)\n",
}


def test_uses_that_nobody_can_check_are_counted(workbench: Workbench) -> None:
    code = (
        "from acme.money import add, to_text\nimport acme.money\n\n\n"
        "def handler(e, c):\n    return acme.money.sub(1)\n"
    )
    old = {**MONEY_1, **installed("acme", "1.0", "acme")}
    new = {**DYNAMIC, **installed("acme", "2.0", "acme")}

    judgement = workbench.rollback(code, old, new)

    assert judgement.findings == ()
    assert noted(judgement) == (
        "2 uses of acme could not be checked: its source does not show all of its names",
    )


def test_the_same_distribution_on_both_sides_needs_no_note(workbench: Workbench) -> None:
    files = {**DYNAMIC, **installed("acme", "2.0", "acme")}

    judgement = workbench.rollback("from acme.money import to_text\n", files, files)

    assert (judgement.findings, judgement.notes) == ((), ())
