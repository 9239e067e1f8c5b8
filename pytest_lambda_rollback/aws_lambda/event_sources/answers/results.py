"""Answers with a result for each record, as Firehose and S3 Batch Operations read them.

These services hand over records with an identity and expect each of them back with a result. A
record that both versions fail is not a break, nor is one that only the current version fails or
drops. The data that records carry is compared record by record.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    Object,
    Part,
    records,
)
from pytest_lambda_rollback.model.json_values import Json, TooDeepError, parse, short_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultAnswers:
    """How one service reads the results of records."""

    sent: str
    """The event's list of records."""
    answered: str
    """The answer's list of results."""
    identity: str
    """The member that says which record a result is of, in both lists."""
    result: str
    """The member with the result."""
    good: tuple[str, ...]
    """Results that are not failures, the best one first."""
    needed: tuple[str, ...] = ()
    """Members of the answer besides, without which the service refuses it."""
    for_missing: str = ""
    """The answer's member with the result of records that it does not list."""
    carries_data: bool = False
    """Results carry a record's new content as base64 in ``data``."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Note records that the target fails, drops or forgets and the current version does not.

        Unless values are compared (``exact``), only that and the data of the records counts.
        Raises TooDeepError for data that nests too deep.
        """
        for name in self.needed:
            if _has(target, name) or not all(_has(run, name) for run in current):
                continue
            differences.rule(
                (name,),
                "malformed-response",
                f"TARGET answers without PLACE, so {event.source.name} treats all "
                f"{self.sent} as failed",
                short_text(current[0]),
                None,
            )
            return Compared(current=tuple(current), target=target, settled=True)
        runs = [self._by_identity(value) for value in current]
        if any(run is None for run in runs):
            return Compared(current=tuple(current), target=target)
        other = self._by_identity(target)
        if other is None:
            differences.rule(
                (),
                "malformed-response",
                f"TARGET answers without a list of {self.answered}, so {event.source.name} "
                "treats all of them as failed",
                short_text(current[0]),
                short_text(target),
            )
            return Compared(current=tuple(current), target=target, settled=True)
        before = len(differences)
        self._note_lost_separator(runs, other, differences)
        parts: list[Part] = []
        for record in records(event.value, self.sent):
            identity = record.get(self.identity)
            if isinstance(identity, str):
                known = [
                    self._result(run or {}, identity, value)
                    for run, value in zip(runs, current, strict=True)
                ]
                result = self._result(other, identity, target)
                parts += self._record(known, result, identity, differences)
        return Compared(
            current=tuple(self._decoded(value) for value in current),
            target=self._decoded(target),
            settled=not exact or len(differences) > before,
            parts=() if exact else tuple(parts),
        )

    def _result(self, results: dict[str, _Result], identity: str, answer: Json) -> _Result | None:
        """The result of a record, also of one that the answer does not list."""
        if identity in results or not self.for_missing or not isinstance(answer, dict):
            return results.get(identity)
        usual = answer.get(self.for_missing)
        if not isinstance(usual, str):
            return None
        return _Result(index=identity, name=usual, value={self.result: usual})

    def _by_identity(self, value: Json) -> dict[str, _Result] | None:
        """The results by the identity of their record; ``None`` for another kind of response."""
        found = value.get(self.answered) if isinstance(value, dict) else None
        if not isinstance(found, list):
            return None
        return {
            str(each.get(self.identity)): _Result(
                index=index, name=str(each.get(self.result)), value=each
            )
            for index, each in enumerate(found)
            if isinstance(each, dict)
        }

    def _record(
        self,
        known: Sequence[_Result | None],
        found: _Result | None,
        identity: str,
        differences: Differences,
    ) -> list[Part]:
        """Note a record that the target fails or drops; the data of one that both pass on."""
        runs = [result for result in known if result is not None]
        names = {result.name for result in runs}
        if len(runs) != len(known) or not names <= set(self.good):
            return []  # the current version does not always get this record through itself
        path = (self.answered, found.index if found is not None else identity)
        if found is None or found.name not in self.good:
            differences.rule(
                path, "record-failed", "TARGET fails a record that CURRENT processes",
                short_text(runs[0].value), short_text(found.value if found else None),
            )  # fmt: skip
            return []
        best = self.good[0]
        if found.name != best and names == {best}:
            differences.rule(
                path, "record-dropped", "TARGET drops a record that CURRENT passes on",
                short_text(runs[0].value), short_text(found.value),
            )  # fmt: skip
            return []
        if not self.carries_data or {found.name, *names} != {best}:
            return []
        data = [_bytes(result.value) for result in runs]
        content = _bytes(found.value)
        if None in data:
            return []  # the service cannot read the current version's own data
        if content is None:
            differences.rule(
                (*path, "data"), "record-failed",
                "TARGET answers data at PLACE that is not base64, so the record fails",
                short_text(runs[0].value), short_text(found.value),
            )  # fmt: skip
            return []
        if not content and all(data):
            differences.other(
                (*path, "data"), "record-empty", "TARGET answers no data at PLACE, CURRENT does",
                short_text(runs[0].value), short_text(found.value),
            )  # fmt: skip
            return []
        values = tuple(_with_data(result.value) for result in runs)
        return [Part(path=path, current=values, target=_with_data(found.value))]

    def _note_lost_separator(
        self,
        runs: Sequence[dict[str, _Result] | None],
        other: dict[str, _Result],
        differences: Differences,
    ) -> None:
        """Note records that no longer end with the line break that separates them.

        The service joins the data of records as it is, so that a reader of lines finds one line.
        """
        if not self.carries_data:
            return
        known = [text for run in runs for text in self._data(run or {})]
        found = self._data(other)
        if not known or not found or not all(text.endswith(b"\n") for text in known):
            return
        bare = [text for text in found if text and not text.endswith(b"\n")]
        if bare:
            differences.rule(
                (self.answered,),
                "lost-separator",
                "TARGET answers records at PLACE that do not end with the line break that "
                "separates those of CURRENT",
                short_text(known[0].decode("utf-8", "replace")),
                short_text(bare[0].decode("utf-8", "replace")),
            )

    def _data(self, results: dict[str, _Result]) -> list[bytes]:
        passed = [each for each in results.values() if each.name == self.good[0]]
        return [data for each in passed if (data := _bytes(each.value))]

    def _decoded(self, value: Json) -> Json:
        """A response with the data of its records decoded."""
        found = value.get(self.answered) if isinstance(value, dict) else None
        if not self.carries_data or not isinstance(value, dict) or not isinstance(found, list):
            return value
        decoded = [_with_data(each) if isinstance(each, dict) else each for each in found]
        return {**value, self.answered: decoded}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    index: int | str
    """The position in the list, or the identity of a record that is not in it."""
    name: str
    value: Object


def _has(value: Json, name: str) -> bool:
    return isinstance(value, dict) and value.get(name) is not None


def _bytes(result: Object) -> bytes | None:
    """The data of a result; ``None`` for a missing one, and for what is not base64."""
    data = result.get("data")
    try:
        return base64.b64decode(data, validate=True) if isinstance(data, str) else None
    except (binascii.Error, ValueError):
        return None


def _with_data(result: Object) -> Json:
    """A result with its base64 data as JSON if it is JSON, else as text if it is text."""
    data = result.get("data")
    if not isinstance(data, str):
        return result
    try:
        text = base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return result
    if text.lstrip()[:1] not in ("{", "["):  # a line of numbers or words is no JSON document
        return {**result, "data": text}
    try:
        return {**result, "data": parse(text)}
    except TooDeepError:
        raise
    except ValueError:
        return {**result, "data": _lines(text) or text}


def _lines(text: str) -> list[Json]:
    """The documents of JSON lines, as of log events; empty for other text."""
    try:
        return [parse(line) for line in text.splitlines() if line.strip()]
    except TooDeepError:
        raise
    except ValueError:
        return []
