"""Which module ``importlib.import_module(…)`` names, as far as its argument says. Pure."""

from __future__ import annotations

import ast
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Named:
    """What one call names; both empty where the argument says nothing."""

    module: str = ""
    """A module by its whole name."""
    package: str = ""
    """A package of which some module is imported."""


def computed_import(node: ast.Call, *, module: str, is_package: bool) -> Named:
    """Read the first argument of a call in ``module``, which has at least one."""
    own = module if is_package else module.rpartition(".")[0]
    match node.args[0]:
        case ast.Constant(value=str(name)) if name and not name.startswith("."):
            return Named(module=name)
        case ast.Constant(value=str(name)) if name.strip("."):
            return Named(module=_relative(name, _anchor(node, module=module, package=own)))
        case ast.JoinedStr(values=[ast.Constant(value=str(prefix)), *_]):
            return Named(package=_package(prefix, own))
        case ast.BinOp(left=ast.Constant(value=str(prefix)), op=ast.Add() | ast.Mod()):
            return Named(package=_package(prefix.partition("%")[0], own))
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return Named(package=_package(text.partition("{")[0], own))
    return Named()


def _relative(name: str, anchor: str) -> str:
    level = len(name) - len(name.lstrip("."))
    parts = anchor.split(".") if anchor else []
    if len(parts) < level:
        return ""
    return ".".join([*parts[: len(parts) - level + 1], name[level:]])


def _anchor(node: ast.Call, *, module: str, package: str) -> str:
    """The package that a relative name begins at; empty where it is computed."""
    given = [*node.args[1:], *(k.value for k in node.keywords if k.arg == "package")]
    match given[:1]:
        case [ast.Constant(value=str(anchor))]:
            return anchor
        case [ast.Name(id="__package__")]:
            return package
        case [ast.Name(id="__name__")]:
            return module
    return ""


def _package(prefix: str, own: str) -> str:
    package = prefix.lstrip(".").rpartition(".")[0]
    return ".".join(filter(None, (own, package))) if prefix.startswith(".") else package
