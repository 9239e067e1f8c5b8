"""Values for environment variables that are not known here. Pure.

A variable must be there, or the function fails for a reason that has nothing to do with a
rollback; its value must not look like a real one, nor like another variable's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable


def with_placeholders(
    values: Iterable[tuple[str, str]], names: Collection[str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """All variables, sorted, and the names of those whose values were made up.

    Equal names get equal values, in every version and every run.
    """
    known = dict(values)
    made_up = tuple(sorted(name for name in names if name not in known))
    known |= {name: f"placeholder-for-{name}" for name in made_up}
    return tuple(sorted(known.items())), made_up
