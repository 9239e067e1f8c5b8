"""httpx as a client of the front: another HTTP stack than the standard library's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from helpers.front_doors import Echo, FrontDoor, authority_file
from pytest_lambda_rollback.services.http.front import Front
from tools.case_scorer.pinned_packages import PackageCache, Pins, default_root

_PINS = Pins(
    pins=(
        "anyio==4.9.0", "certifi==2025.4.26", "h11==0.16.0", "httpcore==1.0.9", "httpx==0.28.1",
        "idna==3.10", "sniffio==1.3.1", "typing_extensions==4.13.2",
    )
)  # fmt: skip
_PROGRAM = """
import asyncio, sys, httpx
base = sys.argv[1]
with httpx.Client() as client:
    print(client.post(base + "/a", json={"b": 1}).text)
    print(client.get(base + "/b", params={"c": "d e"}).text)
async def many():
    async with httpx.AsyncClient() as client:
        answers = await asyncio.gather(*(client.get(f"{base}/{n}") for n in range(20)))
        print(" ".join(answer.text for answer in answers))
asyncio.run(many())
"""


def test_httpx(tmp_path: Path) -> None:
    packages = PackageCache(root=default_root()).installed(_PINS)
    front, echo = Front(), Echo()
    try:
        with FrontDoor(front, echo) as door:
            done = subprocess.run(
                [sys.executable, "-S", "-c", _PROGRAM, door.url("")],
                capture_output=True, text=True, timeout=120,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(packages),
                     "SSL_CERT_FILE": str(authority_file(front, tmp_path))},
            )  # fmt: skip
    finally:
        front.close()
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        'POST /a {"b":1}',
        "GET /b?c=d+e ",
        " ".join(f"GET /{number} " for number in range(20)),
    ]
