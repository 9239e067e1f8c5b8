"""Breaks that come from the event: its differences from events that pass.

A place of the failing event is compared with the equal places of events of the same source that
the target handles. A cause is named only if exactly one place fits the error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pytest_lambda_rollback.aws_lambda import stack_traces
from pytest_lambda_rollback.aws_lambda.event_sources.interface import covers
from pytest_lambda_rollback.aws_lambda.event_sources.registry import EventSources
from pytest_lambda_rollback.diagnosis import error_origins
from pytest_lambda_rollback.diagnosis.asks import Ask, Wanted, asked
from pytest_lambda_rollback.diagnosis.event_documents import (
    Document,
    Path,
    is_payload,
    kind_of,
    pattern_of,
    read,
    roots,
)
from pytest_lambda_rollback.model.causes import Cause, CauseKind, EventDifference
from pytest_lambda_rollback.model.findings import Detail, Finding
from pytest_lambda_rollback.model.json_values import pointer
from pytest_lambda_rollback.model.replay import FunctionError, OutcomeKind

T = TypeVar("T")

_KEYS = frozenset({Wanted.KEY, Wanted.KEY_OF_NOTHING, Wanted.NO_KEY})
_NEVER_BY_EVENT = frozenset(
    {"ImportError", "ImportModuleError", "ModuleNotFoundError", "NameError", "SyntaxError"}
)
_HEADERS = frozenset({"headers", "multiValueHeaders"})
_QUOTED_ERROR = re.compile(r"\b(?P<type>[A-Z]\w*(?:Error|Exception)): (?P<message>[^\n]+)")
_MOST_KEYS = 3
_LONGEST_VALUE = 60


def event_cause(
    error: FunctionError | None,
    finding: Finding,
    failing_event: bytes,
    passing_events: Sequence[bytes],
    *,
    target: str,
    event_sources: EventSources,
    keys_only: bool = False,
) -> Cause | None:
    """The place in the event that the target does not accept, if it can be shown.

    ``passing_events`` are events that the same target handles as the current version does;
    ``target`` is its version as sentences name it. Without an event of the same source to
    compare with, only a key that the event has nowhere is named. ``event_path`` of the cause is
    the place that was asked for, or that is new. With ``keys_only`` nothing but a key that the
    error asks for and that events to compare with have is a cause: a refused value or type may as
    well come from what refuses it.
    """
    document = read(failing_event, event_sources)
    error = error or _quoted_error(finding)
    if document is None or finding.kind == OutcomeKind.INIT_ERROR or _from_elsewhere(error):
        return None
    search = _Search(
        document,
        _comparable(document, passing_events, event_sources),
        failing=_failing_records(document, finding),
        causes=_Causes(
            target,
            finding.code_location or stack_traces.own_location(error.stack_trace if error else ()),
        ),
    )
    asks = asked(error) if error is not None else ()
    if keys_only:
        asks = tuple(ask for ask in asks if search.peers and ask.wanted in _KEYS)
    for ask in asks:
        cause = search.explain(ask) if search.peers else search.absent(ask, error)
        if cause is not None:
            return cause
    if keys_only:
        return None
    # An error that asks for something else is not explained by what happens to differ.
    if any(ask.wanted is not Wanted.VALUE for ask in asks):
        return None
    return search.unlike()


@dataclass(frozen=True, slots=True)
class _Causes:
    """Causes of one break: the target's version, and the line of its code that failed."""

    target: str
    asked_at: str | None

    def lacks(self, path: Path, name: str, new: Sequence[str]) -> Cause:
        """A key is not there; ``new`` are keys in its stead."""
        return self._at((*path, name), "lacks-key", new=_below(path, new), gone=(name,))

    def has(self, path: Path) -> Cause:
        """A key is there that no event that passes has."""
        return self._at(path, "unknown-key")

    def other_kind(self, path: Path, value: Any, peers: Iterable[Any]) -> Cause:
        """A value of another JSON type."""
        expected = tuple(sorted({kind_of(peer) for peer in peers}))
        return self._at(path, "other-type", found=kind_of(value), expected=expected)

    def other_value(self, path: Path, value: Any) -> Cause:
        """A value that no event that passes has."""
        shown = repr(value)
        if len(shown) > _LONGEST_VALUE:
            shown = f"{shown[: _LONGEST_VALUE - 1]}…"
        return self._at(path, "other-value", found=shown)

    def shorter(self, path: Path, length: int, fewest: int) -> Cause:
        """An array with too few elements."""
        some = f"{length} elements" if length else "no element"
        return self._at(path, "too-short", found=some, expected=(str(fewest),))

    def nowhere(self, root: Path, name: str) -> Cause:
        """A key that is nowhere in the event; there is nothing to compare with."""
        return self._at(root, "no-such-key", gone=(name,))

    def unwrapped(self, path: Path, name: str) -> Cause:
        """An envelope is not there; what it should hold is in its place."""
        return self._at((*path, name), "lost-envelope", found=pointer(path), gone=(name,))

    def unlike(self, path: Path, new: Sequence[str], gone: Sequence[str]) -> Cause:
        """Keys that differ, where the error says nothing."""
        first = (*new, *gone)[0]
        lacking = tuple(gone) if new else _below(path, gone)
        return self._at((*path, first), "other-keys", new=_below(path, new), gone=lacking)

    def _at(
        self,
        path: Path,
        kind: str,
        *,
        new: tuple[str, ...] = (),
        gone: tuple[str, ...] = (),
        found: str = "",
        expected: tuple[str, ...] = (),
    ) -> Cause:
        place = pointer(path)
        return Cause(
            kind=CauseKind.EVENT,
            event_path=place,
            event=EventDifference(
                kind=kind,
                target=self.target,
                path=place,
                asked_at=self.asked_at,
                new=new,
                gone=gone,
                found=found,
                expected=expected,
            ),
        )


def _below(path: Path, keys: Iterable[str]) -> tuple[str, ...]:
    """JSON Pointers of keys of the object at a path."""
    return tuple(pointer((*path, key)) for key in keys)


class _Search:
    """Looks for the one place of the failing event that explains what was asked."""

    def __init__(
        self,
        document: Document,
        passing: Sequence[Document],
        *,
        failing: frozenset[int],
        causes: _Causes,
    ) -> None:
        self._document = document
        self._causes = causes
        self._places = dict(document.places)
        self.peers: dict[Path, list[Any]] = {}
        for each in passing:
            self._add_peers(each.places.items())
        self._same_topic = bool(passing) and all(x.topic == document.topic for x in passing)
        if failing:
            others = [
                (path, value)
                for path, value in document.places.items()
                if path[:1] == ("Records",) and len(path) > 1 and path[1] not in failing
            ]
            self._add_peers(others)
            for path, _ in others:
                del self._places[path]
            self._same_topic = self._same_topic or not passing

    def explain(self, ask: Ask) -> Cause | None:
        """The cause at the one place that fits what was asked."""
        match ask.wanted:
            case Wanted.KEY:
                return self._key(ask.names)
            case Wanted.KEY_OF_NOTHING:
                return self._key_of_nothing(ask.names[-1])
            case Wanted.NO_KEY:
                return self._no_key(ask.names)
            case Wanted.TYPE:
                return self._type(ask.names)
            case Wanted.ELEMENT:
                return self._element()
            case Wanted.FIELD:
                return self._field(ask.names)
            case _:
                return self._value(ask.names)

    def absent(self, ask: Ask, error: FunctionError | None) -> Cause | None:
        """Without events to compare with: a key that the event has nowhere."""
        innermost = next(iter(stack_traces.frames(error.stack_trace)), None) if error else None
        if ask.wanted is not Wanted.KEY or not ask.certain:
            return None
        if innermost is None or not innermost.own:
            return None
        if error is None or error.type != "KeyError":
            return None
        name = ask.names[-1]
        for path, value in self._places.items():
            if name in path or (isinstance(value, str | int | float) and str(value) == name):
                return None
        places = roots(self._document)
        return self._causes.nowhere(places[0] if len(places) == 1 else (), name)

    def unlike(self) -> Cause | None:
        """The one object of the payload that is not as those of events that pass."""
        if not self._same_topic:
            return None
        found: dict[Path, Cause] = {}
        for path, value in self._places.items():
            if not is_payload(path, self._document.source):
                continue
            pattern = pattern_of(path)
            peers = self.peers.get(pattern, [])
            if not peers or pattern in found:
                continue
            if all(kind_of(peer) != kind_of(value) for peer in peers):
                found[pattern] = self._causes.other_kind(path, value, peers)
            elif isinstance(value, dict):
                new, gone = self._new(path, value), self._gone(pattern, value)
                if len(gone) == 1 and self._is_unwrapped(path, gone[0]):
                    found[pattern] = self._causes.unwrapped(path, gone[0])
                elif 0 < len(new) + len(gone) <= _MOST_KEYS:
                    found[pattern] = self._causes.unlike(path, new, gone)
                elif new or gone:
                    return None
        return _only(found)

    # --- by what was asked -------------------------------------------------------------------

    def _key(self, names: tuple[str, ...]) -> Cause | None:
        *lead, name = names
        fitting: dict[Path, tuple[Path, list[str]]] = {}
        for path, value in self._objects():
            pattern = pattern_of(path)
            if name in value or not _ends_with(path, lead) or pattern in fitting:
                continue
            peers = self._objects_like(pattern)
            if peers and all(name in peer for peer in peers):
                fitting[pattern] = path, self._new(path, value, like=name)
        telling = {pattern: each for pattern, each in fitting.items() if each[1]}
        only = _only(telling or fitting)
        if only is not None:
            path, new = only
            if self._is_unwrapped(path, name):
                return self._causes.unwrapped(path, name)
            return self._causes.lacks(path, name, new)
        if fitting:
            return None
        gone = _only(self._gone_above(name, lead))
        return self._causes.lacks(gone[0], gone[1], gone[2]) if gone else None

    def _key_of_nothing(self, name: str) -> Cause | None:
        empty = {
            pattern_of(path): path
            for path, value in self._places.items()
            if value is None and self._all_have(pattern_of(path), name)
        }
        if empty:
            place = _only(empty)
            if place is None:
                return None
            return self._causes.other_kind(place, None, self.peers[pattern_of(place)])
        gone = _only(self._gone_above(name, []))
        return self._causes.lacks(gone[0], gone[1], gone[2]) if gone else None

    def _no_key(self, names: tuple[str, ...]) -> Cause | None:
        *lead, name = names
        fitting = {
            pattern_of(path): (*path, name)
            for path, value in reversed(list(self._objects()))
            if name in value
            and _ends_with(path, lead)
            and (peers := self._objects_like(pattern_of(path)))
            and not any(name in peer for peer in peers)
        }
        only = _only(fitting)
        return self._causes.has(only) if only is not None else None

    def _type(self, kinds: tuple[str, ...]) -> Cause | None:
        fitting: dict[Path, Cause] = {}
        for path, value in self._places.items():
            pattern = pattern_of(path)
            peers = self.peers.get(pattern, [])
            if pattern in fitting:
                continue
            other = bool(peers) and all(kind_of(peer) != kind_of(value) for peer in peers)
            if other and kind_of(value) in kinds:
                fitting[pattern] = self._causes.other_kind(path, value, peers)
            if "null" in kinds and isinstance(value, dict):
                for name in self._gone(pattern, value):
                    fitting[*pattern, name] = self._causes.lacks(path, name, ())
        return _only(fitting)

    def _element(self) -> Cause | None:
        fitting: dict[Path, Cause] = {}
        for path, value in self._places.items():
            peers = [len(x) for x in self.peers.get(pattern_of(path), []) if isinstance(x, list)]
            if isinstance(value, list) and peers and len(value) < min(peers):
                fitting.setdefault(
                    pattern_of(path), self._causes.shorter(path, len(value), min(peers))
                )
        return _only(fitting)

    def _field(self, names: tuple[str, ...]) -> Cause | None:
        fitting: dict[Path, Cause] = {}
        for path, value in self._places.items():
            peers = self.peers.get(pattern_of(path), [])
            if not peers or not _ends_with(path, names) or pattern_of(path) in fitting:
                continue
            if all(kind_of(peer) != kind_of(value) for peer in peers):
                fitting[pattern_of(path)] = self._causes.other_kind(path, value, peers)
            elif not isinstance(value, dict | list) and value not in peers:
                fitting[pattern_of(path)] = self._causes.other_value(path, value)
        return _only(fitting)

    def _value(self, values: tuple[str, ...]) -> Cause | None:
        fitting: dict[Path, Cause] = {}
        for path, value in self._places.items():
            if isinstance(value, dict | list | bool) or value is None or str(value) not in values:
                continue
            peers = self.peers.get(pattern_of(path), [])
            if is_payload(path, self._document.source) and peers and value not in peers:
                fitting.setdefault(pattern_of(path), self._causes.other_value(path, value))
        return _only(fitting)

    # --- pieces ------------------------------------------------------------------------------

    def _add_peers(self, places: Iterable[tuple[Path, Any]]) -> None:
        for path, value in places:
            self.peers.setdefault(pattern_of(path), []).append(value)

    def _objects(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        for path, value in self._places.items():
            if isinstance(value, dict):
                yield path, value

    def _objects_like(self, pattern: Path) -> list[dict[str, Any]]:
        return [peer for peer in self.peers.get(pattern, []) if isinstance(peer, dict)]

    def _all_have(self, pattern: Path, name: str) -> bool:
        peers = self._objects_like(pattern)
        return bool(peers) and all(name in peer for peer in peers)

    def _new(self, path: Path, value: dict[str, Any], *, like: str = "") -> list[str]:
        """Keys that no event that passes has there; of headers, only another spelling."""
        peers = self._objects_like(pattern_of(path))
        new = [key for key in value if not any(key in peer for peer in peers)] if peers else []
        if path and path[-1] in _HEADERS:
            new = [key for key in new if key.lower() == like.lower()]
        return new[:_MOST_KEYS]

    def _is_unwrapped(self, path: Path, envelope: str) -> bool:
        """True if an object has, beside what passes has there, only keys of its lost envelope."""
        pattern = pattern_of(path)
        peers, inner = self._objects_like(pattern), self._objects_like((*pattern, envelope))
        new = [key for key in self._places[path] if not any(key in peer for peer in peers)]
        return bool(new) and all(any(key in each for each in inner) for key in new)

    def _gone(self, pattern: Path, value: dict[str, Any]) -> list[str]:
        """Keys that every event that passes has there, with something in them."""
        peers = self._objects_like(pattern)
        return [
            key
            for key in (peers[0] if peers else ())
            if key not in value and all(peer.get(key) is not None for peer in peers)
        ]

    def _gone_above(
        self, name: str, lead: Sequence[str]
    ) -> dict[Path, tuple[Path, str, list[str]]]:
        """Objects above the one that should hold the key, which lack the way to it."""
        if any(name in value for _, value in self._objects()):
            return {}
        present = {pattern_of(path): path for path in reversed(list(self._places))}
        found: dict[Path, tuple[Path, str, list[str]]] = {}
        for pattern in self.peers:
            if pattern in present or not self._all_have(pattern, name):
                continue
            if not _ends_with(pattern, lead):
                continue
            cut = next(at for at in range(len(pattern), -1, -1) if pattern[:at] in present)
            path, step = present[pattern[:cut]], pattern[cut]
            value = self._places[path]
            if not isinstance(step, str) or step == "*" or not isinstance(value, dict):
                continue
            if self._all_have(pattern[:cut], step):
                found[pattern[: cut + 1]] = path, step, self._new(path, value, like=step)
        return found


def _comparable(
    document: Document, events: Sequence[bytes], event_sources: EventSources
) -> list[Document]:
    """Events of the same source; those of the same topic if there are any."""
    found = [read(event, event_sources) for event in events]
    same = [each for each in found if each is not None and each.source is document.source]
    return [each for each in same if each.topic == document.topic] or same


def _failing_records(document: Document, finding: Finding) -> frozenset[int]:
    """Records that the finding names by their identifiers; empty if it names none."""
    text = " ".join((finding.target or "", *_texts(tuple(each for _, each in finding.details))))
    records = document.places.get(("Records",))
    if not isinstance(records, list):
        return frozenset()
    named = {
        path[1]
        for path, identifier in document.places.items()
        if any(covers(place, path) for place in document.source.record_ids)
        and isinstance(path[1], int)
        and isinstance(identifier, str)
        and re.search(rf"(?<![\w-]){re.escape(identifier)}(?![\w-])", text)
    }
    return frozenset(named) if len(named) < len(records) else frozenset()


def _texts(detail: Detail) -> Iterator[str]:
    if isinstance(detail, tuple):
        for each in detail:
            yield from _texts(each)
    elif isinstance(detail, str):
        yield detail


def _from_elsewhere(error: FunctionError | None) -> bool:
    """True if no event can be to blame: a failed import, a name or variable not set."""
    if error is None:
        return False
    kind = error.type.rpartition(".")[2]
    return (
        kind in _NEVER_BY_EVENT
        or bool(error_origins.modules_named(error))
        or error_origins.from_environment(error)
    )


def _quoted_error(finding: Finding) -> FunctionError | None:
    """An error that the target put into its answer."""
    match = _QUOTED_ERROR.search((finding.target or "").replace('\\"', '"'))
    if match is None:
        return None
    return FunctionError(type=match["type"], message=match["message"].rstrip('"} '))


def _ends_with(path: Path, names: Sequence[str]) -> bool:
    """True if the keys of a path, without indexes, end with these."""
    keys = [step for step in path if isinstance(step, str) and step != "*"]
    return not names or keys[-len(names) :] == list(names)


def _only(found: Mapping[Path, T]) -> T | None:
    return next(iter(found.values())) if len(found) == 1 else None
