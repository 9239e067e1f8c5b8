"""What one Python source file says of itself, and its form on disk. Values alone.

Facts are read once for each content and kept as JSON, so they hold nothing of where the file was
found but the module's own name and whether it is a package.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_lambda_rollback.model.modules import Ask, Call, Form, Moment, TryBlock

FORMAT = 5
"""Raise it when the same source gives other facts."""

Target = tuple[str, str | None]
"""A module, or a name in a module, that a binding stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFacts:
    """What is certain, and what is not, of the names of one module and of what it asks."""

    readable: bool = True
    """False for a source that cannot be parsed: then nothing is known."""
    names: frozenset[str] = frozenset()
    """Names that some statement of the module binds."""
    maybe: frozenset[str] = frozenset()
    """Names that may be there: bound for type checkers only, deleted, only in ``__all__``."""
    bindings: dict[str, Target] = field(default_factory=dict)
    """Names that stand for one imported module or name, and for nothing else."""
    stars: tuple[str, ...] = ()
    """Modules of ``from m import *``."""
    exported: tuple[str, ...] | None = None
    """A literal ``__all__``; ``None`` without one."""
    computed_all: bool = False
    """There is an ``__all__`` that cannot be read."""
    dynamic: bool = False
    """It may have names that no statement shows."""
    refused: frozenset[str] = frozenset()
    """Names that its ``__getattr__`` raises for by name."""
    refused_in: tuple[Target, ...] = ()
    """Tables of such names."""
    opens_path: bool = False
    """It may have submodules that do not lie beside it."""
    changes_path: bool = False
    """It touches ``sys.path``."""
    hooks: bool = False
    """It touches ``sys.meta_path`` or ``sys.path_hooks``."""
    makes: tuple[str, ...] = ()
    """Modules that it puts into ``sys.modules`` by literal names."""
    patches: tuple[tuple[str, str], ...] = ()
    """(module, name) that it sets on other modules; the name ``*`` stands for any."""
    prefixes: tuple[str, ...] = ()
    """Packages below which it imports modules by computed names."""
    asks: tuple[Ask, ...] = ()
    tries: tuple[TryBlock, ...] = ()


UNREADABLE = ModuleFacts(readable=False, dynamic=True, opens_path=True)


def to_json(facts: ModuleFacts) -> list[Any]:
    """The facts as plain lists, for `from_json`."""
    return [
        facts.readable,
        sorted(facts.names),
        sorted(facts.maybe),
        facts.bindings,
        facts.stars,
        facts.exported,
        facts.computed_all,
        facts.dynamic,
        facts.opens_path,
        facts.changes_path,
        facts.hooks,
        facts.makes,
        facts.patches,
        facts.prefixes,
        [ask_to_json(ask) for ask in facts.asks],
        [tries_to_json(block) for block in facts.tries],
        sorted(facts.refused),
        facts.refused_in,
    ]


def from_json(data: list[Any]) -> ModuleFacts:
    """The inverse of `to_json`. Raises ValueError, TypeError, KeyError or IndexError."""
    return ModuleFacts(
        readable=data[0],
        names=frozenset(data[1]),
        maybe=frozenset(data[2]),
        bindings={name: (module, inner) for name, (module, inner) in data[3].items()},
        stars=tuple(data[4]),
        exported=None if data[5] is None else tuple(data[5]),
        computed_all=data[6],
        dynamic=data[7],
        opens_path=data[8],
        changes_path=data[9],
        hooks=data[10],
        makes=tuple(data[11]),
        patches=tuple((module, name) for module, name in data[12]),
        prefixes=tuple(data[13]),
        asks=tuple(ask_from_json(ask) for ask in data[14]),
        tries=tuple(tries_from_json(block) for block in data[15]),
        refused=frozenset(data[16]),
        refused_in=tuple((module, name) for module, name in data[17]),
    )


def ask_to_json(ask: Ask) -> list[Any]:
    """One ask as a plain list."""
    call = ask.call
    return [
        ask.form,
        ask.module,
        ask.names,
        ask.line,
        ask.moment,
        ask.caught_by,
        ask.fallback_of,
        ask.unless_failed,
        ask.guarded,
        ask.conditional,
        None if call is None else [call.positional, call.keywords, call.open],
    ]


def ask_from_json(data: list[Any]) -> Ask:
    """The inverse of `ask_to_json`."""
    call = data[10]
    return Ask(
        form=Form(data[0]),
        module=data[1],
        names=tuple(data[2]),
        line=data[3],
        moment=Moment(data[4]),
        caught_by=tuple(data[5]),
        fallback_of=tuple(data[6]),
        unless_failed=tuple(data[7]),
        guarded=data[8],
        conditional=data[9],
        call=call and Call(positional=call[0], keywords=tuple(call[1]), open=call[2]),
    )


def tries_to_json(block: TryBlock) -> list[bool]:
    """One try block as a plain list."""
    return [block.module, block.name, block.attribute]


def tries_from_json(data: list[bool]) -> TryBlock:
    """The inverse of `tries_to_json`."""
    module, name, attribute = data
    return TryBlock(module=module, name=name, attribute=attribute)
