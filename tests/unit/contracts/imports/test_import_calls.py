from __future__ import annotations

import sys
from pathlib import Path

import pytest

from helpers.made_sources import Files, Workbench, installed
from helpers.subjects import said
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.findings import Judgement


@pytest.fixture
def workbench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def found(judgement: Judgement) -> list[tuple[str, str | None]]:
    return [(finding.kind, finding.location) for finding in judgement.findings]


def warned(judgement: Judgement) -> set[str]:
    return {warning.kind for warning in judgement.warnings}


def shared(source: str) -> Files:
    return {
        "acme/__init__.py": "from .core import *\n",
        "acme/core.py": source,
        "base.py": "class B: ...\n",
        "deco.py": "def inject(function): ...\n",
    }


CALLS: dict[str, tuple[str, str, str, str | None]] = {
    # call, old definition, new definition, kind of the finding
    "keyword removed": (
        "f(1, verify=False)",
        "def f(a, verify=True): ...",
        "def f(a): ...",
        "unknown-argument",
    ),
    "keyword renamed": (
        "f(1, verify=False)",
        "def f(a, verify=True): ...",
        "def f(a, check=True): ...",
        "unknown-argument",
    ),
    "too many by place": (
        "f(1, 2)",
        "def f(a, b=1): ...",
        "def f(a, *, b=1): ...",
        "too-many-arguments",
    ),
    "new required": ("f(1)", "def f(a): ...", "def f(a, b): ...", "missing-argument"),
    "new required keyword": ("f(1)", "def f(a): ...", "def f(a, *, b): ...", "missing-argument"),
    "became positional only": ("f(a=1)", "def f(a): ...", "def f(a, /): ...", "unknown-argument"),
    "class": (
        "f(1, 2)",
        "class f:\n    def __init__(self, a, b): ...",
        "class f:\n    def __init__(self, a): ...",
        "too-many-arguments",
    ),
    "exception class": (
        "f('x', code=1)",
        "class f(Exception):\n    def __init__(self, m, code): ...",
        "class f(Exception):\n    def __init__(self, m): ...",
        "unknown-argument",
    ),
    "dataclass": (
        "f(amount=1)",
        "from dataclasses import dataclass\n@dataclass\nclass f:\n    amount: int",
        "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass f:\n    cents: int",
        "unknown-argument",
    ),
    "became a coroutine function": (
        "f(1)",
        "def f(a): ...",
        "async def f(a): ...",
        "became-async",
    ),
    "through an alias in the package": (
        "f(1, verify=False)",
        "def g(a, verify=True): ...\nf = g",
        "def g(a): ...\nf = g",
        "unknown-argument",
    ),
    "awaited before and now": ("f(1)", "async def f(a): ...", "async def f(a, b=1): ...", None),
    "keyword still taken by kwargs": (
        "f(1, verify=False)",
        "def f(a, verify=True): ...",
        "def f(a, **kw): ...",
        None,
    ),
    "removed parameter that is not passed": ("f(1)", "def f(a, b=1): ...", "def f(a): ...", None),
    "new optional": ("f(1)", "def f(a): ...", "def f(a, b=None): ...", None),
    "arguments unpacked": ("f(*x, **y)", "def f(a): ...", "def f(a, b): ...", None),
    "decorated": ("f(1)", "def f(a): ...", "import deco\n@deco.inject\ndef f(a, b): ...", None),
    "defined twice": (
        "f(1)",
        "def f(a): ...",
        "try:\n    def f(a, b): ...\nexcept Exception:\n    def f(a): ...",
        None,
    ),
    "class with a metaclass": (
        "f(1)",
        "class f:\n    def __init__(self, a): ...",
        "class f(metaclass=M):\n    def __init__(self, a, b): ...",
        None,
    ),
    "class with an unknown base": (
        "f(1)",
        "class f:\n    def __init__(self, a): ...",
        "from base import B\nclass f(B):\n    def __init__(self, a, b): ...",
        None,
    ),
    "class with new": (
        "f(1)",
        "class f:\n    def __init__(self, a): ...",
        "class f:\n    def __new__(cls, *a): ...\n    def __init__(self, a, b): ...",
        None,
    ),
    "unfit before as well": ("f(1)", "def f(a, b): ...", "def f(a, b, c): ...", None),
    "function that became an object": ("f(1)", "def f(a): ...", "f = make(1)", None),
    "name bound again": ("f(1)", "def f(a): ...", "def f(a, b): ...\nf = wrap(f)", None),
    "positional only keeps its place": ("f(1)", "def f(a): ...", "def f(a, /): ...", None),
}

CALLERS = {
    "name": "from acme import f\n\n\ndef handler(e, c):\n    return {call}\n",
    "attribute": "import acme\n\n\ndef handler(e, c):\n    return acme.{call}\n",
    "submodule": "import acme.core as m\n\n\ndef handler(e, c):\n    return m.{call}\n",
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("case", CALLS)
def test_calls_that_certainly_raise_are_found(workbench: Workbench, case: str, caller: str) -> None:
    call, old, new, kind = CALLS[case]

    judgement = workbench.rollback(
        CALLERS[caller].format(call=call), shared(f"{old}\n"), shared(f"{new}\n")
    )

    assert found(judgement) == ([(kind, "app.py:5")] if kind else [])


def test_a_call_through_an_alias_of_the_code_is_judged(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        "import acme\n\nrun = acme.f\n\n\ndef handler(e, c):\n    return run(1, verify=False)\n",
        shared("def f(a, verify=True): ...\n"),
        shared("def f(a): ...\n"),
    )

    assert found(judgement) == [("unknown-argument", "app.py:7")]


def test_what_runs_a_coroutine_may_get_one(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        "import asyncio\nimport acme\n\n\ndef handler(e, c):\n    return asyncio.run(acme.f(1))\n",
        shared("def f(a): return later(a)\n"),
        shared("async def f(a): ...\n"),
    )

    assert found(judgement) == []


def test_a_call_is_told_in_words(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        "import acme\n\n\ndef handler(e, c):\n    return acme.f(1, verify=False)\n",
        {**shared("def f(a, verify=True): ...\n"), **installed("Acme", "1.7.1", "acme")},
        {**shared("def f(a): ...\n"), **installed("Acme", "2.8.0", "acme")},
    )

    (finding,) = judgement.findings
    assert said(finding) == (
        "orders:2 by redeploy calls acme.f() (app.py:5), which in layer shared 2 (Acme 2.8.0) does"
        " not take verify=; it was written for layer shared 1 (Acme 1.7.1)"
    )
    assert finding.cause == Cause(
        layer="shared", distribution="Acme", current_version="2.8.0", target_version="1.7.1"
    )


LIKELY = {
    "default": ("f(1)", "def f(a, b=1): ...", "def f(a, b=2): ...", "parameter-changed-default"),
    "moved": ("f(1, 2)", "def f(a, b): ...", "def f(b, a): ...", "parameter-moved"),
    "return": ("f(1)", "def f(a) -> bytes: ...", "def f(a) -> str: ...", "return-changed-type"),
}


@pytest.mark.parametrize("case", LIKELY)
def test_changes_that_may_matter_are_warnings(workbench: Workbench, case: str) -> None:
    call, old, new, kind = LIKELY[case]

    judgement = workbench.rollback(
        f"from acme import f\nx = {call}\n", shared(f"{old}\n"), shared(f"{new}\n")
    )

    assert judgement.findings == ()
    assert warned(judgement) == {kind}


def test_a_changed_default_of_what_is_passed_does_not_matter(workbench: Workbench) -> None:
    judgement = workbench.rollback(
        "from acme import f\nx = f(1, b=3)\n",
        shared("def f(a, b=1): ...\n"),
        shared("def f(a, b=2): ...\n"),
    )

    assert (judgement.findings, judgement.warnings) == ((), ())


def test_an_unchanged_pair_is_not_compared_again(
    workbench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sides = (shared("def f(a): ...\n"), shared("def f(a, b): ...\n"))
    first = workbench.rollback("from acme import f\nx = f(1)\n", *sides)
    monkeypatch.setitem(sys.modules, "griffe", None)

    assert workbench.rollback("from acme import f\nx = f(1)\n", *sides) == first
    assert found(first) == [("missing-argument", "app.py:2")]
