"""Python source as a syntax tree, from several threads."""

from __future__ import annotations

import ast
import gc
import threading

_TRIES = 3
_turn = threading.Lock()


def parse(source: str | bytes) -> ast.Module:
    """As ``ast.parse``, whose errors it raises: SyntaxError, ValueError, RecursionError.

    CPython keeps the depth of the tree that it makes once for all threads, and raises SystemError
    ("AST constructor recursion depth mismatch") where another thread made one meanwhile:
    https://github.com/python/cpython/issues/106905. Threads take turns here, and nothing lets
    another one run, as the garbage collector would; a thread that did not ask here is waited out.
    """
    with _turn:
        collects = gc.isenabled()
        gc.disable()
        try:
            for _ in range(_TRIES - 1):
                try:
                    return ast.parse(source)
                except SystemError:
                    continue
            return ast.parse(source)
        finally:
            if collects:
                gc.enable()
