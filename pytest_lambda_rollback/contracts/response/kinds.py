"""Telling the kinds of items in a list apart: cards and transfers among the ways of payment.

Items are of kinds where a value that all of them have decides which other keys they have, or of
what types these are: ``type`` in ``[{"type": "card", "last4": …}, {"type": "sepa", "iban": …}]``.
A key that some items happen to lack makes no kinds. Everything here is pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.model.json_values import Json, json_type, scalar_key

Value = tuple[str, object]
"""A `scalar_key`."""
Keys = tuple[str, ...]
"""The keys to a place inside an item."""
Signature = dict[Keys, str]
"""The keys of an item and of objects inside it, each with the JSON type of its value."""

_NAME = re.compile(r"type|typename|kind|object|event|class|variant|discriminator")
"""Last words of keys that name a kind by their meaning."""
_IDENTITY = re.compile(r"ids?|uuid|guid|key|arn|url|uri|email|phone|sku|number|at|time|date")
"""Last words of keys that name one item, not a kind."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_MOST_KEYS = 200
"""Keys of an item that are looked at; wider items are compared as one kind."""
_SCALARS = ("string", "number", "boolean")
_ITEMS = "[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """Items by a value that all have and that tells their kinds apart."""

    keys: Keys
    """The place of that value."""
    items: Mapping[Value, Sequence[Json]]

    def value_of(self, item: Json) -> Value | None:
        """The value of an item; ``None`` if it has none."""
        return value_at(item, self.keys)


def value_at(item: Json, keys: Keys) -> Value | None:
    """The scalar at a place inside an item; ``None`` if there is none."""
    for key in keys:
        if not isinstance(item, dict) or key not in item:
            return None
        item = item[key]
    return scalar_key(item) if json_type(item) in _SCALARS else None


def kinds_of(lists: Sequence[Sequence[Json]]) -> tuple[Kinds, ...]:
    """What tells the kinds of the items apart, most likely first; empty for one kind.

    ``lists`` are those of one place, of several replays or in several items. Keys that say so by
    name exclude others. Where several are left, any may be the one that the function means.
    """
    objects = [item for items in lists for item in items if isinstance(item, dict)]
    if len(objects) < 2:
        return ()
    signatures = [_signature(item) for item in objects]
    if len(signatures[0]) > _MOST_KEYS or not _differ(signatures):
        return ()
    named: list[Kinds] = []
    others: list[Kinds] = []
    for keys, kind in signatures[0].items():
        values = [value_at(item, keys) for item in objects] if kind in _SCALARS else [None]
        if None in values or len(set(values)) < 2:
            continue
        items: dict[Value, list[Json]] = {}
        seen: dict[Value, list[Signature]] = {}
        for value, item, signature in zip(values, objects, signatures, strict=True):
            if value is not None:
                items.setdefault(value, []).append(item)
                seen.setdefault(value, []).append(signature)
        kinds = Kinds(keys=keys, items=items)
        pure = not any(map(_differ, seen.values()))
        if _NAME.fullmatch(_last_word(keys)):
            if pure or _narrows(seen.values(), signatures):
                named.append(kinds)
        elif _IDENTITY.fullmatch(_last_word(keys)) or not pure:
            continue
        elif _recurs(keys, lists) or _exclude_one_another(seen):
            others.append(kinds)
    return tuple(sorted(named or others, key=lambda each: len(each.items)))


def forms_of(items: Sequence[Json]) -> tuple[tuple[frozenset[str], tuple[Json, ...]], ...]:
    """Items by the keys that no item of another kind has, if all items have such keys.

    So kinds are told apart where no value names them. Empty for one kind.
    """
    objects = [item for item in items if isinstance(item, dict)]
    if len(objects) < len(items) or not objects:
        return ()
    common = frozenset(objects[0]).intersection(*objects)
    forms: dict[frozenset[str], list[Json]] = {}
    for item in objects:
        forms.setdefault(frozenset(item) - common, []).append(item)
    seen: set[str] = set()
    for form in forms:
        if not form or seen & form:
            return ()
        seen |= form
    return tuple((form, tuple(those)) for form, those in forms.items()) if len(forms) > 1 else ()


def _signature(item: Mapping[str, Json]) -> Signature:
    found: Signature = {}
    waiting: list[tuple[Keys, Json]] = [((key,), value) for key, value in item.items()]
    while waiting:
        path, value = waiting.pop()
        found[path] = json_type(value)
        if isinstance(value, dict):
            waiting.extend(((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list):
            types = {json_type(each) for each in value} or {"null"}
            found[(*path, _ITEMS)] = types.pop() if len(types) == 1 else "several"
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


def _narrows(groups: Iterable[Sequence[Signature]], every: Sequence[Signature]) -> bool:
    """True if some kind always has a key that items in general may lack."""
    always = _always(every)
    return any(_always(each) - always for each in groups)


def _always(signatures: Sequence[Signature]) -> set[Keys]:
    return set(signatures[0]).intersection(*signatures)


def _recurs(keys: Keys, lists: Sequence[Sequence[Json]]) -> bool:
    """True if several items of one list share a kind."""
    for items in lists:
        values = [value_at(item, keys) for item in items if isinstance(item, dict)]
        if len(set(values)) < len(values):
            return True
    return False


def _exclude_one_another(groups: Mapping[Value, Sequence[Signature]]) -> bool:
    """True for kinds of which each has keys of its own; not where one item only has more."""
    if any(kind != "string" for kind, _ in groups):
        return False
    forms = {frozenset(each[0].items()) for each in groups.values()}
    return not any(one < other for one in forms for other in forms)


def _last_word(keys: Keys) -> str:
    words = _WORD.findall(keys[-1])
    return words[-1].lower() if words else ""
