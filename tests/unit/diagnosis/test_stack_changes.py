"""What differs between two stacks, and the hybrids between them."""

from __future__ import annotations

import itertools

import pytest

from helpers.made_versions import changed
from helpers.stack_builders import layer, version
from pytest_lambda_rollback.diagnosis.stack_changes import (
    Change,
    EnvironmentChange,
    LayerChange,
    OrderChange,
    apply,
    changes,
    hybrid,
    layer_changes,
    plain,
)
from pytest_lambda_rollback.model.versions import Layer
from pytest_lambda_rollback.reports.sentences.causes import named_change


def named(change: Change) -> str:
    return named_change(plain(change))


def layers(text: str) -> tuple[Layer, ...]:
    return tuple(layer(each.strip()) for each in text.split(",") if each.strip())


@pytest.mark.parametrize(
    ("own", "current", "expected"),
    [
        ("", "", []),
        ("shared 1", "shared 1", []),
        ("shared 1", "shared 2", ["layer shared 2 instead of shared 1"]),
        ("shared 1, jwt 6", "shared 2, jwt 7",
         ["layer shared 2 instead of shared 1", "layer jwt 7 instead of jwt 6"]),
        ("shared 1", "shared 1, jwt 7", ["layer jwt 7 added"]),
        ("shared 1, jwt 7", "shared 1", ["layer jwt 7 removed"]),
        ("shared 1", "", ["layer shared 1 removed"]),
        ("a 1, b 1", "b 1, a 1", ["layer order b, a instead of a, b"]),
        ("a 1, b 1", "b 1, a 2", ["layer a 2 instead of a 1", "layer order b, a instead of a, b"]),
        ("a 1, b 1, c 1", "a 1, new 1, b 1, c 2",
         ["layer new 1 added", "layer c 2 instead of c 1"]),
        # Another name in the same place has taken that place.
        ("deps-old, shared 1", "deps-new, shared 1", ["layer deps-new instead of deps-old"]),
        # The second layer of one name is paired with the second.
        ("x 1, x 2", "x 1, x 3", ["layer x 3 instead of x 2"]),
    ],
)  # fmt: skip
def test_changes_of_layers(own: str, current: str, expected: list[str]) -> None:
    assert [named(each) for each in layer_changes(layers(own), layers(current))] == expected


def test_a_layer_of_equal_content_is_no_change_whatever_it_is_called() -> None:
    own = (layer("shared 1", "same"), layer("old-name", "tools"))
    current = (layer("shared 2", "same"), layer("new-name", "tools"))
    assert layer_changes(own, current) == ()


@pytest.mark.parametrize(
    ("own", "current"),
    [
        ("a 1, b 1, c 1", "a 2, b 2, c 2"),
        ("a 1, b 1", "b 1, a 1"),
        ("a 1, b 1, c 1", "c 2, new 1, a 1"),
        ("", "a 1, b 1"),
        ("a 1, b 1", ""),
        ("x 1, x 2, y 1", "y 2, x 3"),
    ],
)
def test_the_ends_of_all_hybrids_are_the_two_stacks(own: str, current: str) -> None:
    one, other = layers(own), layers(current)
    found = layer_changes(one, other)
    assert apply(one, other, frozenset()) == one
    assert apply(one, other, frozenset(found)) == other
    without_order = [each for each in found if isinstance(each, LayerChange)]
    for size in range(len(without_order) + 1):
        for chosen in itertools.combinations(without_order, size):
            mixed = apply(one, other, frozenset(chosen))
            for change in without_order:
                taken = change in chosen
                assert (change.breaking in mixed) is (taken and change.breaking is not None)
                assert (change.working in mixed) is (not taken and change.working is not None)


@pytest.mark.parametrize(
    ("own", "current", "chosen", "expected"),
    [
        ("a 1, b 1, c 1", "a 2, b 2, c 2", ["layer b 2 instead of b 1"], "a 1, b 2, c 1"),
        ("a 1, b 1", "a 2, new 1, b 1", ["layer new 1 added"], "a 1, new 1, b 1"),
        ("a 1, b 1", "new 1, a 1, b 2", ["layer new 1 added"], "new 1, a 1, b 1"),
        ("a 1, b 1, c 1", "a 2, c 1", ["layer b 1 removed"], "a 1, c 1"),
        ("a 1, b 1", "b 2, a 2", ["layer b 2 instead of b 1"], "a 1, b 2"),
        ("a 1, b 1", "b 2, a 2", ["layer order b, a instead of a, b"], "b 1, a 1"),
    ],
)
def test_one_change_applied(own: str, current: str, chosen: list[str], expected: str) -> None:
    one, other = layers(own), layers(current)
    picked = frozenset(each for each in layer_changes(one, other) if named(each) in chosen)
    assert len(picked) == len(chosen)
    assert apply(one, other, picked) == layers(expected)


def test_runtime_and_environment_are_changes_as_layers_are() -> None:
    one = version("3", layer("a 1"), environment={"TABLE": "orders", "MODE": "old"})
    other = version("3", layer("a 2"), runtime="python3.13", environment={"MODE": "new", "X": "1"})
    found = changes(one, other)
    assert [named(each) for each in found] == [
        "layer a 2 instead of a 1",
        "runtime python3.13 instead of python3.11",
        "environment variable MODE changed",
        "environment variable TABLE removed",
        "environment variable X added",
    ]
    mixed = hybrid(one, other, frozenset(found[1:4]))
    assert (mixed.configuration.runtime, mixed.layers) == ("python3.13", one.layers)
    assert dict(mixed.configuration.environment) == {"MODE": "new"}
    assert hybrid(one, other, frozenset()) is one
    assert hybrid(one, other, frozenset(found)) is other


def test_settings_are_changes_too() -> None:
    one = version("3")
    other = changed(one, memory_mb=1024, architecture="arm64", timeout_s=1.5)
    found = changes(one, other)
    assert [named(each) for each in found] == [
        "arm64 instead of x86_64",
        "1024 MB of memory instead of 128 MB of memory",
        "a timeout of 1.5 s instead of a timeout of 3 s",
    ]
    assert hybrid(one, other, {found[1]}) == changed(one, memory_mb=1024)


def test_no_value_of_the_environment_is_shown() -> None:
    change = EnvironmentChange(name="KEY", working="secret-1", breaking="secret-2")
    assert "secret" not in f"{plain(change)!r} {change!r}"


def test_the_order_is_a_change_of_its_own() -> None:
    (change,) = layer_changes(layers("a 1, b 1"), layers("b 1, a 1"))
    assert change == OrderChange(working=("a", "b"), breaking=("b", "a"))
