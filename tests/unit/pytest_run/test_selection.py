from __future__ import annotations

import pytest

from pytest_lambda_rollback.pytest_run.selection import Reach, Selection, reach

NAMES = ("shop", "lambda-rollback.toml", "gone")
MARKS = ("lambda_rollback",)
POSSIBLE = frozenset(
    {"alias", "redeploy", "platform", "imports", "events", "4-alias", "create_order", "cart_full"}
)
FUNCTIONS = frozenset({"gone", "cart", "pay"})


@pytest.mark.parametrize(
    ("keywords", "meant"),
    [
        # What checks of any function may be called.
        ("alias", True),
        ("ALIAS", True),
        ("3-alias", True),
        ("17-redeploy", True),
        ("3", True),
        ("create_order", True),
        ("create", True),
        ("platform or imports", True),
        ("alias and not gift_card", True),
        ("not redeploy", True),
        ("not (create_order or redeploy)", True),
        # What this function's checks are called.
        ("gone", True),
        ("gone and alias", True),
        ("go", True),
        ("lambda-rollback.toml", True),
        ("lambda_rollback and not cart", True),
        # Another function, by its name.
        ("pay", False),
        ("pay and alias", False),
        ("cart", False),
        ("cart or pay", False),
        ("alias and not gone", False),
        # Something else altogether.
        ("test_login", False),
        ("test_login and not slow", False),
        # A check's name and a function's name may begin alike: nothing is left out then.
        ("car", True),
        # What is not understood leaves nothing out.
        ("alias and (", True),
        ("pay )", True),
    ],
)
def test_words_that_may_mean_a_function_that_is_not_known(keywords: str, meant: bool) -> None:
    selection = Selection(keywords=keywords, possible=POSSIBLE, functions=FUNCTIONS)
    assert selection.may_mean(names=NAMES, marks=MARKS) is meant


@pytest.mark.parametrize(
    ("markers", "meant"),
    [
        ("lambda_rollback", True),
        ("not lambda_rollback", False),
        ("slow", False),
        ("slow or lambda_rollback", True),
        ("not slow", True),
        ("level(number=1)", True),
    ],
)
def test_markers_are_known(markers: str, meant: bool) -> None:
    selection = Selection(keywords="alias", markers=markers, possible=POSSIBLE, functions=FUNCTIONS)
    assert selection.may_mean(names=NAMES, marks=MARKS) is meant


def test_not_leaves_open_what_is_open() -> None:
    assert reach("not a", lambda _: Reach.PERHAPS) is Reach.PERHAPS
    assert reach("not not a", lambda _: Reach.YES) is Reach.YES
    assert reach("a and not a", lambda _: Reach.PERHAPS) is Reach.PERHAPS
