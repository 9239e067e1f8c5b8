"""Measures how fast the plugin is, as ratios within one run, against the goals.

    python3 tests/benchmarks/run.py [--only NAME] [--rounds N | --smallest] [--json PATH]

Exit code 0 when every goal is met, 1 when one is missed, 2 when something cannot be measured,
130 after Ctrl-C. Whatever was started is removed in every case. Each measurement is a module of
its own; this one runs them and prints the results.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import signal
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests' folder

from benchmarks import (
    cold_start,
    collect_only,
    door,
    example_run,
    large_run,
    private_aws,
    second_run,
    state_check,
    static_contracts,
    warm_replay,
)
from benchmarks.measures import Effort, Ratio, Result, Say
from benchmarks.workbench import CannotMeasure, Workbench
from pytest_lambda_rollback.errors import RollbackError

MEASUREMENTS: dict[str, Callable[[Workbench, Effort, Say], tuple[Result, ...]]] = {
    "warm-replay": warm_replay.measure,
    "second-run": second_run.measure,
    "collect-only": collect_only.measure,
    "static": static_contracts.measure,
    "cold-start": cold_start.measure,
    "example": example_run.measure,
    "large-run": large_run.measure,
    "door": door.measure,
    "private-aws": private_aws.measure,
    "state-check": state_check.measure,
}


def main(arguments: list[str]) -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="run.py", description="Measure the plugin's speed, as ratios within one run."
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=tuple(MEASUREMENTS),
        help="measure only this (may be given more than once; default: all)",
    )
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument(
        "--rounds",
        type=_positive,
        metavar="N",
        help="rounds of each measurement, in place of its own",
    )
    amount.add_argument(
        "--smallest",
        action="store_true",
        help="one round on the smallest input, to see that everything works; no goal counts",
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write all samples to this file")
    options = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupted)
    effort = Effort(rounds=options.rounds, smallest=options.smallest)
    results: list[Result] = []
    try:
        with Workbench() as bench:
            try:
                for name in options.only or MEASUREMENTS:
                    results += _measured(name, bench, effort)
            finally:
                _let_clean_up()
    except (CannotMeasure, RollbackError) as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was started is removed", file=sys.stderr)
        return 130
    if options.json is not None:
        document = {"python": platform.python_version(), "results": [_plain(r) for r in results]}
        options.json.write_text(json.dumps(document, indent=1) + "\n")
    if effort.smallest:
        print("\neverything works; one round says nothing about speed")
        return 0
    missed = [each.name for each in results if isinstance(each, Ratio) and each.missed]
    print()
    waiting, processors = os.getloadavg()[0], os.cpu_count() or 1
    if waiting > processors:
        print(
            f"this machine is busy with other things (load {waiting:.1f} on {processors} "
            "processors): a figure near its goal says little; measure again when it is not"
        )
    if missed:
        print(f"MISS: {', '.join(missed)}")
        return 1
    goals = sum(isinstance(each, Ratio) and each.goal is not None for each in results)
    print(f"PASS: {goals} of {goals} goals are met" if goals else "no goals among these")
    return 0


def _measured(name: str, bench: Workbench, effort: Effort) -> tuple[Result, ...]:
    began, terminal = time.monotonic(), sys.stdout.isatty()
    print(f"== {name}", flush=True)

    def say(text: str) -> None:
        line = f"   {time.monotonic() - began:4.0f} s  {text}"
        # On a terminal each line of progress takes the place of the one before.
        print(f"\r\x1b[K{line}" if terminal else line, end="" if terminal else "\n", flush=True)

    try:
        results = MEASUREMENTS[name](bench, effort, say)
        if effort.smallest:
            results = tuple(_without_goal(result) for result in results)
    finally:
        print("\r\x1b[K" if terminal else "", end="", flush=True)
    for result in results:
        print("\n".join(lines(result)), flush=True)
    return results


def _without_goal(result: Result) -> Result:
    return dataclasses.replace(result, goal=None) if isinstance(result, Ratio) else result


def lines(result: Result) -> tuple[str, ...]:
    """A result as lines of text."""
    if not isinstance(result, Ratio):
        return (f"   {'':4}  {spoken(result.median_s):>9}  {result.name}: {result.what}",)
    low, high = result.interval
    verdict, goal = "    ", ""
    if result.goal is not None:
        verdict = "MISS" if result.missed else "PASS"
        goal = f", goal at most {result.goal:g}"
    subject, reference = (_median(each) for each in (result.subject_s, result.reference_s))
    return (
        f"   {verdict}  {result.ratio:8.3f}x  {result.name}: {result.what}{goal}",
        f"{'':20}medians {spoken(subject)} / {spoken(reference)} of {len(result.subject_s)} pairs; "
        f"95 % interval {low:.3f} to {high:.3f}",
    )


def spoken(seconds: float) -> str:
    """A duration with its unit."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _median(samples: tuple[float, ...]) -> float:
    return statistics.median(samples)


def _plain(result: Result) -> dict[str, Any]:
    plain = dataclasses.asdict(result)
    if isinstance(result, Ratio):
        plain |= {"ratio": result.ratio, "interval": result.interval, "missed": result.missed}
    return plain


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    _let_clean_up()
    raise KeyboardInterrupt


def _let_clean_up() -> None:
    """Keep a (second) Ctrl-C from leaving things behind; SIGTERM ends a removal that hangs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
