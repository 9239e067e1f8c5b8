"""The lines of the recorder: parts become events, with the answers of services that belong to them.

A line is one JSON object: ``lambda_rollback_record`` (1), ``function``, ``version``,
``request_id``, ``time``, ``part`` ([i, n], i from 1) and ``event``: the event's JSON text, or its
i-th part, since CloudWatch Logs bounds a line. Where the line of an event has ``answers``, other
lines of the request have ``downstream`` in place of ``event``, JSON text of entries, or
``incomplete``, which says why there are none. An invocation that was cut off has none of these.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pytest_lambda_rollback.model.recorded import RecordedEvent, Skipped
from pytest_lambda_rollback.recording import json_text
from pytest_lambda_rollback.recording.log_lines import KEY

FORMAT: Final = 1
MAX_CHARS: Final = 8 * 1_048_576
"""Of one event's text, and of its answers; Lambda accepts events of at most 6 MB."""
_MAX_PENDING: Final = 100
_MAX_PENDING_CHARS: Final = 64 * 1_048_576
_REASON: Final = re.compile(r"[A-Za-z][A-Za-z0-9 _:,.]{0,99}")

MISSING: Final = "a recorder line is missing"
UNKNOWN_FORMAT: Final = "a recorder line has an unknown format"
DAMAGED: Final = "a recorder line is damaged"
CUT_OFF: Final = "the invocation ended before its answers were logged"
DAMAGED_ANSWERS: Final = "their lines in the log are damaged"


@dataclass(slots=True)
class _Parts:
    of: int
    texts: dict[int, str] = field(default_factory=dict)
    chars: int = 0

    def add(self, number: int, text: str) -> int:
        """Characters that were added."""
        if number in self.texts:
            return 0
        self.texts[number] = text
        self.chars += len(text)
        return len(text)

    @property
    def whole(self) -> str | None:
        if len(self.texts) < self.of:
            return None
        return "".join(self.texts[each] for each in range(1, self.of + 1))


@dataclass(slots=True)
class _Pending:
    event: _Parts | None = None
    downstream: _Parts | None = None
    recorded: RecordedEvent | None = None
    """The event, once it is complete."""
    no_downstream: str = ""
    """Why there are no answers, once that is known."""

    @property
    def chars(self) -> int:
        return sum(parts.chars for parts in (self.event, self.downstream) if parts is not None)


@dataclass(slots=True)
class RecorderLines:
    """Joins the parts of events; at most a hundred are held while parts are missing."""

    function: str
    _pending: OrderedDict[tuple[str, str], _Pending] = field(default_factory=OrderedDict)
    _chars: int = 0

    def add(
        self, line: Mapping[str, object], *, origin: str = ""
    ) -> Iterator[RecordedEvent | Skipped]:
        """The event that the line completes, if it does, and events that were given up."""
        if line.get(KEY) != FORMAT:
            yield Skipped(reason=UNKNOWN_FORMAT)
            return
        request, place = line.get("request_id"), _part_of(line.get("part"))
        kind = next((key for key in ("event", "downstream", "incomplete") if key in line), "event")
        text = line.get(kind)
        if not isinstance(request, str) or not isinstance(text, str) or place is None:
            yield Skipped(reason=DAMAGED)
            return
        key = (str(line.get("function")), request)
        pending = self._pending.setdefault(key, _Pending())
        self._pending.move_to_end(key)
        if kind == "event":
            yield from self._event_part(key, pending, place, text, line, origin)
        else:
            yield from self._answers_part(key, pending, place, text, kind)
        while len(self._pending) > _MAX_PENDING or self._chars > _MAX_PENDING_CHARS:
            yield from self._given_up(next(iter(self._pending)))

    def rest(self) -> Iterator[RecordedEvent | Skipped]:
        """The events whose answers never came, and one for each that never became complete."""
        for key in tuple(self._pending):
            yield from self._given_up(key)

    def _event_part(
        self,
        key: tuple[str, str],
        pending: _Pending,
        place: tuple[int, int],
        text: str,
        line: Mapping[str, object],
        origin: str,
    ) -> Iterator[RecordedEvent | Skipped]:
        number, of = place
        parts = pending.event = pending.event or _Parts(of=of)
        self._chars += parts.add(number, text)
        if parts.of != of or parts.chars > MAX_CHARS:
            self._drop(key)
            yield Skipped(reason=DAMAGED)
            return
        whole = parts.whole
        if whole is None:
            return
        found = self._event(whole, line, origin)
        if isinstance(found, Skipped) or line.get("answers") is not True:
            self._drop(key)
            yield found
            return
        pending.recorded = found
        yield from self._completed(key, pending)

    def _answers_part(
        self,
        key: tuple[str, str],
        pending: _Pending,
        place: tuple[int, int],
        text: str,
        kind: str,
    ) -> Iterator[RecordedEvent]:
        number, of = place
        if kind == "incomplete":
            pending.no_downstream = text if _REASON.fullmatch(text) else DAMAGED_ANSWERS
        elif not pending.no_downstream:
            parts = pending.downstream = pending.downstream or _Parts(of=of)
            self._chars += parts.add(number, text)
            if parts.of != of or parts.chars > MAX_CHARS:
                self._chars -= parts.chars
                pending.downstream, pending.no_downstream = None, DAMAGED_ANSWERS
        yield from self._completed(key, pending)

    def _completed(self, key: tuple[str, str], pending: _Pending) -> Iterator[RecordedEvent]:
        """The event, if it and its answers are complete."""
        if pending.recorded is None:
            return
        if pending.no_downstream:
            self._drop(key)
            yield replace(pending.recorded, no_downstream=pending.no_downstream)
            return
        whole = pending.downstream.whole if pending.downstream is not None else None
        if whole is None:
            return
        self._drop(key)
        try:
            entries = json_text.parse(whole)
        except ValueError:
            entries = None
        if isinstance(entries, list):
            yield replace(pending.recorded, downstream=entries)
        else:
            yield replace(pending.recorded, no_downstream=DAMAGED_ANSWERS)

    def _given_up(self, key: tuple[str, str]) -> Iterator[RecordedEvent | Skipped]:
        pending = self._drop(key)
        if pending.recorded is not None:
            yield replace(pending.recorded, no_downstream=CUT_OFF)
        elif pending.event is not None:
            yield Skipped(reason=MISSING)

    def _drop(self, key: tuple[str, str]) -> _Pending:
        pending = self._pending.pop(key)
        self._chars -= pending.chars
        return pending

    def _event(self, text: str, line: Mapping[str, object], origin: str) -> RecordedEvent | Skipped:
        try:
            event = json_text.parse(text)
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


def _part_of(part: object) -> tuple[int, int] | None:
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
