"""From inside, the carrier can be neither stopped nor read, and nothing unseen can be left."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from helpers.carrier_process import PYTHON, CarrierProcess, sandbox_command, script

OPEN_QUEUE = {"x86_64": 240, "aarch64": 180}[os.uname().machine]
REFUSALS = ("EPERM", "EACCES", "EROFS")
SENT = {"kill", "pidfd_send_signal", "signals by the log"}
ABSENT = {"clone3"}
NO_FAMILY = {"vsock", "bluetooth", "vsock with other bits"}
OWNED_BY_ROOT = {"/proc write oom_score_adj", "/proc write comm", "/proc write clear_refs"}
"""Where root starts a sandbox, the function is root to the machine, without root's rights: files of
the carrier in /proc that only root may write to open, and the first of these takes a value."""


def attacked(carrier: CarrierProcess) -> dict[str, str]:
    ended, text = carrier.run(1, *script("attacks"), "1")
    assert ended == "exited=0", text[-2000:]
    found: dict[str, str] = json.loads(text.strip())
    return found


def test_no_attempt_succeeds(sealed: CarrierProcess, request: pytest.FixtureRequest) -> None:
    found = attacked(sealed)
    assert {name for name, result in found.items() if result == "sent"} == SENT
    assert {name for name, result in found.items() if result == "ENOSYS"} == ABSENT
    assert {name for name, result in found.items() if result == "EAFNOSUPPORT"} == NO_FAMILY
    refused = set(found) - SENT - ABSENT - NO_FAMILY
    if request.node.callspec.params["sealed"] == "sandbox" and os.geteuid() == 0:
        refused -= OWNED_BY_ROOT
    assert {name: found[name] for name in refused if found[name] not in REFUSALS} == {}
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


def test_queue_that_no_file_system_shows_cannot_be_made(program: Path) -> None:
    command = sandbox_command(program)
    at = command.index("--mqueue")
    code = "import ctypes, os; c = ctypes.CDLL(None, use_errno=True); "
    code += f"c.syscall({OPEN_QUEUE}, b'q', os.O_CREAT, 0o600, None); print(ctypes.get_errno())"
    for removed, errno in ((0, 0), (2, 1)):
        with CarrierProcess(command[:at] + command[at + removed :]) as carrier:
            carrier.expect("H")
            assert carrier.run(1, PYTHON, "-I", "-c", code)[1] == f"{errno}\n"
            assert carrier.renew() == ()


def test_settings_of_the_kernel_that_can_be_changed_are_told(program: Path) -> None:
    """Left out: the bind that keeps them from being written to."""
    command = sandbox_command(program)
    at = command.index("/proc/sys") - 1
    with CarrierProcess(command[:at] + command[at + 3 :]) as carrier:
        carrier.expect("H")
        assert "left=changes of /proc/sys/kernel/msgmax" in carrier.renew()


def test_writable_place_that_is_not_emptied_is_told(program: Path) -> None:
    with CarrierProcess(sandbox_command(program, ["--tmpfs", "/var/task"])) as carrier:
        carrier.expect("H")
        assert carrier.renew() == ("left=changes of /var/task",)


def test_what_was_not_empty_at_the_start_is_not_deleted(program: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder").mkdir()
    tmp_path.chmod(0o755)
    with CarrierProcess(sandbox_command(program, ["--bind", str(tmp_path), "/tmp"])) as carrier:
        carrier.expect("H")
        assert carrier.renew() == ("left=files in /tmp",)
    assert (tmp_path / "file").read_text() == "precious"
    assert (tmp_path / "folder").is_dir()


@pytest.mark.parametrize("number", range(1, 32))
def test_signals_of_its_own_frames_reach_processes_only(one: CarrierProcess, number: int) -> None:
    one.start(1, "/bin/sh", "-c", "sleep 100")
    one.send("K", 1, bytes([number]))
    one.send("K", 1, bytes([9]))
    one.expect("X", 1)
    one.send("K", 1, bytes([9]))
    one.send("M")
    one.expect("M")
