"""Whether a selection by words reaches checks that could not be planned. Pure; knows no pytest.

Of a function that could not be found out only one check is left, which stands for all that it
would have had. ``-k alias`` would leave that one out, and with it the function. So the words of
the expression are compared with what is not there too: it may have an ``alias`` check, and it
may have a version 3. The grammar is that of pytest's ``-k`` and ``-m``.
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
"""What a group of checks begins with, ``3-alias``: which versions there are is not known."""


class Reach(IntEnum):
    """Whether an expression selects a check: ``not`` turns the order around."""

    NO = 0
    PERHAPS = 1
    YES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a user selects by words; an empty expression selects everything."""

    keywords: str = ""
    """``-k``."""
    markers: str = ""
    """``-m``."""
    possible: frozenset[str] = frozenset()
    """Names below a function that its checks may have."""
    functions: frozenset[str] = frozenset()
    """All functions' names: whoever selects one of them means that one."""
    collected: frozenset[str] = frozenset()
    """Ids of all that was collected."""

    def may_mean(
        self, *, names: Collection[str], marks: Collection[str], of_any_name: bool = False
    ) -> bool:
        """Whether checks of an unknown function may be meant.

        ``names`` and ``marks`` are what each of its checks would have. ``of_any_name`` says that
        its own name is not known: a word that is in nothing else may be it.
        """

        def by_name(word: str) -> Reach:
            own = (*names, *marks)
            found = keyword_reach(word, own=own, possible=self.possible, functions=self.functions)
            if found is Reach.NO and of_any_name and not self._is_known(word):
                return Reach.PERHAPS
            return found

        def by_mark(word: str) -> Reach:
            return Reach.YES if word in marks else Reach.NO

        said = ((self.keywords, by_name), (self.markers, by_mark))
        return all(reach(text, word) is not Reach.NO for text, word in said if text)

    def _is_known(self, word: str) -> bool:
        known = (*self.collected, *self.functions)
        return any(word.casefold() in each.casefold() for each in known)


def reach(expression: str, word: Callable[[str], Reach]) -> Reach:
    """What an expression makes of its words; ``PERHAPS`` where it cannot be understood."""
    tokens = _TOKEN.findall(expression)[::-1]
    try:
        value = _either(tokens, word)
    except IndexError:
        return Reach.PERHAPS
    return value if not tokens else Reach.PERHAPS


def keyword_reach(
    keyword: str, *, own: Collection[str], possible: Collection[str], functions: Collection[str]
) -> Reach:
    """Whether one word of ``-k`` is in a name that a check of an unknown function may have.

    ``own`` are names that each of its checks has, ``possible`` those that some may have.
    ``functions`` are other functions' names: whoever selects one of them means that one.
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
