"""JSON documents as functions answer them, and what may be done to them, all by chance.

A document is made of a form: the same form gives any number of documents that callers read alike.
Rows of a list have one form. Keys are words of a domain: names of members, and no data.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

Document = Any
Path = tuple[str | int, ...]

KEYS = (
    "id", "name", "total", "currency", "items", "customer", "address", "city", "status", "note",
    "quantity", "price", "paid", "tags", "owner", "created",
)  # fmt: skip
_LEAVES: dict[str, Callable[[Random], Document]] = {
    "text": lambda chance: "x" + "".join(chance.choices("abc äß<&'", k=chance.randrange(8))),
    "whole": lambda chance: chance.randrange(1, 10_000),
    "number": lambda chance: chance.randrange(1, 100) + 0.25,
    "boolean": lambda chance: chance.random() < 0.5,
}


def any_form(chance: Random, depth: int = 0) -> Any:
    """The form of an object: a dict of members, a list of its rows' form, or a leaf's name."""
    form: dict[str, Any] = {}
    for key in chance.sample(KEYS, chance.randrange(1, 5)):
        kind = chance.randrange(6) if depth < 3 else 0
        form[key] = chance.choice(sorted(_LEAVES))
        if kind == 4:
            form[key] = any_form(chance, depth + 1)
        elif kind == 5:
            form[key] = [any_form(chance, depth + 1)]
    return form


def of_form(form: Any, chance: Random) -> Document:
    """A document of a form."""
    if isinstance(form, dict):
        return {key: of_form(inner, chance) for key, inner in form.items()}
    if isinstance(form, list):
        return [of_form(form[0], chance) for _ in range(chance.randrange(1, 4))]
    return _LEAVES[form](chance)


def any_document(chance: Random) -> Document:
    """An object, or a list of one."""
    document = of_form(any_form(chance), chance)
    return document if chance.random() < 0.8 else [document]


def _members(document: Document, path: Path = ()) -> list[Path]:
    """The places of all members; elements of lists only lead on."""
    found: list[Path] = []
    if isinstance(document, dict):
        for key, value in document.items():
            found += [(*path, key), *_members(value, (*path, key))]
    elif isinstance(document, list):
        for index, value in enumerate(document):
            found += _members(value, (*path, index))
    return found


def _objects(document: Document, path: Path = ()) -> list[Path]:
    """The places of all objects, the document's own among them."""
    found: list[Path] = [path] if isinstance(document, dict) else []
    for member in _members(document):
        found += [member] if isinstance(_at(document, member), dict) else []
        found += [member[:-1]] if member[:-1] not in found else []
    return found


def _at(document: Document, path: Path) -> Document:
    for step in path:
        document = document[step]
    return document


def without_a_member(document: Document, chance: Random) -> Document:
    """A copy that has lost a member."""
    path = chance.choice(_members(document))
    changed = copy.deepcopy(document)
    del _at(changed, path[:-1])[path[-1]]
    return changed


def with_another_type(document: Document, chance: Random) -> Document:
    """A copy with a value of another JSON type at a place."""
    path = chance.choice(_members(document))
    value = _at(document, path)
    others: list[Document] = [None, {"value": value}, [value]]
    if isinstance(value, list):
        others = [None, value[0], "1"]
    elif isinstance(value, dict):
        others = [None, [value], str(value)]
    elif isinstance(value, str):
        others += [len(value), True]
    else:
        others += [str(value)]
    changed = copy.deepcopy(document)
    _at(changed, path[:-1])[path[-1]] = chance.choice(others)
    return changed


def with_more_members(document: Document, chance: Random) -> Document:
    """A copy that answers more than callers know of."""
    changed = copy.deepcopy(document)
    _at(changed, chance.choice(_objects(document)))["newMember"] = "new"
    return changed


def written(document: Document, chance: Random) -> str:
    """The document as JSON text, in one of many ways that parse alike."""
    return json.dumps(
        shuffled(document, chance),
        ensure_ascii=chance.random() < 0.5,
        indent=chance.choice((None, 2)),
        separators=chance.choice(((",", ":"), (", ", ": "))),
    )


def shuffled(document: Document, chance: Random) -> Document:
    """The document with the members of its objects in any order."""
    if isinstance(document, dict):
        keys = chance.sample(sorted(document), len(document))
        return {key: shuffled(document[key], chance) for key in keys}
    if isinstance(document, list):
        return [shuffled(each, chance) for each in document]
    return document
