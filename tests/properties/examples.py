"""How many examples a property is tried on, and which.

The same ones in every run, so that a run says something about a change and not about chance.
``make properties`` tries more, and others: the variables EXAMPLES and FIRST_EXAMPLE.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random

EXAMPLES = int(os.environ.get("EXAMPLES", "30"))
FIRST_EXAMPLE = int(os.environ.get("FIRST_EXAMPLE", "0"))
_TRIES_FOR_ONE = 40


def chances() -> Iterator[Random]:
    """Sources of chance, one for each try; enough for the examples that a property is about."""
    for seed in range(FIRST_EXAMPLE, FIRST_EXAMPLE + EXAMPLES * _TRIES_FOR_ONE):
        yield Random(seed)
