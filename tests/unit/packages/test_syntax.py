"""Syntax trees that several threads make at the same time."""

from __future__ import annotations

import ast
import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_lambda_rollback.packages import syntax

SOURCE = "x = f(a, [b, (c, {d: -e})])\n" * 300


@pytest.fixture
def collecting_often() -> Iterator[None]:
    """The garbage collector lets other threads run, as finalizers in Python do."""

    def rest(phase: str, info: dict[str, int]) -> None:
        time.sleep(0)

    before = gc.get_threshold()
    gc.callbacks.append(rest)
    gc.set_threshold(20)
    yield
    gc.set_threshold(*before)
    gc.callbacks.remove(rest)


def test_threads_do_not_meet(collecting_often: None) -> None:
    expected = ast.dump(syntax.parse(SOURCE))

    def parsed(indent: int) -> bool:
        inner = "if x:\n" + "".join(f"{' ' * each}if x:\n" for each in range(1, indent))
        syntax.parse(f"{inner}{' ' * indent}pass")
        return ast.dump(syntax.parse(SOURCE)) == expected

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(parsed, range(1, 40)))
    assert gc.isenabled()


@pytest.mark.parametrize("source", ["x = (", "\0", b"# coding: none\n"])
def test_what_is_no_python_stays_so(source: str | bytes) -> None:
    with pytest.raises((SyntaxError, ValueError)):
        syntax.parse(source)
    assert gc.isenabled()


def test_a_step_that_met_another_thread_is_taken_again() -> None:
    left = [SystemError("AST constructor recursion depth mismatch (before=36, after=66)")] * 2

    def step() -> str:
        if left:
            raise left.pop()
        return "made"

    assert syntax.tried_again(step) == "made"


def test_a_step_that_never_succeeds_ends() -> None:
    def step() -> None:
        raise SystemError("another")

    with pytest.raises(SystemError, match="another"):
        syntax.tried_again(step)
