"""Many functions in one run: the answer for all is found at once."""

from __future__ import annotations

import pytest

from helpers.made_projects import Project


@pytest.fixture
def shop(project: Project) -> Project:
    """Four functions that can go back, and one without events."""
    project.version("1")
    (project.path / "none").mkdir()
    file = project.path / "lambda-rollback.toml"
    tables = [file.read_text().replace("functions.orders", f"functions.f{n}") for n in range(5)]
    tables[3] = tables[3].replace('"events"', '"none"')
    project.write("".join(tables))
    return project


def test_what_is_safe_has_a_line_and_the_last_one_is_the_answer(shop: Project) -> None:
    result = shop.run()
    result.assert_outcomes(passed=46, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*= lambda-rollback =*",
            "f0, current version 2: 1 is safe",
            "f1, current version 2: 1 is safe",
            "f2, current version 2: 1 is safe",
            "f4, current version 2: 1 is safe",
            "",
            "f3, current version 2",
            "  1       UNKNOWN (1 unknown, 3 safe)  UNKNOWN (1 unknown, 3 safe)",
            "  1 by alias and redeploy: unknown: there is no event fixture in none, so nothing *",
            "5 functions: 4 can go back to the newest target that was checked; 1 not known: f3.",
            "*= 2 failed, 46 passed *",
        ]
    )
    # What is to be done is told in full once, and repeated where it is the same.
    assert result.stdout.str().count("Repeat just this check with:") == 1


def test_all_is_shown_with_v(shop: Project) -> None:
    result = shop.run("-v", "--lambda-rollback-strategy=alias")
    result.stdout.fnmatch_lines(["f0, current version 2", "  target  alias", "  1       safe *"])
