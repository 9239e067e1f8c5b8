"""Words and characters of messages: counts, lists, near names, and control characters."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable


def printable(text: str, *, keep: str = "\n\t") -> str:
    """The text with control characters and lone surrogates as escapes, except those of ``keep``.

    Names of files, functions and layers, and a function's output, are untrusted:
    they must not steer a terminal, nor break the encoding of a report.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in keep else char.encode("unicode_escape").decode()
        for char in text
    )


def counted(number: int, noun: str, plural: str = "") -> str:
    """``1 event``, ``1,200 events``; ``plural`` where the noun does not take an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def listed(names: Iterable[str]) -> str:
    """``a, b and c``, in the order given; ``none`` for no names."""
    *head, last = list(names) or ["none"]
    return f"{', '.join(head)} and {last}" if head else last


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known name that a misspelt one was most likely meant to be."""
    folded = {candidate.casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None
