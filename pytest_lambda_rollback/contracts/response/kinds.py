"""Telling the kinds of items in a list apart: cards and transfers among the ways of payment.

Items are of kinds where a key that all of them have decides which other keys they have, or of
what types these are: ``type`` in ``[{"type": "card", "last4": …}, {"type": "sepa", "iban": …}]``.
A key that some items happen to lack makes no kinds. Everything here is pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_lambda_rollback.model.json_values import Json, json_type, scalar_key

Value = tuple[str, object]
"""A `scalar_key`."""
Groups = Mapping[Value, list[Json]]
"""The items of each kind, by the value of the key that tells kinds apart."""
Signature = dict[tuple[str, ...], str]
"""The keys of an item and of objects inside it, each with the JSON type of its value."""

_NAME = re.compile(
    r"type|typename|kind|object|event|method|category|status|state|class|variant|mode|role|op"
    r"|operation|action|discriminator|schema"
)
"""Last words of keys that name a kind by their meaning."""
_IDENTITY = re.compile(
    r"ids?|uuid|guid|key|arn|url|uri|email|phone|sku|number|at|time|date", re.IGNORECASE
)
"""Last words of keys that name one item, not a kind."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_MOST_MEMBERS = 200
"""Keys of an item that are looked at; wider items are compared as one kind."""


def kinds_of(lists: Sequence[Sequence[Json]]) -> tuple[tuple[str, Groups], ...]:
    """The keys that tell kinds apart, each with the items by kind; empty for one kind.

    ``lists`` are those of one place, of several replays or in several items. Keys that say so by
    name exclude others. Where several are left, any of them may be the one that the function means.
    """
    objects = [item for items in lists for item in items if isinstance(item, dict)]
    if len(objects) < 2 or len(objects[0]) > _MOST_MEMBERS:
        return ()
    signatures = [_signature(item) for item in objects]
    if not _differ(signatures):
        return ()
    named: list[tuple[str, Groups]] = []
    others: list[tuple[str, Groups]] = []
    for key in objects[0]:
        grouped = _grouped(key, objects, signatures)
        if grouped is None:
            continue
        groups, by_value = grouped
        pure = not any(_differ(each) for each in by_value.values())
        if _NAME.fullmatch(_last_word(key)):
            if pure or _narrows(by_value, signatures):
                named.append((key, groups))
        elif pure and (_recurs(key, lists) or _exclude_one_another(key, by_value)):
            others.append((key, groups))
    return tuple(named or others)


def forms_of(items: Sequence[Json]) -> tuple[tuple[frozenset[str], list[Json]], ...]:
    """Items by their keys, where those of different kinds have no key in common; else empty."""
    forms: dict[frozenset[str], list[Json]] = {}
    for item in items:
        if not isinstance(item, dict) or not item:
            return ()
        forms.setdefault(frozenset(item), []).append(item)
    seen: set[str] = set()
    for form in forms:
        if seen & form:
            return ()
        seen |= form
    return tuple(forms.items()) if len(forms) > 1 else ()


def _grouped(
    key: str, objects: Sequence[dict[str, Json]], signatures: Sequence[Signature]
) -> tuple[Groups, dict[Value, list[Signature]]] | None:
    """Items and their signatures by the value of a key; ``None`` if it tells nothing apart."""
    groups: dict[Value, list[Json]] = {}
    by_value: dict[Value, list[Signature]] = {}
    for item, signature in zip(objects, signatures, strict=True):
        if key not in item or json_type(item[key]) not in ("string", "number", "boolean"):
            return None
        value = scalar_key(item[key])
        groups.setdefault(value, []).append(item)
        by_value.setdefault(value, []).append(signature)
    return (groups, by_value) if len(groups) > 1 else None


def _signature(item: Mapping[str, Json]) -> Signature:
    found: Signature = {}
    waiting: list[tuple[tuple[str, ...], Json]] = [((key,), value) for key, value in item.items()]
    while waiting:
        path, value = waiting.pop()
        found[path] = json_type(value)
        if isinstance(value, dict):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
    return found


def _differ(signatures: Sequence[Signature]) -> bool:
    """True for items of which some lack a key, or have values of other types (null is none)."""
    merged = dict(signatures[0])
    for other in signatures[1:]:
        if other.keys() != merged.keys():
            return True
        for path, kind in other.items():
            if merged[path] == "null":
                merged[path] = kind
            elif kind not in ("null", merged[path]):
                return True
    return False


def _narrows(by_value: Mapping[Value, Sequence[Signature]], every: Sequence[Signature]) -> bool:
    """True if some kind always has a key that items in general may lack."""
    always = _always(every)
    return any(_always(each) - always for each in by_value.values())


def _always(signatures: Sequence[Signature]) -> set[tuple[str, ...]]:
    common = set(signatures[0])
    for each in signatures[1:]:
        common &= each.keys()
    return common


def _recurs(key: str, lists: Sequence[Sequence[Json]]) -> bool:
    """True if several items of one list share a kind."""
    if _IDENTITY.fullmatch(_last_word(key)):
        return False
    for items in lists:
        values = [scalar_key(item[key]) for item in items if isinstance(item, dict)]
        if len(set(values)) < len(values):
            return True
    return False


def _exclude_one_another(key: str, by_value: Mapping[Value, Sequence[Signature]]) -> bool:
    """True for kinds of which each has keys of its own; not where one item only has more."""
    if _IDENTITY.fullmatch(_last_word(key)) or any(kind != "string" for kind, _ in by_value):
        return False
    forms = {frozenset(each[0]) for each in by_value.values()}
    return not any(one < other for one in forms for other in forms)


def _last_word(key: str) -> str:
    words = _WORD.findall(key)
    return words[-1].lower() if words else ""
