"""Processes that the carrier starts: how they begin, and how their end is reported."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.carrier_process import PYTHON, CarrierProcess, sandbox_command, script

Starters = dict[str, Callable[..., CarrierProcess]]


@pytest.mark.parametrize("status", [0, 1, 7, 127, 255])
def test_exit_status_is_exact(carrier: CarrierProcess, status: int) -> None:
    assert carrier.run(1, "/bin/sh", "-c", f"exit {status}") == (f"exited={status}", "")


@pytest.mark.parametrize("number", [1, 9, 11, 15, 31, 64])
def test_signal_is_exact(carrier: CarrierProcess, number: int) -> None:
    code = f"import os, resource; resource.setrlimit(4, (0, 0)); os.kill(os.getpid(), {number})"
    assert carrier.run(1, PYTHON, "-I", "-c", code)[0] == f"signalled={number}"


@pytest.mark.parametrize(
    ("command", "folder", "errno"),
    [
        (["/no/such"], "/", 2),
        (["/etc/passwd"], "/", 13),
        (["/etc"], "/", 13),
        (["relative"], "/", 2),
        ([""], "/", 2),
        (["/bin/true"], "/no/such", 2),
        (["/bin/true"], "/etc/passwd", 20),
        (["/bin/true", "x" * 140_000], "/", 7),
    ],
)
def test_what_cannot_be_executed_gives_the_error(
    carrier: CarrierProcess, command: list[str], folder: str, errno: int
) -> None:
    carrier.start(1, *command, folder=folder)
    assert carrier.expect("X", 1).fields[0] == f"failed={errno}"
    assert carrier.run(1, "/bin/true")[0] == "exited=0"


def test_variables_are_set_replaced_and_unset(starters: Starters) -> None:
    with starters["child"](env={"KEPT": "1", "GONE": "2", "OLD": "3", "GONER": "4"}) as carrier:
        carrier.expect("H")
        variables = ["OLD=new", "MORE=a=b\nc", "EMPTY=", "TWICE=1", "TWICE=2", "LATER=1"]
        command = (*script("inventory"), "process")
        _, text = carrier.run(1, *command, variables=variables, unset=["GONE", "LATER"])
        found = json.loads(text)["variables"]
    found.pop("AWS_LAMBDA_RUNTIME_API")
    found.pop("LC_CTYPE", None)  # Python's own
    assert found == {
        "KEPT": "1", "OLD": "new", "MORE": "a=b\nc", "EMPTY": "", "TWICE": "2", "GONER": "4",
    }  # fmt: skip


def test_arguments_and_folder_arrive(carrier: CarrierProcess) -> None:
    code = "import os, sys; print(os.getcwd(), sys.argv[1:])"
    carrier.start(1, PYTHON, "-I", "-c", code, "", "two words", "é\n", folder="/usr")
    carrier.expect("X", 1)
    assert carrier.log.decode() == "/usr ['', 'two words', 'é\\n']\n"


def test_processes_begin_clean(carrier: CarrierProcess) -> None:
    found = json.loads(carrier.run(1, *script("inventory"), "process")[1])
    assert found["own"][1:] == [True, True]  # leads its session and its group
    assert found["open"]["0"][0] == "/dev/null"
    assert found["open"]["1"] == found["open"]["2"]
    assert found["files"] == 4  # and the folder that it lists
    assert found["ignored"] == [13, 25]  # by Python itself: SIGPIPE and SIGXFSZ
    status = dict(line.partition(":\t")[::2] for line in found["status"])
    assert int(status["SigBlk"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"


def test_signals_that_the_plugin_ignores_are_not_inherited(starters: Starters) -> None:
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        with starters["child"](restore_signals=False) as carrier:
            carrier.expect("H")
            assert carrier.run(1, "/bin/sh", "-c", "kill -USR1 $$")[0] == "signalled=10"
            assert carrier.run(1, "/bin/sh", "-c", "kill -USR2 $$")[0] == "signalled=12"
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
        signal.signal(signal.SIGUSR1, before)


def test_files_that_the_plugin_has_open_are_not_inherited(starters: Starters) -> None:
    reader, writer = os.pipe()
    try:
        os.set_inheritable(writer, True)
        with starters["child"](close_fds=False) as carrier:
            carrier.expect("H")
            assert carrier.run(1, "/bin/sh", "-c", "ls /proc/self/fd")[1].split() == list("0123")
    finally:
        os.close(reader)
        os.close(writer)


def test_signal_reaches_the_whole_group(sealed: CarrierProcess) -> None:
    sealed.start(1, "/bin/sh", "-c", "sleep 100 & echo up; wait")
    sealed.receive_log()
    sealed.send("K", 1, b"\x0f")
    assert sealed.expect("X", 1).fields[0] == "signalled=15"
    found = json.loads(sealed.run(2, *script("inventory"))[1])
    assert found["processes"] == [["1", "S"]]


def test_a_signal_sent_at_once_is_not_lost(carrier: CarrierProcess) -> None:
    for _ in range(20):
        carrier.start(1, "/bin/sleep", "100")
        carrier.send("K", 1, b"\x09")
        assert carrier.expect("X", 1).fields[0] == "signalled=9"


def test_orphans_are_reaped(sealed: CarrierProcess) -> None:
    code = "for i in 1 2 3 4 5 6 7 8 9; do (true & true &) ; done; sleep 0.1"
    assert sealed.run(1, "/bin/bash", "-c", code)[0] == "exited=0"
    found = json.loads(sealed.run(1, *script("inventory"))[1])
    assert found["processes"] == [["1", "S"]]


def test_more_processes_than_it_keeps_fail_with_a_reason(one: CarrierProcess) -> None:
    for number in range(1, 66):
        one.start(number, "/bin/sleep", "100")
    assert one.expect("X", 65).fields[0] == "failed=11"
    one.send("K", 1, b"\x09")
    assert one.expect("X", 1).fields[0] == "signalled=9"
    assert one.renew() == ()


def test_an_end_does_not_wait_for_children(carrier: CarrierProcess) -> None:
    assert carrier.run(1, "/bin/sh", "-c", "sleep 100 & exit 3")[0] == "exited=3"


def test_extensions_are_all_but_folders_by_name(program: Path, tmp_path: Path) -> None:
    folder = tmp_path / "extensions"
    folder.mkdir()
    for name in ("zeta", "alpha", "Beta", "al", "not-executable"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755 if name != "not-executable" else 0o644)
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("alpha")
    (folder / "broken").symlink_to("gone")
    options = ["--ro-bind", str(folder.parent), "/opt"]
    with CarrierProcess(sandbox_command(program, options)) as carrier:
        fields = carrier.expect("H").fields
    assert [field for field in fields if field.startswith("extension=")] == [
        f"extension={name}"
        for name in ("Beta", "al", "alpha", "broken", "link", "not-executable", "zeta")
    ]


def test_memory_watch_kills_and_tells(carrier: CarrierProcess) -> None:
    carrier.send("L", 0, (100 << 20).to_bytes(8, "big"))
    assert carrier.run(1, PYTHON, "-I", "-c", "x = b'x' * (50 << 20)")[0] == "exited=0"
    carrier.start(1, PYTHON, "-I", "-c", "import time; x = b'x' * (150 << 20); time.sleep(100)")
    told = carrier.expect("M").values
    assert told["over"] == "1"
    assert int(told["peak"]) > 100 << 20
    ended = carrier.expect("X", 1).values
    assert (ended["signalled"], ended["over"]) == ("9", "1")
    carrier.renew()
    carrier.send("M")
    again = carrier.expect("M").values
    assert again["over"] == "0"
    assert int(again["peak"]) < 10 << 20


def test_memory_watch_counts_all_processes_and_shared_pages_once(carrier: CarrierProcess) -> None:
    carrier.send("L", 0, (100 << 20).to_bytes(8, "big"))
    forked = "import os, time; x = bytes(1) * (60 << 20); os.fork(); os.fork(); time.sleep(0.5)"
    assert carrier.run(1, PYTHON, "-I", "-c", forked)[0] == "exited=0"
    apart = "import os, time; os.fork(); os.fork(); x = b'x' * (40 << 20); time.sleep(100)"
    carrier.start(1, PYTHON, "-I", "-c", apart)
    assert carrier.expect("M").values["over"] == "1"
    assert carrier.expect("X", 1).fields[0] == "signalled=9"


FILL = "m[:: mmap.PAGESIZE] = bytes(len(m) // mmap.PAGESIZE); "
SHARED = f"import mmap, time; m = mmap.mmap(-1, 150 << 20); {FILL}"
NAMED = "import time; open('/proc/self/comm', 'w').write('RssAnon:0'); x = b'x' * (150 << 20); "


@pytest.mark.parametrize("code", [SHARED, NAMED], ids=["shared memory", "a name like a field"])
def test_memory_watch_counts_whatever_no_file_gives_back(sealed: CarrierProcess, code: str) -> None:
    sealed.send("L", 0, (100 << 20).to_bytes(8, "big"))
    sealed.start(1, PYTHON, "-I", "-c", f"{code}time.sleep(100)")
    told = sealed.expect("M").values
    assert (told["over"], int(told["anonymous"]) > 100 << 20) == ("1", True)
    assert sealed.expect("X", 1).fields[0] == "signalled=9"


def test_memory_watch_counts_no_file_that_is_mapped(sealed: CarrierProcess) -> None:
    code = (
        "import mmap, time; f = open('/tmp/large', 'w+b'); f.truncate(150 << 20);"
        f"m = mmap.mmap(f.fileno(), 0); {FILL}time.sleep(0.3)"
    )
    sealed.send("L", 0, (100 << 20).to_bytes(8, "big"))
    assert sealed.run(1, PYTHON, "-I", "-c", code)[0] == "exited=0"
    sealed.send("M")
    assert sealed.expect("M").values["over"] == "0"


def test_peak_is_no_less_than_a_process_had(carrier: CarrierProcess) -> None:
    assert carrier.run(1, PYTHON, "-I", "-c", "x = b'x' * (80 << 20)")[0] == "exited=0"
    carrier.send("M")
    assert 80 << 20 < int(carrier.expect("M").values["peak"]) < 160 << 20
