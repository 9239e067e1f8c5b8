"""The smallest set of changes that flips a check, and how often is asked for it."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from helpers.stack_builders import layer
from pytest_lambda_rollback.diagnosis.search import most_probes, smallest_flip
from pytest_lambda_rollback.diagnosis.stack_changes import EnvironmentChange, LayerChange

Breaks = Callable[[frozenset[str]], bool]


def search(count: int, breaks: Breaks, **options: int) -> tuple[set[str] | None, list[set[str]]]:
    """Search among the layers a, b, c, …; the set that was found, and what was asked."""
    names = [f"l{number:02}" for number in range(count)]
    changes = [LayerChange(working=layer(f"{n} 1"), breaking=layer(f"{n} 2")) for n in names]
    asked: list[set[str]] = []

    def named(chosen: frozenset[LayerChange]) -> frozenset[str]:
        return frozenset(each.breaking.name for each in chosen if each.breaking)

    def ask(chosen: frozenset[LayerChange]) -> bool:
        asked.append(set(named(chosen)))
        return breaks(named(chosen))

    found = smallest_flip(changes, ask, **options)
    return None if found is None else set(named(found)), asked


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 16, 30])
def test_a_single_culprit_is_found_wherever_it_is(count: int) -> None:
    for number in range(count):
        culprit = f"l{number:02}"
        found, asked = search(count, lambda chosen, c=culprit: c in chosen)  # type: ignore[misc]
        assert found == {culprit}
        assert len(asked) <= most_probes(count)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 9, 16])
def test_two_that_break_only_together_are_found_both(count: int) -> None:
    pair = {"l00", f"l{count - 1:02}"}
    found, asked = search(count, lambda chosen: pair <= chosen)
    assert found == pair
    assert len(asked) <= most_probes(count)


def test_nothing_is_asked_twice_and_never_more_than_the_cap() -> None:
    rng = random.Random(7)
    for _ in range(200):
        count = rng.randrange(1, 12)
        culprits = {f"l{n:02}" for n in rng.sample(range(count), rng.randrange(1, count + 1))}
        found, asked = search(count, lambda chosen, c=culprits: c <= chosen)  # type: ignore[misc]
        assert len({frozenset(each) for each in asked}) == len(asked)
        assert len(asked) <= most_probes(count)
        assert found in (None, culprits)


def test_few_changes_are_tried_one_at_a_time() -> None:
    _, asked = search(4, lambda chosen: "l01" in chosen)
    assert asked[2:] == [{"l00"}, {"l01"}, {"l00", "l02", "l03"}]


def test_many_changes_are_halved() -> None:
    _, asked = search(16, lambda chosen: "l13" in chosen)
    assert len(asked) <= 2 + 2 * 4


@pytest.mark.parametrize(
    "breaks",
    [
        pytest.param(lambda chosen: False, id="not even the whole set breaks"),
        pytest.param(lambda chosen: True, id="the working stack breaks as well"),
    ],
)
def test_no_flip_where_the_ends_do_not_differ(breaks: Breaks) -> None:
    assert search(3, breaks)[0] is None
    assert search(9, breaks)[0] is None


def test_no_changes_no_flip() -> None:
    assert search(0, lambda chosen: True) == (None, [])


def test_no_answer_where_the_cap_is_reached() -> None:
    found, asked = search(8, lambda chosen: {"l00", "l07"} <= chosen, max_probes=6)
    assert found is None
    assert len(asked) == 6


def test_of_two_that_break_alone_the_one_whose_removal_heals_is_taken() -> None:
    # l00 alone breaks, but with l01 applied it is l01 that decides.
    def breaks(chosen: frozenset[str]) -> bool:
        return "l01" in chosen or chosen == {"l00"}

    assert search(3, breaks)[0] == {"l01"}


def test_of_equals_the_topmost_layer_is_taken() -> None:
    assert search(3, lambda chosen: bool(chosen & {"l00", "l02"}))[0] == {"l02"}


def test_a_break_that_another_change_hides_is_found() -> None:
    # l00 breaks, l01 repairs that, l02 spoils the repair: not monotonic.
    def breaks(chosen: frozenset[str]) -> bool:
        return "l00" in chosen and ("l01" not in chosen or "l02" in chosen)

    assert search(3, breaks)[0] == {"l00"}


def test_what_cannot_be_asked_ends_the_search() -> None:
    def breaks(chosen: frozenset[str]) -> bool:
        raise OSError("no engine")

    with pytest.raises(OSError, match="no engine"):
        search(3, breaks)


def test_other_changes_than_layers_are_searched_alike() -> None:
    variables = [EnvironmentChange(name=name, working="1", breaking=None) for name in "ABC"]
    assert smallest_flip(variables, lambda chosen: variables[1] in chosen) == {variables[1]}
