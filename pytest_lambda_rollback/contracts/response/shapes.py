"""Comparing answers by shape: what a caller of the current version may rely on.

That is the keys that are always there and their JSON types; a target may answer more. Lists of
several kinds of items are compared by kind (`kinds`), rows of a table column by column, and maps
whose keys are data by the shape of their values. This module knows neither HTTP nor event
sources.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pytest_lambda_rollback.contracts.response.differences import ANY_INDEX, Differences
from pytest_lambda_rollback.contracts.response.kinds import (
    Kinds,
    Value,
    forms_of,
    kinds_of,
)
from pytest_lambda_rollback.model.json_values import Json, Path, json_type

_ROWS = 3
"""Rows of one width from which lists of like values count as a table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One key that was seen in an object."""

    shape: Shape
    required: bool
    """True when every object at this place had the key."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The JSON shape at one place, merged over replays and over array elements.

    It has no slots, so that what only some comparisons need is found out once, when it is asked.
    """

    types: frozenset[str]
    """JSON types, at least one."""
    values: tuple[Json, ...]
    """The values themselves, at least one."""
    sample: Json
    """One of the values, preferably not null: for messages."""
    members: Mapping[str, Member]
    """By key; empty when no object was seen."""
    element: Shape | None
    """The merged shape of all elements; ``None`` when no element was seen."""

    @cached_property
    def entries(self) -> Shape | None:
        """The shape of the values of a map whose keys are data; ``None`` for any other object.

        An object is such a map where its keys replace one another from replay to replay and
        their values have one type.
        """
        coming = {key for key, member in self.members.items() if not member.required}
        if len(coming) < 2:
            return None
        own = {frozenset(coming & value.keys()) for value in self.values if isinstance(value, dict)}
        if len(own) < 2 or not all(own):
            return None
        values = [value for key in coming for value in self.members[key].shape.values]
        types = {json_type(value) for value in values} - {"null"}
        return shape_of(values) if len(types) == 1 else None

    @cached_property
    def table(self) -> Table | None:
        """The table that the lists here are; ``None`` where they are none."""
        return _table([each for each in self.values if isinstance(each, list)])

    @cached_property
    def kinds(self) -> tuple[tuple[Kinds, Mapping[Value, Shape]], ...]:
        """The shapes of the items of the lists here by kind, for each value that tells it."""
        return tuple(
            (kinds, {value: shape_of(items) for value, items in kinds.items.items()})
            for kinds in kinds_of([each for each in self.values if isinstance(each, list)])
        )

    @cached_property
    def forms(self) -> tuple[tuple[frozenset[str], Shape], ...]:
        """The shapes of objects by the keys that tell their kinds apart."""
        return tuple((keys, shape_of(items)) for keys, items in forms_of(self.values))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A list of rows."""

    columns: Mapping[int, tuple[Shape, ...]]
    """The shapes of the columns, by the width of the row."""
    header: bool = False
    """True if the first row has only the names of the columns."""
    widths: Mapping[str, int]
    """By the text in the first column: the least width of rows that begin with it."""


def shape_of(values: Iterable[Json]) -> Shape:
    """Merge the values seen at one place. Raises ValueError for no values at all."""
    seen = list(values)
    if not seen:
        raise ValueError("a shape needs at least one value")
    collected: dict[str, list[Json]] = {}
    elements: list[Json] = []
    objects = 0
    for value in seen:
        if isinstance(value, dict):
            objects += 1
            for key, member in value.items():
                collected.setdefault(key, []).append(member)
        elif isinstance(value, list):
            elements.extend(value)
    members: dict[str, Member] = {}
    for key, found in collected.items():
        members[key] = Member(shape=shape_of(found), required=len(found) == objects)
    return Shape(
        types=frozenset(map(json_type, seen)),
        values=tuple(seen),
        sample=next((value for value in seen if value is not None), None),
        members=members,
        element=shape_of(elements) if elements else None,
    )


def compare_shape(shape: Shape, target: Json, path: Path, differences: Differences) -> None:
    """Note where the target does not offer what the shape promises.

    Policy on null: where the current version never answers null, a null breaks a caller; if
    it has only answered null, a caller cannot rely on any type.
    """
    if differences.ignored(path) or differences.matched(path, shape.values, target):
        return
    kind = json_type(target)
    if kind not in shape.types:
        if shape.types != {"null"}:
            differences.retyped(path, shape.types, shape.sample, target)
        return
    if isinstance(target, dict):
        for key, member in shape.members.items():
            if key in target:
                compare_shape(member.shape, target[key], (*path, key), differences)
            elif member.required:
                differences.lost((*path, key), member.shape.sample)
        _compare_entries(shape, target, path, differences)
    elif isinstance(target, list) and shape.element is not None:
        _compare_elements(shape, shape.element, target, path, differences)


# --- maps ------------------------------------------------------------------------------------


def _compare_entries(
    shape: Shape, target: dict[str, Json], path: Path, differences: Differences
) -> None:
    """Compare the values of a map whose keys are data: ids, dates, whatever the replay made.

    A key more beside those that are known is an addition, as everywhere.
    """
    entries = shape.entries
    if entries is None:
        return
    unknown = [key for key in target if key not in shape.members]
    if not unknown or any(
        key in target and not member.required for key, member in shape.members.items()
    ):
        return
    for key in unknown:
        compare_shape(entries, target[key], (*path, ANY_INDEX), differences)


# --- lists -----------------------------------------------------------------------------------


def _compare_elements(
    shape: Shape, element: Shape, target: list[Json], path: Path, differences: Differences
) -> None:
    table = shape.table
    for index, each in enumerate(target):
        place = (*path, index)
        if table is not None and isinstance(each, list):
            _compare_row(table, each, place, differences, is_header=table.header and index == 0)
            continue
        offered = _kinds_like(shape, element, each)
        if len(offered) > 1 and any(_holds(kind, each, place, differences) for kind in offered):
            continue
        compare_shape(offered[0] if offered else element, each, place, differences)


def _kinds_like(shape: Shape, element: Shape, item: Json) -> list[Shape]:
    """The kinds that an item may be of; empty where the items are of one kind."""
    if not isinstance(item, dict):
        return []
    offered: list[Shape] = []
    for kinds, shapes in shape.kinds:
        value = kinds.value_of(item)
        if value is not None and value in shapes:
            offered.append(shapes[value])
    if not offered and element.forms:
        keys, form = max(element.forms, key=lambda each: len(each[0] & item.keys()))
        if keys & item.keys():
            offered.append(form)
    return offered


def _holds(shape: Shape, target: Json, path: Path, differences: Differences) -> bool:
    trial = differences.blank()
    compare_shape(shape, target, path, trial)
    return not len(trial)


def _table(lists: Sequence[list[Json]]) -> Table | None:
    """Read lists of lists as a table.

    What tells a table from any list of lists is that its columns differ in type, each being of
    one, or that all its rows have one width. A first row of text alone may be its header.
    """
    rows = [row for each in lists for row in each if isinstance(row, list)]
    if not rows or len(rows) < sum(map(len, lists)):
        return None
    columns = _columns(rows)
    if columns is not None:
        return Table(columns=columns, widths=_widths(rows))
    firsts = [each[0] for each in lists if each]
    below = [row for each in lists for row in each[1:] if isinstance(row, list)]
    headed = all(
        isinstance(row, list) and row and all(isinstance(cell, str) for cell in row)
        for row in firsts
    )
    columns = _columns(below) if headed and below else None
    return (
        Table(columns=columns, widths=_widths(below), header=True) if columns is not None else None
    )


def _columns(rows: Sequence[list[Json]]) -> Mapping[int, tuple[Shape, ...]] | None:
    by_width: dict[int, list[list[Json]]] = {}
    for row in rows:
        by_width.setdefault(len(row), []).append(row)
    if min(by_width) < 2:
        return None
    columns: dict[int, tuple[Shape, ...]] = {}
    mixed = False
    for width, those in by_width.items():
        shapes = tuple(shape_of(row[at] for row in those) for at in range(width))
        kinds = [shape.types - {"null"} for shape in shapes]
        if any(len(kind) > 1 for kind in kinds):
            return None
        mixed = mixed or len(set().union(*kinds)) > 1
        columns[width] = shapes
    if mixed or (len(by_width) == 1 and len(rows) >= _ROWS):
        return columns
    return None


def _widths(rows: Sequence[list[Json]]) -> Mapping[str, int]:
    widths: dict[str, int] = {}
    for row in rows:
        if isinstance(row[0], str):
            widths[row[0]] = min(len(row), widths.get(row[0], len(row)))
    return widths


def _compare_row(
    table: Table, row: list[Json], path: Path, differences: Differences, *, is_header: bool
) -> None:
    """Compare a row with those of its width, or else with the widest that it covers.

    A row that begins as another one does has no fewer columns than that.
    """
    if is_header or differences.ignored(path):
        return
    columns = table.columns
    width = max((each for each in columns if each <= len(row)), default=min(columns))
    if row and isinstance(row[0], str):
        width = max(width, table.widths.get(row[0], width))
    if width > len(row):
        differences.lost((*path, len(row)), columns[width][len(row)].sample)
    for at, shape in enumerate(columns[width][: len(row)]):
        compare_shape(shape, row[at], (*path, at), differences)
