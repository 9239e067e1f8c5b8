"""The project that the tests of this folder drive pytest on."""

from __future__ import annotations

import pytest

from helpers.made_projects import RAISES_ON_GIFT_CARD, Project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Version 2 is current and 1 breaks on gift cards: one event is safe, one breaks."""
    monkeypatch.setenv("COLUMNS", "200")  # pytest cuts its short summary to the terminal
    made = Project(path=pytester.path, pytester=pytester)
    made.version("2")
    made.version("1", RAISES_ON_GIFT_CARD)
    made.event("create", {"id": 1})
    made.event("gift_card", {"id": 2, "gift_card": "x"})
    made.configure()
    return made
