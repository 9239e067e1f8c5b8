"""One definition cut out of a source, with no more than what tells how it can be called. Pure.

A module may have ten thousand lines, and only one function of it is called.
"""

from __future__ import annotations

import ast

from pytest_lambda_rollback.import_analysis.conditions import dotted
from pytest_lambda_rollback.import_analysis.scopes import Binder, Scope

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def definition_outline(source: bytes, name: str) -> str | None:
    """The imports of a module, one definition and its base classes, without bodies.

    ``None`` where it is not certain which statement defines it, or what a class does when it is
    called. Raises SyntaxError and ValueError.
    """
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not _is_overload(node)]
    scope = Scope(kind="module")
    # Any Python will do: a definition for one Python alone is in a branch, hence not at the top.
    Binder(module="module", is_package=False, python=(0, 0)).bind_body(tree.body, scope)
    definitions = {
        node.name: node
        for node in tree.body
        if isinstance(node, _Definition)
        and len(scope.bindings[node.name]) == 1
        and node.name not in scope.maybe
    }
    if name not in definitions:
        return None
    wanted = [name]
    for each in wanted:  # grows by the base classes
        node = definitions[each]
        if not isinstance(node, ast.ClassDef):
            continue
        if node.keywords:
            return None  # a metaclass, or what __init_subclass__ does
        for base in node.bases:
            inner = dotted(base.value if isinstance(base, ast.Subscript) else base)
            if inner in definitions and inner not in wanted:
                wanted.append(inner)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    kept = [_without_body(definitions[each]) for each in reversed(wanted)]
    return ast.unparse(ast.Module(body=[*imports, *kept], type_ignores=[]))


def _is_overload(node: ast.stmt) -> bool:
    """True for a signature that is for type checkers alone."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        dotted(decorator) in {"overload", "typing.overload"} for decorator in node.decorator_list
    )


def _without_body(node: _Definition) -> _Definition:
    nothing: list[ast.stmt] = [ast.Expr(ast.Constant(...))]
    if not isinstance(node, ast.ClassDef):
        node.body = nothing
        return node
    kept: list[ast.stmt] = []
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            if statement.name in {"__init__", "__new__"}:
                statement.body = nothing
                kept.append(statement)
        elif not isinstance(statement, ast.Expr | ast.ClassDef):
            kept.append(statement)
    node.body = kept or nothing
    return node
