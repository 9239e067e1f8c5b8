"""Carriers as child processes: what ends with them."""

from __future__ import annotations

import os
import time

from pytest_lambda_rollback.engines.host.child_process import Children
from tests.helpers.host_processes import processes_with, wait_until_none_with


def test_what_a_program_started_ends_with_it() -> None:
    mark = f"60.{os.getpid()}"
    children = Children("test")
    try:
        carrier = children.start(("/bin/sh", "-c", f"sleep {mark} & exec sleep {mark}0"))
        end = time.monotonic() + 10
        while len(processes_with(mark)) < 2:
            assert time.monotonic() < end
            time.sleep(0.01)
        carrier.end()
    finally:
        children.close()
    wait_until_none_with(mark)
