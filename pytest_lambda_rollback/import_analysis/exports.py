"""What a module says it exports: its ``__all__``, where that can be read. Pure."""

from __future__ import annotations

import ast


def exported_names(tree: ast.Module, names: frozenset[str]) -> tuple[tuple[str, ...] | None, bool]:
    """A literal ``__all__``, and whether there is one that cannot be read."""
    if "__all__" not in names:
        return None, False
    exported: list[str] = []
    read = 0
    for node in ast.walk(tree):
        match node:
            case ast.Name(id="__all__", ctx=ast.Load()):
                read += 1
            case ast.Attribute(value=ast.Name(id="__all__"), attr=attribute):
                if attribute not in {"count", "copy", "index"}:
                    return None, True
    stored = sum(isinstance(node, ast.Name) and node.id == "__all__" for node in ast.walk(tree))
    stored -= read
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AugAssign(target=ast.Name(id="__all__"), op=ast.Add(), value=value)
                | ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.expr() as value)
            ):
                literal = _strings(value)
                if literal is None:
                    return None, True
                exported += literal
                stored -= 1
    return (tuple(exported), False) if exported and not stored else (None, True)


def _strings(node: ast.expr) -> list[str] | None:
    if not isinstance(node, ast.List | ast.Tuple):
        return None
    values = [e.value if isinstance(e, ast.Constant) else None for e in node.elts]
    texts = [value for value in values if isinstance(value, str)]
    return texts if len(texts) == len(values) else None
