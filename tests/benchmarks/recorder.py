"""The recorder's cost to a function: an invocation that is not sampled, and one that is.

    python3 tests/benchmarks/recorder.py [--smallest]

Microseconds an invocation are printed, as medians of turns: a handler that does nothing, the same
one decorated and not sampled, and decorated and sampled with an event of 10 KB, written to
/dev/null. Nothing is judged: machines differ.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest_lambda_rollback.recording.recorder

TURNS = 15
UNSAMPLED_CALLS = 20_000
SAMPLED_CALLS = 200
EVENT_BYTES = 10_000


def event() -> dict[str, Any]:
    """An API Gateway event of about 10 KB, most of it an order in its body."""
    line = {"sku": "A-1234", "quantity": 2, "price": "19.99", "note": "as a present"}
    headers = {f"x-header-{number}": "a value of some length" for number in range(30)}
    body = json.dumps({"id": "9f0e5b1c", "lines": [line] * 90})
    made = {"httpMethod": "POST", "resource": "/orders", "headers": headers, "body": body}
    if not 0.8 * EVENT_BYTES < len(json.dumps(made)) < 1.2 * EVENT_BYTES:
        raise SystemExit("the event is not of the size that is said")
    return made


def cost_us(handler: Callable[[Any, Any], Any], value: object, *, turns: int, calls: int) -> float:
    """Microseconds of one call, as the median of the turns."""
    samples = []
    for _ in range(turns):
        began = time.perf_counter()
        for _ in range(calls):
            handler(value, None)
        samples.append((time.perf_counter() - began) / calls * 1e6)
    return statistics.median(samples)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="recorder.py", description=__doc__)
    parser.add_argument("--smallest", action="store_true", help="a few calls, to see that it works")
    smallest = parser.parse_args(arguments).smallest
    unsampled_calls, sampled_calls = (10, 1) if smallest else (UNSAMPLED_CALLS, SAMPLED_CALLS)
    turns = 1 if smallest else TURNS
    os.environ["LAMBDA_ROLLBACK_PER_MINUTE"] = "1000000000"
    sys.path.insert(0, str(Path(pytest_lambda_rollback.recording.recorder.__file__).parent))
    recorder = importlib.import_module("lambda_rollback_recorder")
    value = event()

    def bare(_event: Any, _context: Any) -> None:
        return None

    plain = cost_us(bare, value, turns=turns, calls=unsampled_calls)
    unsampled = cost_us(recorder.record(bare, sample=0), value, turns=turns, calls=unsampled_calls)
    log = sys.stdout
    with Path(os.devnull).open("w", encoding="utf-8") as sys.stdout:
        sampled = cost_us(recorder.record(bare, sample=1), value, turns=turns, calls=sampled_calls)
    sys.stdout = log
    print(f"not decorated            {plain:8.2f} us")
    print(f"decorated, not sampled   {unsampled:8.2f} us")
    print(f"decorated, 10 KB sampled {sampled:8.2f} us")


if __name__ == "__main__":
    main(sys.argv[1:])
