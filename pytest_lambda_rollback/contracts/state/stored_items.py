"""Comparing what an event wrote under keys: items, objects, parameters, secrets.

Who writes back an item that was there must keep what was in it. Who creates an item writes it in
its own way: that is a finding only where a reader fails, and a warning until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pytest_lambda_rollback.contracts.state.changes import ItemChange, Key, item_of
from pytest_lambda_rollback.contracts.state.differences import (
    Difference,
    DifferenceKind,
    differences,
)
from pytest_lambda_rollback.contracts.state.matching import paired
from pytest_lambda_rollback.contracts.state.moments import Found, Moment
from pytest_lambda_rollback.contracts.state.values import (
    Value,
    at,
    kind_of,
    shown,
    value_of,
    value_of_text,
)

_WRITING: Final = (
    "Put",
    "Update",
    "BatchWrite",
    "TransactWrite",
    "BatchExecute",
    "Execute",
    "Copy",
)
"""How the operations begin that write."""


def judge(moment: Moment) -> Iterator[Found]:
    """Compare what a step did to items with what the controls do."""
    own = {change.key: change for change in moment.step.changes.items}
    theirs = [{change.key: change for change in each.changes.items} for each in moment.controls]
    yield from _of_equal_keys(moment, own, theirs)
    if not moment.failed:
        yield from _unwritten(moment, own, theirs)
    yield from _of_other_keys(moment, own, theirs)


def _of_equal_keys(
    moment: Moment, own: dict[Key, ItemChange], theirs: list[dict[Key, ItemChange]]
) -> Iterator[Found]:
    """Items that the step changed and that the controls have under the same key."""
    for key, change in own.items():
        samples = [each for each in _afters(moment, theirs, key) if each is not None]
        if len(samples) < len(theirs):
            continue
        if change.after is None:
            yield Found(finding=moment.finding("deletes-item", change.item))
        else:
            anew = key in moment.created or all(key not in b for b in moment.control_before)
            values = [value_of_text(key[0], each) for each in samples]
            yield from _compared(moment, change, values, anew=anew)


def _unwritten(
    moment: Moment, own: dict[Key, ItemChange], theirs: list[dict[Key, ItemChange]]
) -> Iterator[Found]:
    """Items that every control changed and the step did not."""
    first, *others = theirs
    for key, change in first.items():
        if key in own or not all(key in each for each in others):
            continue
        if change.after is None:
            if key in moment.before:
                yield Found(finding=moment.finding("keeps-item", item_of(key, moment.before[key])))
        elif key not in moment.before:
            value = shown(value_of(change.item))
            yield Found(finding=moment.finding("writes-no-item", change.item, current=value))
        elif change.before is not None and not _wrote(moment, change.item.container):
            yield Found(finding=moment.finding("leaves-item", change.item))


def _of_other_keys(
    moment: Moment, own: dict[Key, ItemChange], theirs: list[dict[Key, ItemChange]]
) -> Iterator[Found]:
    """Items whose keys are generated, and those that are more than the controls have."""
    unknown = [
        change
        for key, change in own.items()
        if change.after is not None
        and all(each is None for each in _afters(moment, theirs, key))
        and not any(key in each for each in theirs)
    ]
    generated = [
        [
            change
            for key, change in each.items()
            if change.after is not None and None in _afters(moment, theirs, key)
        ]
        for each in theirs
    ]
    for anew in (True, False):
        ours = [each for each in unknown if (each.before is None) is anew]
        made = [[each for each in some if (each.before is None) is anew] for some in generated]
        places = {each.key[:2] for each in (*ours, *(one for some in made for one in some))}
        for place in sorted(places):
            yield from _of_container(
                moment,
                [each for each in ours if each.key[:2] == place],
                [[each for each in some if each.key[:2] == place] for some in made],
                anew=anew,
            )


def _of_container(
    moment: Moment,
    ours: Sequence[ItemChange],
    theirs: Sequence[Sequence[ItemChange]],
    *,
    anew: bool,
) -> Iterator[Found]:
    samples = [[value_of(each.item) for each in some] for some in theirs]
    pairs, missing, extra = paired(samples, [value_of(each.item) for each in ours])
    for values, number in pairs:
        yield from _compared(moment, ours[number], values, anew=anew)
    if not anew:
        return
    if not moment.failed:
        for number in missing:
            item = theirs[0][number].item
            value = shown(value_of(item))
            yield Found(finding=moment.finding("writes-no-item", item, current=value))
    if extra:
        yield from _more(moment, ours[extra[0]])


def _more(moment: Moment, change: ItemChange) -> Iterator[Found]:
    """More new items than the controls have, unless the target alone has as many."""

    def created(changes: Sequence[ItemChange]) -> int:
        return sum(each.key[:2] == change.key[:2] and each.before is None for each in changes)

    number = created(moment.step.changes.items)
    alone = moment.alone()
    if alone is not None and created(alone.changes.items) >= number:
        return
    least = min(created(each.changes.items) for each in moment.controls)
    value = shown(value_of(change.item))
    details = (("number", number), ("current_number", least))
    yield Found(
        finding=moment.finding("writes-more-items", change.item, target=value, details=details)
    )


def _compared(
    moment: Moment, change: ItemChange, samples: Sequence[Value], *, anew: bool
) -> Iterator[Found]:
    """Compare the value after a change with what the controls have there."""
    service, container, _ = change.key
    after = value_of(change.item)
    before = None if change.before is None else value_of_text(service, change.before)
    expiry = moment.expiry.get(container) if service == "dynamodb" else None
    for each in differences(samples, after):
        earlier = [] if before is None else list(at(before, each.place))
        if earlier and earlier == list(at(after, each.place)):
            continue  # It was so before the event.
        expires = expiry is not None and each.place == (expiry,)
        certain = each.kind is DifferenceKind.UNIT or _expires_no_more(each, expires)
        if not certain and anew:
            # What the current version derives from the target's data is a reader's answer too.
            certain = not moment.by_target and before is None
        elif not certain:
            certain = _was_there(each, earlier)
        if not certain and not moment.by_target:
            continue
        yield Found(
            finding=moment.finding(
                _kind(each, written_back=bool(earlier) and not anew),
                change.item,
                place=each.place,
                current=shown(each.current),
                target=None if each.kind is DifferenceKind.LOST else shown(each.target),
                details=_types(each, expires=expires),
            ),
            is_certain=certain,
        )


def _was_there(each: Difference, earlier: Sequence[Value]) -> bool:
    """True for a difference that the event itself made in an item that was there."""
    if each.kind is DifferenceKind.LOST:
        return bool(earlier)
    return any(kind_of(value) == kind_of(each.current) for value in earlier)


def _expires_no_more(each: Difference, expires: bool) -> bool:
    """DynamoDB deletes no item whose time is not a number."""
    return expires and each.kind is DifferenceKind.RETYPED


def _kind(each: Difference, *, written_back: bool) -> str:
    if each.kind is DifferenceKind.LOST:
        return "drops-attribute" if written_back else "omits-attribute"
    if each.kind is DifferenceKind.UNIT:
        return "changes-unit"
    return "changes-type" if written_back else "writes-other-type"


def _types(each: Difference, *, expires: bool) -> tuple[tuple[str, str | bool], ...]:
    if each.kind is DifferenceKind.LOST:
        return (("expires", expires),)
    return (
        ("expires", expires),
        ("current_type", kind_of(each.current)),
        ("target_type", kind_of(each.target)),
    )


def _afters(moment: Moment, theirs: Sequence[dict[Key, ItemChange]], key: Key) -> list[str | None]:
    """The value that each control has under a key after the step."""
    return [
        changed[key].after if key in changed else before.get(key)
        for changed, before in zip(theirs, moment.control_before, strict=True)
    ]


def _wrote(moment: Moment, container: str) -> bool:
    """True if a write to a container was asked for, which then changed nothing."""
    return any(
        each.operation.startswith(_WRITING) and container in each.parameters
        for each in moment.step.outcome.requests
    )
