"""Responses with a result for each record: Firehose transformation and S3 Batch Operations. Pure.

Both services hand over records with an identity and expect each of them back with a result.
"Required parameters for data transformation" of Firehose: ``recordId``, ``result`` (``Ok``,
``Dropped`` or ``ProcessingFailed``) and base64 ``data``; what is missing or of another identity
counts as failed. "Invoke AWS Lambda function" of S3 Batch Operations: ``taskId`` and
``resultCode`` (``Succeeded``, ``TemporaryFailure``, ``PermanentFailure``); for a task that is
missing ``treatMissingKeysAs`` counts.

A record that both versions fail is no break, nor is one that only the current version fails or
drops. What the records carry is compared record by record.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_lambda_rollback.aws_lambda.event_sources.recognition import Event, Object, Source
from pytest_lambda_rollback.contracts.response.comparison import Compared, compare_shape
from pytest_lambda_rollback.contracts.response.differences import Differences
from pytest_lambda_rollback.contracts.response.shapes import shape_of
from pytest_lambda_rollback.model.json_values import Json, TooDeepError, parse, short_text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Protocol:
    """Where a service's response has what."""

    list_name: str
    identity: str
    result: str
    good: tuple[str, ...]
    """Results that are no failure, the best one first."""


_FIREHOSE = _Protocol(
    list_name="records", identity="recordId", result="result", good=("Ok", "Dropped")
)
_S3_BATCH = _Protocol(
    list_name="results", identity="taskId", result="resultCode", good=("Succeeded",)
)


def read_results(
    current: Sequence[Json], target: Json, differences: Differences, *, event: Event, exact: bool
) -> Compared:
    """Note records that the target fails, drops or forgets and the current version does not.

    In mode ``shape`` that, and the data of the records, is all that is compared. Raises
    TooDeepError for data that nests too deep.
    """
    protocol = _FIREHOSE if event.source is Source.FIREHOSE else _S3_BATCH
    runs = [_by_identity(value, protocol) for value in current]
    as_is = Compared(current=tuple(current), target=target)
    if any(run is None for run in runs):
        return as_is
    other = _by_identity(target, protocol)
    if other is None:
        differences.other(
            (),
            "malformed-response",
            f"TARGET answers without a list of {protocol.list_name}, by which {event.source} "
            "takes all of them for failed",
            short_text(current[0]),
            short_text(target),
        )
        return Compared(current=tuple(current), target=target, settled=True)
    before = len(differences)
    for record in event.records:
        identity = record.get(protocol.identity)
        if isinstance(identity, str):
            known = [(run or {}).get(identity) for run in runs]
            _record(known, other.get(identity), protocol, identity, differences, exact=exact)
    settled = not exact or len(differences) > before
    return Compared(
        current=tuple(_readable(value, protocol) for value in current),
        target=_readable(target, protocol),
        settled=settled,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    index: int
    value: Object

    def name(self, protocol: _Protocol) -> str:
        return str(self.value.get(protocol.result))


def _by_identity(value: Json, protocol: _Protocol) -> dict[str, _Result] | None:
    """The results by the identity of their record; ``None`` for another kind of response."""
    found = value.get(protocol.list_name) if isinstance(value, dict) else None
    if not isinstance(found, list):
        return None
    return {
        str(each.get(protocol.identity)): _Result(index=index, value=each)
        for index, each in enumerate(found)
        if isinstance(each, dict)
    }


def _record(
    known: Sequence[_Result | None],
    found: _Result | None,
    protocol: _Protocol,
    identity: str,
    differences: Differences,
    *,
    exact: bool,
) -> None:
    runs = [result for result in known if result is not None]
    names = {result.name(protocol) for result in runs}
    if len(runs) != len(known) or not names <= set(protocol.good):
        return  # the current version does not always get this record through itself
    name = found.name(protocol) if found is not None else "no result"
    path = (protocol.list_name, found.index if found is not None else identity)
    if found is None or name not in protocol.good:
        differences.other(
            path, "record-failed", "TARGET fails a record that CURRENT gets through",
            short_text(runs[0].value), short_text(found.value if found else None),
        )  # fmt: skip
        return
    if name == "Dropped" and names == {"Ok"}:
        differences.other(
            path, "record-dropped", "TARGET drops a record that CURRENT passes on",
            short_text(runs[0].value), short_text(found.value),
        )  # fmt: skip
        return
    if protocol is _FIREHOSE and not exact and name == "Ok" and names == {"Ok"}:
        values: list[Json] = [_decoded(result.value) for result in runs]
        compare_shape(shape_of(values), _decoded(found.value), path, differences)


def _readable(value: Json, protocol: _Protocol) -> Json:
    """A response with the data of its records decoded."""
    found = value.get(protocol.list_name) if isinstance(value, dict) else None
    if protocol is not _FIREHOSE or not isinstance(value, dict) or not isinstance(found, list):
        return value
    records = [_decoded(each) if isinstance(each, dict) else each for each in found]
    return {**value, protocol.list_name: records}


def _decoded(record: Object) -> Json:
    """A record with its base64 data as JSON where it is JSON, else as text where it is text."""
    data = record.get("data")
    if not isinstance(data, str):
        return record
    try:
        text = base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return record
    try:
        return {**record, "data": parse(text)}
    except TooDeepError:
        raise
    except ValueError:
        return {**record, "data": text}
