"""The lines that the recorder inside a function writes to its log, joined to events.

A line is one JSON object: ``lambda_rollback_record`` (1), ``function``, ``version``,
``request_id``, ``time``, ``part`` ([i, n], i from 1) and ``event``: the event's JSON text, or its
i-th part, since CloudWatch Logs bounds a line. Pure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pytest_lambda_rollback.model.recorded import RecordedEvent, Skipped
from pytest_lambda_rollback.recording import json_text

KEY: Final = "lambda_rollback_record"
FORMAT: Final = 1
MAX_CHARS: Final = 8 * 1_048_576
"""Of one event's text, which is at most 6 MB where Lambda took it."""
_MAX_PENDING: Final = 100
_MAX_PENDING_CHARS: Final = 64 * 1_048_576

MISSING: Final = "a line of the recorder is missing"
UNKNOWN_FORMAT: Final = "a line of a recorder of another version"
DAMAGED: Final = "a line of the recorder is damaged"


@dataclass(slots=True)
class _Pending:
    of: int
    parts: dict[int, str] = field(default_factory=dict)
    chars: int = 0


@dataclass(slots=True)
class RecorderLines:
    """Joins the parts of events; at most a hundred are held while parts are missing."""

    function: str
    _pending: OrderedDict[tuple[str, str], _Pending] = field(default_factory=OrderedDict)
    _chars: int = 0

    def add(
        self, line: Mapping[str, object], *, origin: str = ""
    ) -> Iterator[RecordedEvent | Skipped]:
        """The event that the line completes, if it does, and what had to be given up."""
        if line.get(KEY) != FORMAT:
            yield Skipped(reason=UNKNOWN_FORMAT)
            return
        request, text, place = line.get("request_id"), line.get("event"), _place(line.get("part"))
        if not isinstance(request, str) or not isinstance(text, str) or place is None:
            yield Skipped(reason=DAMAGED)
            return
        number, of = place
        key = (str(line.get("function")), request)
        pending = self._pending.setdefault(key, _Pending(of=of))
        self._pending.move_to_end(key)
        if number not in pending.parts:
            pending.parts[number] = text
            pending.chars += len(text)
            self._chars += len(text)
        if pending.of != of or pending.chars > MAX_CHARS:
            self._drop(key)
            yield Skipped(reason=DAMAGED)
        elif len(pending.parts) == of:
            self._drop(key)
            whole = "".join(pending.parts[each] for each in range(1, of + 1))
            yield self._event(whole, line, origin)
        while len(self._pending) > _MAX_PENDING or self._chars > _MAX_PENDING_CHARS:
            self._drop(next(iter(self._pending)))
            yield Skipped(reason=MISSING)

    def rest(self) -> Iterator[Skipped]:
        """What never became complete."""
        for key in tuple(self._pending):
            self._drop(key)
            yield Skipped(reason=MISSING)

    def _drop(self, key: tuple[str, str]) -> None:
        self._chars -= self._pending.pop(key).chars

    def _event(self, text: str, line: Mapping[str, object], origin: str) -> RecordedEvent | Skipped:
        try:
            event = json_text.parsed(text)
        except ValueError:
            return Skipped(reason=DAMAGED)
        client_context, identity = line.get("client_context"), line.get("identity")
        return RecordedEvent(
            event=event,
            client_context=client_context if isinstance(client_context, dict) else None,
            identity=identity if isinstance(identity, dict) else None,
            source="recorder",
            function=self.function,
            version=_text(line.get("version")),
            time=_text(line.get("time")),
            origin=origin,
        )


def _place(part: object) -> tuple[int, int] | None:
    """(number, of): ``part`` as the line has it; a line without one is the whole event."""
    if part is None:
        return 1, 1
    if isinstance(part, list) and len(part) == 2 and all(type(each) is int for each in part):
        number, of = part
        if 1 <= number <= of <= 10_000:
            return number, of
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
