"""The form of values that differ by themselves: what stays when the value does not.

An id that is another one in each replay is still a UUID, a time that follows the clock is still
near it, and a sentence with a number in it still says the same. Everything here is pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pytest_lambda_rollback.contracts.response.clock_times import moment_of
from pytest_lambda_rollback.contracts.response.matchers import UUID
from pytest_lambda_rollback.model.json_values import Json

NEAR_S = 86_400.0
"""Times of replays made one after the other are nearer to each other than this."""

_PASSING = re.compile(r"\d[\d.,_]*\s?(?:[mµun]?s|sec|secs|seconds|min|h)?\W*|.*\d[:/-]\d.*")
"""Words with digits that time or chance may set: numbers, spans and moments."""


def lost_form(current: Sequence[Json], target: Json) -> str | None:
    """What the target's value lacks that varying values have in common: a sentence, or nothing.

    All values have one JSON type.
    """
    texts = [value for value in current if isinstance(value, str)]
    if isinstance(target, str) and len(texts) == len(current):
        if all(texts) and not target:
            return "TARGET answers empty text at PLACE, which CURRENT never does"
        if all(UUID.fullmatch(text) for text in texts):
            return None if UUID.fullmatch(target) else (
                "TARGET answers with a value at PLACE that is not a UUID, unlike CURRENT"
            )  # fmt: skip
    moments = [moment_of(value) for value in current]
    known = [moment for moment in moments if moment is not None]
    if len(known) == len(current) and len({form for form, _ in known}) == 1:
        return _lost_moment(known, target)
    if isinstance(target, str) and len(texts) == len(current) and _says_other(texts, target):
        return "TARGET answers different text at PLACE from CURRENT"
    return None


def _lost_moment(known: Sequence[tuple[str, float]], target: Json) -> str | None:
    seconds = [at for _, at in known]
    if max(seconds) - min(seconds) > NEAR_S:
        return None
    moment = moment_of(target)
    if moment is None or moment[0] != known[0][0]:
        return "TARGET answers with a value at PLACE that is not a time, unlike CURRENT"
    if not min(seconds) - NEAR_S <= moment[1] <= max(seconds) + NEAR_S:
        return "TARGET answers a time at PLACE that is more than a day from that of CURRENT"
    return None


def _says_other(texts: Sequence[str], target: str) -> bool:
    """True if texts that have their words in common, but for some, differ in those from another.

    They must have as many words each. A word with a number in it is never one in common: it may
    be the minute, which several replays share.
    """
    split = [text.split() for text in texts]
    words = split[0]
    if len(words) < 2 or any(len(each) != len(words) for each in split):
        return False
    common = [
        at
        for at, word in enumerate(words)
        if not _PASSING.fullmatch(word) and all(each[at] == word for each in split)
    ]
    if not common:
        return False
    others = target.split()
    return len(others) != len(words) or any(others[at] != words[at] for at in common)
