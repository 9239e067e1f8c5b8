"""Python source as a syntax tree, from several threads.

CPython keeps the depth of the tree that it makes once for all threads, and raises SystemError
("AST constructor recursion depth mismatch") where another thread made one meanwhile:
https://github.com/python/cpython/issues/106905. pytest makes such trees too, of modules of plugins
that are imported.
"""

from __future__ import annotations

import ast
import gc
import threading
from collections.abc import Callable
from typing import TypeVar

_TRIES = 5
_turn = threading.Lock()

_T = TypeVar("_T")


def parse(source: str | bytes) -> ast.Module:
    """As ``ast.parse``, whose errors it raises: SyntaxError, ValueError, RecursionError.

    Threads take turns, and nothing lets another one run meanwhile, as the garbage collector would.
    """
    with _turn:
        collects = gc.isenabled()
        gc.disable()
        try:
            return tried_again(lambda: ast.parse(source))
        finally:
            if collects:
                gc.enable()


def tried_again(step: Callable[[], _T]) -> _T:
    """What a step gives that makes syntax trees without a turn, such as one that imports modules.

    It is taken again where it met another thread, so it must be one that can be.
    """
    for _ in range(_TRIES - 1):
        try:
            return step()
        except SystemError:
            continue
    return step()
