"""Processes that the carrier starts: how they begin, and how their end is reported."""

from __future__ import annotations

import pytest

from helpers.carrier_process import CarrierProcess


@pytest.mark.parametrize("status", [0, 1, 7, 255])
def test_exit_status_is_exact(carrier: CarrierProcess, status: int) -> None:
    assert carrier.run(1, "/bin/sh", "-c", f"exit {status}") == (f"exited={status}", "")


@pytest.mark.parametrize("signal", [1, 9, 15, 31])
def test_signal_is_exact(carrier: CarrierProcess, signal: int) -> None:
    assert carrier.run(1, "/bin/sh", "-c", f"kill -{signal} $$")[0] == f"signalled={signal}"
