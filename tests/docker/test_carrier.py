"""The carrier as the first process of a container, held as the docker engine holds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.carrier_process import PROGRAM, CarrierProcess, script

pytestmark = pytest.mark.docker

IMAGE = "lambda-rollback-standin:python3.11"


@pytest.fixture
def carrier(docker_engine_ready: None) -> Iterator[CarrierProcess]:
    command = ["docker", "run", "--rm", "--interactive", "--network", "none", "--read-only"]
    command += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "993:990"]
    command += ["--memory", "256m", "--tmpfs", "/tmp:rw,size=64m,mode=1777", "--log-driver", "none"]
    command += ["--volume", f"{PROGRAM}:/carrier:ro", "--entrypoint", "/carrier", IMAGE]
    with CarrierProcess(command) as carrier:
        yield carrier


def run(carrier: CarrierProcess, name: str) -> tuple[str, str]:
    return carrier.run(1, "/usr/bin/env", "python3", *script(name)[1:])


def inventory(carrier: CarrierProcess) -> dict[str, Any]:
    ended, text = run(carrier, "inventory")
    assert ended == "exited=0", text
    found: dict[str, Any] = json.loads(text)
    return found


def test_fresh_container_in_place_equals_a_new_one(carrier: CarrierProcess) -> None:
    values = carrier.expect("H").values
    assert values["pid"] == "1"
    assert values["filter"] == "1"
    new = inventory(carrier)
    assert run(carrier, "leftovers") == ("exited=3", "left\n")
    assert inventory(carrier) != new
    assert carrier.renew() == ()
    assert inventory(carrier) == new


def test_attacks_from_inside_do_not_reach_it(carrier: CarrierProcess) -> None:
    carrier.expect("H")
    ended, text = carrier.run(1, "/usr/bin/env", "python3", *script("attacks")[1:], "1")
    assert ended == "exited=0", text[-2000:]
    found: dict[str, str] = json.loads(text.strip())
    sent = {name for name, result in found.items() if result == "sent"}
    assert sent == {"kill", "pidfd_send_signal", "signals by the log"}
    refusals = {"EPERM", "EACCES", "EROFS", "ENOSYS", "EAFNOSUPPORT"}
    assert {name: r for name, r in found.items() if name not in sent and r not in refusals} == {}
    assert carrier.renew() == ()


def test_memory_of_the_container_is_its_own(carrier: CarrierProcess) -> None:
    assert carrier.expect("H").values["memory"] in ("v1", "v2")
    code = "x = bytearray(100 << 20)"
    assert carrier.run(1, "/usr/bin/env", "python3", "-c", code)[0] == "exited=0"
    carrier.send("M")
    report = carrier.expect("M").values
    assert 100 << 20 < int(report["peak"]) < 200 << 20
    assert report["oom_kills"] == "0"


def test_kill_by_memory_is_told(carrier: CarrierProcess) -> None:
    carrier.expect("H")
    carrier.start(1, "/usr/bin/env", "python3", "-c", "x = b'x' * (300 << 20)")
    report = carrier.expect("X", 1).values
    assert report["signalled"] == "9"
    assert int(report["oom_kills"]) > 0
    assert carrier.renew() == ()
    carrier.send("M")
    assert carrier.expect("M").values["oom_kills"] == "0"
