"""Random input ends the carrier in a defined way or not at all; `make fuzz` runs it for longer."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from tools.carrier_fuzz import build_sanitized, judged, run_case

SECONDS = 5.0
H, F = b"H\0\0\0\0\0\0\1x", b"F\0\0\0\0\0\0\1x"


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sanitized")
    folder.chmod(0o755)
    return build_sanitized(folder)


def test_sanitizers_are_in_the_program(sanitized: Path) -> None:
    content = sanitized.read_bytes()
    assert b"__asan_report_store" in content
    assert b"__ubsan_handle" in content


def test_every_case_ends_in_a_defined_way(sanitized: Path) -> None:
    until = time.monotonic() + SECONDS
    endings: Counter[int | None] = Counter()
    kinds: set[str] = set()
    for seed in range(1000):
        if time.monotonic() > until and {0, 70} <= set(endings):
            break
        ending = run_case(sanitized, seed)
        if "Unable to apply mount flags" in ending.fault:
            continue  # bubblewrap's: a container elsewhere on the machine came or went meanwhile
        assert ending.fault == "", f"seed {seed}"
        endings[ending.status] += 1
        kinds |= set(ending.frames)
    assert {0, 70} <= set(endings)
    assert kinds >= set("HXMRF")


@pytest.mark.parametrize(
    ("status", "output", "log"),
    [
        (None, H, b""),
        (1, H, b""),
        (99, H, b""),
        (0, H, b"ERROR: AddressSanitizer: stack-buffer-overflow"),
        (0, H, b"carrier.c:1:2: runtime error: index 3 out of bounds"),
        (0, b"", b""),
        (0, F, b""),
        (0, H + F, b""),
        (70, H, b""),
        (70, H + F + H, b""),
        (70, H + F + b"H\0", b""),
        (0, H + b"Z" + bytes(7), b""),
    ],
)
def test_undefined_ends_are_told(status: int | None, output: bytes, log: bytes) -> None:
    assert judged(status, output, log, cut=False).fault != ""


@pytest.mark.parametrize(
    ("status", "output"), [(0, H), (70, H + F), (0, H + b"D\0\0\1\0\0\0\xff"), (0, H + b"D")]
)
def test_defined_ends_are_no_fault(status: int, output: bytes) -> None:
    assert judged(status, output, b"", cut=False).fault == ""
