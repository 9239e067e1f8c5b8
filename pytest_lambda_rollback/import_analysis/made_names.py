"""Names that a module makes through its own table of names.

``globals()``, ``locals()`` and ``vars()`` at the top, and ``sys.modules[__name__]``, are such
tables. Only the names that a use of one may make are unknown: a literal key is one name, a loop
over a literal list makes the names in it, an f-string makes those of its pattern, and reading
makes none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pytest_lambda_rollback.import_analysis.known_values import dotted

_READERS = frozenset({"copy", "get", "items", "keys", "values"})
_COPIERS = frozenset(
    {"dict", "dir", "enumerate", "frozenset", "getattr", "hasattr", "id", "isinstance", "iter"}
    | {"len", "list", "map", "filter", "repr", "set", "sorted", "str", "tuple", "type", "eval"}
)
"""Functions that only look at what they get."""

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(slots=True)
class MadeNames:
    """The names that a module may make, as regular expressions; all of them with ``any``."""

    any: bool = False
    patterns: set[str] = field(default_factory=set)

    def add(self, patterns: frozenset[str] | None) -> None:
        """Add some names; ``None`` stands for any."""
        if patterns is None:
            self.any = True
        else:
            self.patterns |= patterns


def made_names(tree: ast.Module, literals: Mapping[str, frozenset[str]]) -> MadeNames:
    """Read all uses of the module's table. ``literals`` are names with literal tables of texts."""
    return _Uses(tree, literals).read()


class _Uses:
    def __init__(self, tree: ast.Module, literals: Mapping[str, frozenset[str]]) -> None:
        self._tree = tree
        self._literals = literals
        self._parents: dict[ast.AST, ast.AST] = {}
        self._top: set[ast.AST] = set()
        pending: list[tuple[ast.AST, bool]] = [(tree, True)]
        while pending:
            node, top = pending.pop()
            if top:
                self._top.add(node)
            inner = top and not isinstance(node, _SCOPES)
            for child in ast.iter_child_nodes(node):
                self._parents[child] = node
                pending.append((child, inner))
        self._made = MadeNames()

    def read(self) -> MadeNames:
        aliases: dict[str, str] = {}
        seen: set[ast.AST] = set()
        for _ in range(3):  # an alias of an alias, and no more
            known = len(aliases)
            for node in self._parents:
                kind = self._kind(node, aliases)
                if kind is not None and node not in seen:
                    seen.add(node)
                    self._use(node, kind, aliases)
            if len(aliases) == known:
                break
        return self._made

    def _kind(self, node: ast.AST, aliases: Mapping[str, str]) -> str | None:
        """``table`` or ``module`` for an expression that is the module's own."""
        match node:
            case ast.Call(func=func, args=[]):
                name = dotted(func)
                if name == "globals" or (name in {"locals", "vars"} and node in self._top):
                    return "table"
            case ast.Call(func=ast.Name(id="vars"), args=[subject]):
                return "table" if self._kind(subject, aliases) == "module" else None
            case ast.Attribute(value=subject, attr="__dict__"):
                return "table" if self._kind(subject, aliases) == "module" else None
            case ast.Subscript(value=table, slice=ast.Name(id="__name__"), ctx=ast.Load()):
                return "module" if dotted(table) in {"sys.modules", "modules"} else None
            case ast.Call(func=func, args=[ast.Name(id="__name__")]):
                return "module" if (dotted(func) or "").endswith("import_module") else None
            case ast.Name(id=name, ctx=ast.Load()):
                return aliases.get(name)
        return None

    def _use(self, node: ast.AST, kind: str, aliases: dict[str, str]) -> None:
        parent = self._parents[node]
        match parent:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if value is node:
                aliases[name] = kind
            case ast.Expr() | ast.Compare() | ast.comprehension() | ast.For(iter=ast.expr()):
                pass
            case ast.If() | ast.IfExp() | ast.BoolOp() | ast.keyword(arg=None) | ast.Dict():
                pass
            case ast.Subscript(value=value, slice=key, ctx=context) if value is node:
                if kind == "table" and isinstance(context, ast.Store):
                    self._made.add(self.texts(key))
            case ast.Attribute(value=value, attr=attribute, ctx=context) if value is node:
                if kind == "table":
                    self._method(parent, attribute)
                elif isinstance(context, ast.Store):
                    self._made.add(None if attribute == "__class__" else _plain(attribute))
            case ast.Call(func=func, args=arguments) if func is not node:
                self._call(dotted(func) or "", arguments, kind)
            case _:
                self._made.add(None)

    def _call(self, name: str, arguments: list[ast.expr], kind: str) -> None:
        if kind == "module" and name in {"setattr", "delattr"} and len(arguments) > 1:
            self._made.add(self.texts(arguments[1]))
        elif name not in _COPIERS and not (kind == "module" and name == "vars"):
            self._made.add(None)

    def _method(self, node: ast.Attribute, method: str) -> None:
        if method in _READERS or method in {"pop", "__getitem__", "__contains__"}:
            return
        call = self._parents[node]
        if not isinstance(call, ast.Call):
            self._made.add(None)
            return
        self._made.add(_plain(*(keyword.arg for keyword in call.keywords if keyword.arg)))
        if any(keyword.arg is None for keyword in call.keywords):
            self._made.add(None)
        if method in {"setdefault", "__setitem__"} and call.args:
            self._made.add(self.texts(call.args[0]))
        elif method == "update":
            for argument in call.args:
                self._made.add(self._keys(argument))
        else:
            self._made.add(None)

    def _keys(self, node: ast.expr) -> frozenset[str] | None:
        match node:
            case ast.Dict(keys=keys):
                parts = [self.texts(key) if key is not None else None for key in keys]
            case ast.DictComp(key=key):
                parts = [self.texts(key)]
            case ast.Name(id=name):
                parts = [self._literal(name)]
            case ast.Call(func=ast.Name(id="dict"), args=[], keywords=keywords):
                parts = [_plain(k.arg) if k.arg else None for k in keywords]
            case _:
                return None
        known = [part for part in parts if part is not None]
        return frozenset[str]().union(*known) if len(known) == len(parts) else None

    def _literal(self, name: str) -> frozenset[str] | None:
        literal = self._literals.get(name)
        return None if literal is None else _plain(*literal)

    # --- keys --------------------------------------------------------------------------------

    def texts(self, node: ast.expr) -> frozenset[str] | None:
        """Regular expressions for what a key may be; ``None`` for anything."""
        match node:
            case ast.Constant(value=str(text)):
                return _plain(text)
            case ast.JoinedStr(values=values):
                return _pattern([v.value if isinstance(v, ast.Constant) else None for v in values])
            case ast.BinOp(
                left=ast.Constant(value=str(one)), op=ast.Add(), right=ast.Constant(value=str(two))
            ):
                return _plain(one + two)
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add()):
                return _pattern([text, None])
            case ast.BinOp(op=ast.Add(), right=ast.Constant(value=str(text))):
                return _pattern([None, text])
            case ast.Name(id=name):
                return self._looped(name, node)
        return None

    def _looped(self, name: str, node: ast.AST) -> frozenset[str] | None:
        """The values of a loop's variable, where it runs over something literal."""
        here: ast.AST | None = node
        while here is not None:
            for target, over in _loops(here):
                first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
                if isinstance(first, ast.Name) and first.id == name:
                    return self._elements(over, pairs=first is not target)
            here = self._parents.get(here)
        return None

    def _elements(self, over: ast.expr, *, pairs: bool) -> frozenset[str] | None:
        match over:
            case ast.Name(id=name):
                return None if pairs else self._literal(name)
            case ast.Call(func=ast.Attribute(value=table, attr="items"), args=[]) if pairs:
                return self._keys(table)
            case ast.Call(func=ast.Attribute(value=table, attr="keys"), args=[]) if not pairs:
                return self._keys(table)
            case ast.Call(func=ast.Name(id="sorted" | "list" | "set"), args=[inner]):
                return self._elements(inner, pairs=pairs)
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                keys = [
                    each.elts[0] if pairs and isinstance(each, ast.Tuple) and each.elts else each
                    for each in elements
                ]
                texts = [self.texts(key) for key in keys]
                known = [text for text in texts if text is not None]
                return frozenset[str]().union(*known) if len(known) == len(texts) else None
        return None


def _loops(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    match node:
        case ast.For(target=target, iter=over):
            yield target, over
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            for generator in node.generators:
                yield generator.target, generator.iter


def _plain(*texts: str) -> frozenset[str]:
    return frozenset(re.escape(text) for text in texts)


def _pattern(parts: list[object]) -> frozenset[str] | None:
    if not any(isinstance(part, str) and part for part in parts):
        return None
    return frozenset({"".join(re.escape(p) if isinstance(p, str) else ".*" for p in parts)})
