"""Prints how many checks of a JSON report have each verdict: `3 breaks, 5 safe`."""

import collections
import json
import sys
from pathlib import Path


def main(report: Path) -> None:
    """Print one line, the verdicts in alphabetical order."""
    functions = json.loads(report.read_text(encoding="utf-8"))["functions"]
    counts = collections.Counter(
        check["verdict"]
        for function in functions
        for target in function["targets"]
        for check in target["checks"]
    )
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))


main(Path(sys.argv[1]))
