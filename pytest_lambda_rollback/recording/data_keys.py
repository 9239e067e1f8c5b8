"""Keys that are data: names of users, ids or search words instead of names of fields.

Many events are needed to tell them from fields. Fields of one object recur from event to event,
and one event has a good part of them; data keys are many, and most of them occur once, or one event
has very few of them. Segments of URL paths are judged in the same way.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from pytest_lambda_rollback.recording.structures import ROUTE, Path, Structure, roots

MAX_KEYS: Final = 16
"""Of one object, or segments of paths below one segment; more may be data."""
MAX_RESOURCES: Final = 40
"""First segments of paths; an API has more resources than an object has optional keys."""
_SURELY: Final = 100
_PART: Final = 4
"""Of fields, one event has at least one in so many."""
_SELDOM: Final = 16
"""Where one event has fewer than one in so many, even recurring keys are data."""
_ROUTES: Final = "/"
_BEFORE_RESOURCES: Final = re.compile(r"/|api|v\d+")

_Place = tuple[str, Path]
"""(slug of the source, path of the object)"""


@dataclass(slots=True)
class _Keys:
    events: Counter[str] = field(default_factory=Counter)
    """In how many events a key was seen."""
    widest: int = 0
    """The most keys that one event had."""


class DataKeys:
    """The keys of each object, learned from the structures of events."""

    def __init__(self) -> None:
        self._keys: dict[_Place, _Keys] = {}
        self._data: set[_Place] = set()

    def learn(self, structure: Structure) -> None:
        """Count the keys of one event, as `folded` gives it."""
        here: dict[Path, set[str]] = {}
        beginnings = roots(structure.source)
        for path in {path for path, _ in structure.features}:
            if path and path[-1] != "*" and path[:-1] not in beginnings:
                here.setdefault(path[:-1], set()).add(path[-1])
        for path, value in structure.topics:
            if path == ROUTE:
                parts = _parts(value)
                for number in range(1, len(parts)):
                    here[parts[:number]] = {parts[number]}
        for path, keys in here.items():
            known = self._keys.setdefault((structure.source.slug, path), _Keys())
            known.events.update(keys)
            known.widest = max(known.widest, len(keys))

    def decide(self, *, routes: bool = True) -> bool:
        """Decide where keys, or segments of routes, are data; True if that is new."""
        found = {
            place
            for place, keys in self._keys.items()
            if (routes or place[1][:1] != (_ROUTES,)) and _are_data(place, keys)
        }
        for place in found:
            del self._keys[place]
        self._data |= found
        return bool(found)

    def folded(self, structure: Structure) -> Structure:
        """The structure with ``*`` in place of keys that are data."""
        if not self._data:
            return structure
        slug = structure.source.slug
        return Structure(
            source=structure.source,
            topics=tuple(
                (path, "/".join(self.path(slug, _parts(value)))[1:] if path == ROUTE else value)
                for path, value in structure.topics
            ),
            features=frozenset((self.path(slug, path), kind) for path, kind in structure.features),
        )

    def path(self, slug: str, path: Path) -> Path:
        """One path with ``*`` in place of keys that are data."""
        done: Path = ()
        for key in path:
            done = (*done, "*" if (slug, done) in self._data else key)
        return done


def _parts(route: str) -> Path:
    return (_ROUTES, *route.strip("/").split("/"))


def _are_data(place: _Place, keys: _Keys) -> bool:
    number = len(keys.events)
    route = place[1][:1] == (_ROUTES,)
    resources = route and all(map(_BEFORE_RESOURCES.fullmatch, place[1]))
    most = MAX_RESOURCES if resources else MAX_KEYS
    if number <= max(most, _PART * keys.widest):
        return False
    once = sum(count == 1 for count in keys.events.values())
    if route:
        surely = _SURELY if resources else MAX_RESOURCES
    else:
        surely = min(_SURELY, max(2 * MAX_KEYS, _SELDOM * keys.widest))
    return 2 * once >= number or number > surely
