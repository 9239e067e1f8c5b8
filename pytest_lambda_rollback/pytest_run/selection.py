"""Selections by ``-k`` and ``-m`` that may mean checks which could not be planned.

A function whose versions are unknown has one check, which stands for all that it would have.
``-k alias`` would leave that one out, and with it the function. So the words of an expression are
compared with possible names too: the function may have an ``alias`` check, and a version 3. The
grammar is that of pytest's ``-k`` and ``-m``; knows no pytest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum

from pytest_lambda_rollback.model.findings import Check, Contract
from pytest_lambda_rollback.model.settings import Settings, Strategy

_TOKEN = re.compile(r"[()]|[^\s()]+")
_VERSION = re.compile(r"\d+(-[a-z]*)?")
"""The beginning of a group of checks, ``3-alias``, of any version."""


class Reach(IntEnum):
    """How surely an expression selects a check: ``not`` turns the order around."""

    NO = 0
    PERHAPS = 1
    YES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The expressions of a command line; an empty one selects everything."""

    keywords: str = ""
    """``-k``."""
    markers: str = ""
    """``-m``."""
    possible: frozenset[str] = frozenset()
    """Names below a function that its checks may have."""
    functions: frozenset[str] = frozenset()
    """All functions' names: selecting one of them means that one."""
    collected: frozenset[str] = frozenset()
    """Ids of all that was collected."""

    def may_mean(
        self, *, names: Collection[str], marks: Collection[str], of_any_name: bool = False
    ) -> bool:
        """True if the expressions may mean checks of an unknown function.

        Each of its checks would have these ``names`` and ``marks``. With ``of_any_name`` its own
        name is unknown too: a word that is in nothing else may be it.
        """

        def by_name(word: str) -> Reach:
            own = (*names, *marks)
            found = keyword_reach(word, own=own, possible=self.possible, functions=self.functions)
            if found is Reach.NO and of_any_name and not self._is_known(word):
                return Reach.PERHAPS
            return found

        def by_mark(word: str) -> Reach:
            return Reach.YES if word in marks else Reach.NO

        expressions = ((self.keywords, by_name), (self.markers, by_mark))
        return all(reach(text, word) is not Reach.NO for text, word in expressions if text)

    def _is_known(self, word: str) -> bool:
        known = (*self.collected, *self.functions)
        return any(word.casefold() in each.casefold() for each in known)


def reach(expression: str, word: Callable[[str], Reach]) -> Reach:
    """The reach of a whole expression; ``PERHAPS`` where it cannot be parsed."""
    tokens = _TOKEN.findall(expression)[::-1]
    try:
        value = _either(tokens, word)
    except IndexError:
        return Reach.PERHAPS
    return value if not tokens else Reach.PERHAPS


def keyword_reach(
    keyword: str, *, own: Collection[str], possible: Collection[str], functions: Collection[str]
) -> Reach:
    """The reach of one word of ``-k`` on the checks of an unknown function.

    ``own`` are names that each of its checks has, ``possible`` those that some may have.
    ``functions`` are other functions' names: selecting one of them means that one.
    """
    keyword = keyword.casefold()
    if any(keyword in name.casefold() for name in own):
        return Reach.YES
    names = [name.casefold() for name in possible]
    if keyword in {name.casefold() for name in functions} and keyword not in names:
        return Reach.NO
    if _VERSION.fullmatch(keyword) or any(keyword in name for name in names):
        return Reach.PERHAPS
    return Reach.NO


def possible_names(files: Iterable[tuple[Settings, tuple[Check, ...]]]) -> frozenset[str]:
    """The names below a function that a check of any function of these files may have."""
    names = {*Strategy, *Contract, "events"}
    for settings, checks in files:
        names.update(settings.contracts)
        for function in settings.functions:
            names.update(function.event_name(path) for path in function.events)
        for check in checks:
            if check.target is not None:
                names.update((check.group, check.name))
    return frozenset(str(name) for name in names)


# The tokens are taken from the end of a reversed list.


def _either(tokens: list[str], word: Callable[[str], Reach]) -> Reach:
    value = _both(tokens, word)
    while tokens and tokens[-1] == "or":
        tokens.pop()
        value = max(value, _both(tokens, word))
    return value


def _both(tokens: list[str], word: Callable[[str], Reach]) -> Reach:
    value = _one(tokens, word)
    while tokens and tokens[-1] == "and":
        tokens.pop()
        value = min(value, _one(tokens, word))
    return value


def _one(tokens: list[str], word: Callable[[str], Reach]) -> Reach:
    found = tokens.pop()
    if found == "not":
        return Reach(Reach.YES - _one(tokens, word))
    if found == "(":
        value = _either(tokens, word)
        tokens.pop()
        return value
    return word(found)
