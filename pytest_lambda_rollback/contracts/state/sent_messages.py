"""Comparing what an event sent: to queues, topics, buses, streams, and executions it started.

The readers of messages are other functions, which a replay does not run, so what a message lacks
is a finding whoever sent it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pytest_lambda_rollback.contracts.state.differences import (
    Difference,
    DifferenceKind,
    differences,
)
from pytest_lambda_rollback.contracts.state.matching import paired
from pytest_lambda_rollback.contracts.state.moments import Found, Moment
from pytest_lambda_rollback.contracts.state.values import Value, at, kind_of, shown, value_of
from pytest_lambda_rollback.model.findings import Details
from pytest_lambda_rollback.model.json_values import one_line
from pytest_lambda_rollback.model.services import StoredItem

_KINDS: Final = {
    DifferenceKind.LOST: "message-without",
    DifferenceKind.RETYPED: "message-type",
    DifferenceKind.UNIT: "message-unit",
}
_SENDERS: Final = frozenset({"deduplication", "name", "partition_key"})
"""What a sender chooses as it likes: readers do not see it, or do not rely on it."""
_ROUTING: Final = ("source", "detail_type")
"""By what rules of EventBridge choose events, see
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html"""


def judge(moment: Moment) -> Iterator[Found]:
    """Compare what a step sent with what the controls send."""
    sent = (moment.step, *moment.controls)
    places = {(m.service, m.container) for each in sent for m in each.changes.messages}
    for place in sorted(places):
        ours, *theirs = (
            [m for m in each.changes.messages if (m.service, m.container) == place] for each in sent
        )
        yield from _of_container(moment, ours, theirs)


def _of_container(
    moment: Moment, ours: Sequence[StoredItem], theirs: Sequence[Sequence[StoredItem]]
) -> Iterator[Found]:
    samples = [[_read(each) for each in some] for some in theirs]
    values = [_read(each) for each in ours]
    pairs, missing, extra = paired(samples, values)
    for known, number in pairs:
        for each in differences(known, values[number]):
            yield Found(
                finding=moment.finding(
                    _KINDS[each.kind],
                    ours[number],
                    place=each.place,
                    current=shown(each.current),
                    target=None if each.kind is DifferenceKind.LOST else shown(each.target),
                    details=_types(each),
                )
            )
        yield from _other_attribute_types(moment, ours[number], known, values[number])
        yield from _routed(moment, ours[number], known, values[number])
    if not moment.failed:
        for number in missing:
            yield Found(
                finding=moment.finding(
                    "message-missing", theirs[0][number], current=shown(samples[0][number])
                )
            )
    if extra:
        yield from _more(moment, ours[extra[0]], number=len(ours), least=min(map(len, theirs)))


def _read(item: StoredItem) -> Value:
    """What readers of a message get."""
    value = value_of(item)
    if not isinstance(value, dict):
        return value
    return {name: each for name, each in value.items() if name not in _SENDERS}


def _other_attribute_types(
    moment: Moment, item: StoredItem, known: Sequence[Value], value: Value
) -> Iterator[Found]:
    """Message attributes of another type, by which a subscription may not choose them any more.

    https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html
    """
    for attributes in at(value, ("attributes",)):
        for name in attributes if isinstance(attributes, dict) else ():
            place = ("attributes", name, "type")
            types = {shown(each) for one in known for each in at(one, place)}
            own = next((shown(each) for each in at(value, place)), None)
            if own is not None and types and own not in types:
                details = (("current_type", sorted(types)[0]), ("target_type", own))
                yield Found(
                    finding=moment.finding("message-type", item, place=place[:2], details=details)
                )


def _routed(
    moment: Moment, item: StoredItem, known: Sequence[Value], value: Value
) -> Iterator[Found]:
    """An event on a bus by whose marks no rule would choose it any more."""
    if item.service != "events" or not isinstance(value, dict):
        return
    for name in _ROUTING:
        texts = {str(each.get(name)) for each in known if isinstance(each, dict)}
        if name in value and len(texts) == 1 and str(value[name]) not in texts:
            yield Found(
                finding=moment.finding(
                    "message-routing",
                    item,
                    place=(name,),
                    current=one_line(texts.pop()),
                    target=one_line(str(value[name])),
                )
            )


def _more(moment: Moment, item: StoredItem, *, number: int, least: int) -> Iterator[Found]:
    """More messages than the controls send, unless the target alone sends as many."""
    alone = moment.alone()
    place = (item.service, item.container)
    if alone is not None:
        sent = sum((each.service, each.container) == place for each in alone.changes.messages)
        if sent >= number:
            return
    details = (("number", number), ("current_number", least))
    yield Found(
        finding=moment.finding("sends-more", item, target=shown(_read(item)), details=details)
    )


def _types(each: Difference) -> Details:
    if each.kind is DifferenceKind.LOST:
        return ()
    return (("current_type", kind_of(each.current)), ("target_type", kind_of(each.target)))
