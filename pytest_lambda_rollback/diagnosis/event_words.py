"""The sentences of causes that lie in the event. Pure words: nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pytest_lambda_rollback.diagnosis.event_documents import Path, kind_of, pointer
from pytest_lambda_rollback.model.findings import Cause

_LONGEST_VALUE = 60


class EventWords:
    """Causes with their sentences, for one target and the place in its code that failed."""

    def __init__(self, target: str, location: str | None) -> None:
        self._target = target
        self._where = location
        self.handled = f"events that {target} handles"

    def lacks(self, path: Path, name: str, new: Sequence[str]) -> Cause:
        """A key is not there; ``new`` are keys in its stead."""
        asks = f"{self._where or self._target} asks for"
        if new:
            places = _and([pointer((*path, key)) for key in new])
            text = (
                f"the event has {places}, which {self.handled} do not have, "
                f"and lacks {name}, which {asks}"
            )
        else:
            text = (
                f"the event lacks {pointer((*path, name))}, which {asks} "
                f"and which {self.handled} have"
            )
        return Cause(event_path=pointer((*path, name)), sentence=text)

    def has(self, path: Path) -> Cause:
        """A key is there that no event that passes has."""
        text = f"the event has {pointer(path)}, which {self.handled} do not have"
        takes = f", and which {self._where or self._target} does not take"
        return Cause(event_path=pointer(path), sentence=text + takes)

    def other_kind(self, path: Path, value: Any, peers: Iterable[Any]) -> Cause:
        """A value of another JSON type."""
        kinds = " or ".join(sorted({kind_of(peer) for peer in peers}))
        text = f"the event has {kind_of(value)} at {pointer(path) or 'its root'}, where"
        return self._at(path, f"{text} {self.handled} have {kinds}")

    def other_value(self, path: Path, value: Any) -> Cause:
        """A value that no event that passes has."""
        shown = repr(value)
        if len(shown) > _LONGEST_VALUE:
            shown = f"{shown[: _LONGEST_VALUE - 1]}…"
        return self._at(
            path, f"the event has {shown} at {pointer(path)}, which no {self._one()} has there"
        )

    def shorter(self, path: Path, length: int, fewest: int) -> Cause:
        """An array with too few elements."""
        some = f"{length} elements" if length else "no element"
        return self._at(
            path,
            f"the event has {some} at {pointer(path)}, where {self.handled} have {fewest} or more",
        )

    def nowhere(self, root: Path, name: str) -> Cause:
        """A key that is nowhere in the event; there is nothing to compare with."""
        asks = f"which {self._where or self._target} asks for"
        return Cause(event_path=pointer(root), sentence=f"the event has no {name}, {asks}")

    def unlike(self, path: Path, new: Sequence[str], gone: Sequence[str]) -> Cause:
        """Keys that differ, where the error says nothing."""
        parts = []
        if new:
            places = _and([pointer((*path, key)) for key in new])
            parts.append(f"the event has {places}, which {self.handled} do not have")
        if gone:
            places = _and([key if new else pointer((*path, key)) for key in gone])
            parts.append(
                f"lacks {places}" if new else f"the event lacks {places}, which {self.handled} have"
            )
        first = new[0] if new else gone[0]
        return Cause(event_path=pointer((*path, first)), sentence=", and ".join(parts))

    def _at(self, path: Path, text: str) -> Cause:
        return Cause(
            event_path=pointer(path), sentence=f"{text} ({self._where})" if self._where else text
        )

    def _one(self) -> str:
        return f"event that {self._target} handles"


def _and(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))
