"""Clustering events by structure, and keeping few representative ones.

Events of one source and topic (a route, a detail type, a message's type) form a group. Within it
an event is a shape of its own if it has something that no kept one has: a key, a type, a null,
an empty list, a value of a kind, or a key that is missing for the first time. Every other event is
counted for the nearest shape. So a group has about as many shapes as its events differ in, and not
one for each combination. At most ``per_shape`` events of a shape are held; the rest is only
counted, however many there are.

A key that looks like a kind (``status``, ``type``) but has more than twelve values in a recording
stops counting, and so do keys that are data (`DataKeys`). The result depends only on the
events and their order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pytest_lambda_rollback.aws_lambda.event_sources.interface import EventSource
from pytest_lambda_rollback.aws_lambda.event_sources.registry import BUILT_IN, EventSources
from pytest_lambda_rollback.model.recorded import RecordedEvent, Selection, Shape
from pytest_lambda_rollback.recording.structures import (
    ROUTE,
    DataKeys,
    Feature,
    Path,
    Structure,
    is_route,
    structure_of,
)

MAX_KINDS: Final = 12
"""More values at one path are not kinds."""
_MANY: Final = 256
_NAME_WORDS: Final = 6
_PROSE_WORDS: Final = 3
_RESOURCE: Final = re.compile(r"(?:/(?:api|v\d+))*/?[^/]*")
_LESS_TELLING: Final = ("text", "object", "list", "integer", "decimal", "JSON text")

_Topics = tuple[tuple[Path, str], ...]


def cluster(
    events: Iterable[RecordedEvent], *, per_shape: int = 1, sources: EventSources = BUILT_IN
) -> Selection:
    """The shapes of events and of fixtures (events with ``fixture``), which come first."""
    clusters = _Clusters(per_shape=per_shape)
    for event in events:
        clusters.add(structure_of(event.event, sources), event)
    return Selection(shapes=tuple(sorted(clusters.shapes(), key=lambda one: (one.name, one.key))))


@dataclass(slots=True)
class _Kept:
    """A shape during clustering."""

    structure: Structure
    shows: frozenset[Feature] = frozenset()
    """The features it was kept for; empty for the first of its group."""
    events: list[RecordedEvent] = field(default_factory=list)
    fixtures: list[str] = field(default_factory=list)
    seen: int = 0


@dataclass(slots=True)
class _Group:
    """Shapes of one source and topic."""

    shapes: list[_Kept] = field(default_factory=list)
    shown: set[Feature] = field(default_factory=set)
    """Of all shapes; a missing key is the feature ``absent``."""
    paths: set[Path] = field(default_factory=set)
    seen: set[Feature] = field(default_factory=set)
    """Of all events that are not fixtures."""


@dataclass(slots=True, kw_only=True)
class _Clusters:
    per_shape: int
    _groups: dict[tuple[str, _Topics], _Group] = field(default_factory=dict)
    _kinds: dict[tuple[str, Path], set[str]] = field(default_factory=dict)
    _no_kinds: set[tuple[str, Path]] = field(default_factory=set)
    _data_keys: DataKeys = field(default_factory=DataKeys)
    _events: int = 0

    def add(self, structure: Structure, event: RecordedEvent) -> None:
        """Add one event to the shape that it has."""
        structure = self._data_keys.folded(structure)
        self._data_keys.learn(structure)
        self._events += 1
        # Early on all keys are rare, so the next look is when the number of events has doubled.
        due = self._events >= _MANY and self._events.bit_count() == 1
        if due and self._data_keys.decide(routes=False):
            self._regroup()
        if self._learn(self._data_keys.folded(structure)):
            self._regroup()
        plain = self._without(structure)
        one = _Kept(structure=plain)
        if event.fixture is not None:
            one.fixtures.append(event.fixture)
        else:
            one.events.append(event)
            one.seen = 1
            self._group(plain).seen.update(plain.features)
        self._put(one)

    def shapes(self) -> Iterator[Shape]:
        """All shapes, after the last event."""
        if self._data_keys.decide():
            self._regroup()
        for group in self._groups.values():
            for kept in _needed(group):
                # Random combinations of what production still sends are not stale.
                alive = bool(group.seen) and kept.structure.features <= group.seen
                yield Shape(
                    key=_digest(kept.structure),
                    name=_name(kept),
                    events=tuple(kept.events[: max(0, self.per_shape - len(kept.fixtures))]),
                    seen=kept.seen or int(alive),
                    fixtures=tuple(sorted(kept.fixtures)),
                )

    def _group(self, structure: Structure) -> _Group:
        return self._groups.setdefault((structure.source.slug, structure.topics), _Group())

    def _put(self, one: _Kept) -> None:
        group = self._group(one.structure)
        features = one.structure.features
        before = set(group.paths)
        group.paths.update(path for path, _ in features)
        missing = _absent(features, before)
        shows = (features | missing) - group.shown
        if group.shapes:
            # A path that is new was missing in all that came before.
            group.shown.update((path, "absent") for path in group.paths - before)
        nearest = None if shows or not group.shapes else _nearest(one, group.shapes)
        if nearest is None:
            one.shows = frozenset(shows) if group.shapes else frozenset()
            group.shapes.append(one)
            group.shown |= features | missing
            return
        nearest.seen += one.seen
        nearest.fixtures += one.fixtures
        room = max(0, self.per_shape - len(nearest.fixtures) - len(nearest.events))
        nearest.events += one.events[:room]
        for event in one.events[room:]:
            bare = [n for n, each in enumerate(nearest.events) if each.downstream is None]
            if event.downstream is not None and bare:  # it can be replayed without a set-up
                nearest.events[bare[0]] = event

    def _learn(self, structure: Structure) -> bool:
        """Count values; True if a path now has too many to be kinds."""
        found = False
        for path, kind in structure.features:
            place = (structure.source.slug, path)
            if (
                kind.startswith("=")
                and place not in self._no_kinds
                and not is_route(path, structure.source)
            ):
                values = self._kinds.setdefault(place, set())
                values.add(kind)
                if len(values) > MAX_KINDS:
                    self._no_kinds.add(place)
                    del self._kinds[place]
                    found = True
        return found

    def _without(self, structure: Structure) -> Structure:
        slug = structure.source.slug
        structure = self._data_keys.folded(structure)
        return Structure(
            source=structure.source,
            topics=tuple(
                topic for topic in structure.topics if (slug, topic[0]) not in self._no_kinds
            ),
            features=frozenset(
                feature
                for feature in structure.features
                if not feature[1].startswith("=") or (slug, feature[0]) not in self._no_kinds
            ),
        )

    def _regroup(self) -> None:
        """Cluster the kept events again, now that some values no longer count."""
        before = self._groups
        self._groups = {}
        for (slug, _), group in before.items():
            seen = {
                (self._data_keys.path(slug, path), kind)
                for path, kind in group.seen
                if not kind.startswith("=") or not any(place == path for _, place in self._no_kinds)
            }
            for kept in group.shapes:
                again = _Kept(
                    structure=self._without(kept.structure),
                    events=kept.events,
                    fixtures=kept.fixtures,
                    seen=kept.seen,
                )
                self._group(again.structure).seen.update(seen)
                self._put(again)


def _absent(features: frozenset[Feature], paths: set[Path]) -> set[Feature]:
    """Keys that others have and this one lacks, though it has the objects they are in."""
    own = {path for path, _ in features}
    return {(path, "absent") for path in paths - own if path and path[:-1] in own}


def _needed(group: _Group) -> list[_Kept]:
    """The shapes without those whose features the others cover together.

    The rarest go first; one that has a fixture stays. Their events count for the nearest shape.
    """
    shows = {
        id(one): one.structure.features | _absent(one.structure.features, group.paths)
        for one in group.shapes
    }
    counts = Counter(feature for each in shows.values() for feature in each)
    left = list(group.shapes)
    for one in sorted(group.shapes, key=lambda each: each.seen):
        if one.fixtures or len(left) == 1 or any(counts[each] < 2 for each in shows[id(one)]):
            continue
        counts.subtract(shows[id(one)])
        left = [each for each in left if each is not one]
        _nearest(one, left).seen += one.seen
    return left


def _nearest(one: _Kept, shapes: list[_Kept]) -> _Kept:
    def distance(kept: _Kept) -> int:
        return len(kept.structure.features ^ one.structure.features)

    return min(shapes, key=distance)


def _digest(structure: Structure) -> str:
    text = json.dumps([structure.source.slug, structure.topics, sorted(structure.features)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


# --- names ------------------------------------------------------------------------------------


def _name(kept: _Kept) -> str:
    """Words for a file's name: the topics of the event, and what sets it apart."""
    structure = kept.structure
    # Of a path only what comes first: further on it may name a person.
    topics = [
        _RESOURCE.match(value)[0] if path == ROUTE else value  # type: ignore[index]
        for path, value in structure.topics
        if is_route(path, structure.source) or not _is_prose(value)
    ]
    words = [] if topics and structure.source.named_by_topics else [structure.source.slug]
    for topic in sorted(topics, key=lambda value: not value.isupper()):
        words += [word for word in _words(topic) if word not in words]
    if not topics:
        words += [
            word
            for path, kind in sorted(structure.features)
            if path == ("requestContext", "method") and kind.startswith("=")
            for word in _words(kind[1:])
        ]
    return "-".join(words[:_NAME_WORDS] + _special(kept.shows, structure.source))


def _special(shows: frozenset[Feature], source: EventSource) -> list[str]:
    """The most informative feature that a shape was kept for."""

    def rank(feature: Feature) -> tuple[int, int, Feature]:
        path, kind = feature
        if kind == "absent":
            order = 3
        elif kind.startswith("="):
            order = 1
        else:
            order = 0 if kind in _LESS_TELLING else 2
        return order, len(path), feature

    for path, kind in sorted(shows, key=rank):
        key = next((name for name in reversed(path) if name != "*"), "")
        if not key:
            continue
        if kind == "absent":
            return ["without", *_words(key)]
        if kind == "=true":
            return _words(key)
        if kind == "=false":
            return ["not", *_words(key)]
        if kind.startswith("=") and (is_route(path, source) or not _is_prose(kind)):
            return _words(kind[1:])
        if kind in ("null", "empty list", "empty text"):
            return [*_words(kind.partition(" ")[0]), *_words(key)]
        return _words(key)
    return []


def _is_prose(value: str) -> bool:
    """True for a value of several words, which may be more than a kind: a person's name."""
    return len(value.split()) >= _PROSE_WORDS


def _words(text: str) -> list[str]:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return [word.lower() for word in re.findall(r"[A-Za-z0-9]+", parted)]
