"""Errors as users read them: what, why, what to do."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.errors import ConfigError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError("a is wrong"), "a is wrong."),
        (ConfigError("a is wrong", why="b"), "a is wrong: b."),
        (ConfigError("a is wrong", do="Correct it"), "a is wrong. Correct it."),
        (ConfigError("a is wrong", do='Did you mean "b"?'), 'a is wrong. Did you mean "b"?'),
    ],
)
def test_one_mark_ends_each_sentence(error: ConfigError, text: str) -> None:
    assert str(error) == text
