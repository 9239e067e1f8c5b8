"""A sample of the cases, end to end, with real packages. ``make cases`` runs all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLE = (
    "pyjwt-encode-returns-text",
    "markupsafe-changed-below-jinja2",
    "urllib3-retry-parameter-renamed",
    "acme-return-type-changed",
    "acme-function-removed-in-unreached-path",
    "event-field-renamed",
    "sqs-message-fails-in-silence",
    "harmless-either-major",
    "harmless-ids-times-and-shuffled-lists",
    "harmless-both-refuse-the-record",
)


def test_a_sample_of_the_cases_is_judged_right() -> None:
    done = subprocess.run(
        [
            sys.executable,
            Path(__file__).parents[1] / "tools" / "case_scorer" / "score.py",
            "--engine",
            "sandbox",
            "--only",
            *SAMPLE,
        ],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(SAMPLE)} cases: good" in done.stdout
