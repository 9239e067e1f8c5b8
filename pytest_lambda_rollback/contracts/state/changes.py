"""What one event changed in the stored state."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pytest_lambda_rollback.model.services import StoredItem, StoredState

MESSAGES: Final = frozenset({"events", "kinesis", "sns", "sqs", "stepfunctions"})
"""Services that pass on what is sent to them: nobody reads it by a key."""

Key: TypeAlias = tuple[str, str, str]
"""Service, container and key of an item."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChange:
    """One item that was created, written over or deleted."""

    key: Key
    before: str | None = field(repr=False)
    """The value as `StoredItem` has it; ``None`` where there was no such item."""
    after: str | None = field(repr=False)

    @property
    def item(self) -> StoredItem:
        """The item as it is after the change, or was before it was deleted."""
        return item_of(self.key, self.after if self.after is not None else self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The changes of one event. Kept in place of whole states, of which there would be many."""

    items: tuple[ItemChange, ...] = ()
    messages: tuple[StoredItem, ...] = ()
    """What was sent, in the order of each container."""

    def __bool__(self) -> bool:
        return bool(self.items or self.messages)


def item_of(key: Key, value: str | None) -> StoredItem:
    """The item of a key."""
    service, container, name = key
    return StoredItem(service=service, container=container, key=name, value=value or "")


def describes_table(item: StoredItem) -> bool:
    """True for what tells of a table itself and is none of its items."""
    return item.service == "dynamodb" and item.key == ""


def items_of(state: StoredState) -> dict[Key, str]:
    """All that is stored under a key."""
    return {
        (each.service, each.container, each.key): each.value
        for each in state.items
        if each.service not in MESSAGES and not describes_table(each)
    }


def changes(before: StoredState, after: StoredState) -> Changes:
    """What differs between two states. Messages that were taken out are no difference."""
    if before.items == after.items:
        return Changes()
    old, new = items_of(before), items_of(after)
    changed = [key for key in dict.fromkeys((*old, *new)) if old.get(key) != new.get(key)]
    return Changes(
        items=tuple(
            ItemChange(key=key, before=old.get(key), after=new.get(key)) for key in sorted(changed)
        ),
        messages=_sent(before, after),
    )


def _sent(before: StoredState, after: StoredState) -> tuple[StoredItem, ...]:
    there = Counter(
        (each.service, each.container, each.value)
        for each in before.items
        if each.service in MESSAGES
    )
    sent = []
    for each in after.items:
        if each.service not in MESSAGES:
            continue
        mark = (each.service, each.container, each.value)
        if there[mark]:
            there[mark] -= 1
        else:
            sent.append(each)
    return tuple(sent)
