"""From inside, the carrier can be neither stopped nor read, and nothing unseen can be left."""

from __future__ import annotations

import json
import os

import pytest

from helpers.carrier_process import CarrierProcess, script

SENT = {"kill", "pidfd_send_signal", "signals by the log"}
ABSENT = {"clone3"}


def attacked(carrier: CarrierProcess) -> dict[str, str]:
    ended, text = carrier.run(1, *script("attacks"), "1")
    assert ended == "exited=0", text[-2000:]
    found: dict[str, str] = json.loads(text.strip())
    return found


OWNED_BY_ROOT = {"/proc write oom_score_adj", "/proc write comm", "/proc write clear_refs"}
"""Where root starts a sandbox, the function is root to the machine, without root's rights: files of
the carrier in /proc that only root may write to open, and the first of these takes a value."""


def test_no_attempt_succeeds(sealed: CarrierProcess, request: pytest.FixtureRequest) -> None:
    found = attacked(sealed)
    assert {name for name, result in found.items() if result == "sent"} == SENT
    assert {name for name, result in found.items() if result == "ENOSYS"} == ABSENT
    refused = set(found) - SENT - ABSENT
    if request.node.callspec.params["sealed"] == "sandbox" and os.geteuid() == 0:
        refused -= OWNED_BY_ROOT
    assert {name: found[name] for name in refused if found[name] not in ("EPERM", "EACCES")} == {}
    assert len(refused) > 40


def test_carrier_lives_on_unchanged(sealed: CarrierProcess) -> None:
    look = (
        "/bin/sh",
        "-c",
        "grep -E 'State|Cpus_allowed:|Threads' /proc/1/status;"
        "cut -d' ' -f18-20 /proc/1/stat; cat /proc/1/limits /proc/1/oom_score_adj /proc/1/comm",
    )
    before = sealed.run(2, *look)
    attacked(sealed)
    assert sealed.renew() == ()
    assert sealed.run(2, *look) == before


@pytest.mark.parametrize("number", range(1, 32))
def test_signals_of_its_own_frames_reach_processes_only(one: CarrierProcess, number: int) -> None:
    one.start(1, "/bin/sh", "-c", "sleep 100")
    one.send("K", 1, bytes([number]))
    one.send("K", 1, bytes([9]))
    one.expect("X", 1)
    one.send("K", 1, bytes([9]))
    one.send("M")
    one.expect("M")
