"""Words and characters of messages: lists, near names, and what a terminal must not obey."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


def printable(text: str) -> str:
    """The text with what a terminal would obey written as escapes; line breaks and tabs stay.

    Names of files, functions and layers come from whoever made them.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def listed(names: Iterable[str]) -> str:
    """``a, b and c``, in the order given; ``none`` for no names."""
    *head, last = list(names) or ["none"]
    return f"{', '.join(head)} and {last}" if head else last


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that a misspelt one was most likely meant to be."""
    folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None
