"""The images that a clean removes: by age, by size, and in an order that Docker can follow."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.engines.docker.image_retention import (
    BuiltImage,
    ImagePlan,
    plan_images,
)

DAY_S = 86_400.0
NOW = 1_000 * DAY_S
BASE = "sha256:base"


def image(tag: str, parent: str = BASE, *, days: float, size: int = 10) -> BuiltImage:
    return BuiltImage(tag=tag, parent=parent, size_bytes=size, used_s=NOW - days * DAY_S)


def plan(
    *images: BuiltImage, max_age_days: float | None = None, max_bytes: int | None = None
) -> ImagePlan:
    return plan_images(images, max_age_days=max_age_days, max_bytes=max_bytes, now=NOW)


def tags(made: ImagePlan) -> list[str]:
    return [removal.tag for removal in made.removals]


CHAIN = (
    image("carrier", days=90),
    image("layer", "carrier", days=90, size=100),
    image("old", "layer", days=60),
    image("new", "layer", days=2),
)


def test_without_a_bound_all_stay() -> None:
    made = plan(*CHAIN)

    assert made == ImagePlan(kept=4, kept_bytes=130)


def test_age_spares_what_something_younger_stands_on() -> None:
    made = plan(*CHAIN, max_age_days=30)

    assert tags(made) == ["old"]
    assert made.removals[0].reason == "unused for 60 days"
    assert (made.kept, made.kept_bytes, made.removed_bytes) == (3, 120, 10)


def test_children_go_before_their_parents() -> None:
    assert tags(plan(*reversed(CHAIN), max_age_days=1)) == ["old", "new", "layer", "carrier"]


def test_size_takes_the_longest_unused_until_it_is_reached() -> None:
    made = plan(
        image("a", days=3), image("b", days=5), image("c", days=4), image("d", days=1), max_bytes=20
    )

    assert tags(made) == ["b", "c"]
    assert made.kept_bytes == 20
    assert made.over_bytes == 0
    assert {removal.reason for removal in made.removals} == {
        "the least recently used while over the size"
    }


def test_what_was_used_lately_stays_whatever_its_size() -> None:
    made = plan(image("a", days=0.01, size=500), image("b", days=2, size=500), max_bytes=100)

    assert tags(made) == ["b"]
    assert made.over_bytes == 400


@pytest.mark.parametrize("bounds", [{"max_age_days": 0.0}, {"max_bytes": 1}])
def test_parent_of_what_was_used_lately_stays(bounds: dict[str, float]) -> None:
    made = plan(image("carrier", days=300), image("code", "carrier", days=0.01), **bounds)  # type: ignore[arg-type]

    assert tags(made) == []


def test_images_that_claim_to_stand_on_each_other_end_the_search() -> None:
    made = plan(image("a", "b", days=9), image("b", "a", days=9), max_age_days=1)

    assert sorted(tags(made)) == ["a", "b"]
