"""The events that are tried cold where trying all would cost too much: the most different ones.

Events are ordered so that each adds as many new features (its source, its topics, paths with the
JSON types there) to those before it as an event can. Pure.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Iterator, Sequence

from pytest_lambda_rollback.aws_lambda.event_sources.interface import UNKNOWN, values_at
from pytest_lambda_rollback.aws_lambda.event_sources.registry import EventSources
from pytest_lambda_rollback.errors import RollbackError
from pytest_lambda_rollback.model.json_values import Json, parse

Feature = tuple[object, ...]

_DEPTH = 20


def most_different_first(payloads: Sequence[bytes], sources: EventSources) -> tuple[int, ...]:
    """The numbers of the events, the first event first; ties keep the order of the events."""
    features = [_features_of(payload, sources) for payload in payloads]
    covered: set[Feature] = set()
    # What an event adds only shrinks, so that an old count is never too low.
    queue = [(-len(own) if number else -1 << 30, number) for number, own in enumerate(features)]
    heapq.heapify(queue)
    order: list[int] = []
    while queue:
        _, number = heapq.heappop(queue)
        adds = len(features[number] - covered)
        if order and queue and (-adds, number) > queue[0]:
            heapq.heappush(queue, (-adds, number))
            continue
        covered |= features[number]
        order.append(number)
    return tuple(order)


def affordable(events: int, *, cost_s: float, budget_s: float) -> int:
    """How many events are tried cold: all, or a round number so that runs agree on it.

    The first event always is, since the warm pass begins with it.
    """
    if events * cost_s <= budget_s:
        return events
    afford = max(1, int(budget_s / cost_s))
    step = 1
    while step * 10 <= afford:
        step *= 10
    # 1, 2, 5, 10, 20, 50, …
    return min(events, next(step * each for each in (5, 2, 1) if step * each <= afford))


def _features_of(payload: bytes, sources: EventSources) -> frozenset[Feature]:
    try:
        event = parse(payload)
    except ValueError:
        return frozenset()
    try:
        source = sources.source_of(event)
    except RollbackError:  # of a plugin; judging the event meets it again
        source = UNKNOWN
    found: set[Feature] = {("source", source.name)}
    for place in source.topics:
        found.update(("topic", place, repr(value)) for value in values_at(event, place))
    found.update(_paths(event, (), 0))
    return frozenset(found)


def _paths(node: Json, path: tuple[str, ...], depth: int) -> Iterator[Feature]:
    """Paths and types; items of lists share a path, and JSON in a text is looked into."""
    if depth > _DEPTH:
        return
    if isinstance(node, str) and node[:1] in ("{", "["):
        with contextlib.suppress(ValueError):
            node = parse(node)
    yield path, type(node).__name__
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _paths(value, (*path, key), depth + 1)
    elif isinstance(node, list):
        for value in node:
            yield from _paths(value, (*path, "*"), depth + 1)
