"""A fresh environment in place is as a new one, whatever its processes left."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.carrier_process import CarrierProcess, script


def inventory(carrier: CarrierProcess) -> dict[str, Any]:
    ended, text = carrier.run(7, *script("inventory"))
    assert ended == "exited=0", text
    found: dict[str, Any] = json.loads(text)
    return found


def leave(carrier: CarrierProcess) -> None:
    ended, text = carrier.run(1, *script("leftovers"))
    assert (ended, text) == ("exited=3", "left\n")


def test_leftovers_are_seen_before(sealed: CarrierProcess) -> None:
    new = inventory(sealed)
    leave(sealed)
    left = inventory(sealed)
    for what in ("processes", "folders", "objects", "sockets", "open", "bind", "bind6"):
        assert left[what] != new[what], what


def test_fresh_environment_equals_a_new_one(sealed: CarrierProcess) -> None:
    new = inventory(sealed)
    for _ in range(2):
        leave(sealed)
        assert sealed.renew() == ()
        assert inventory(sealed) == new
        assert sealed.renew() == ()


def test_frames_of_the_former_environment_do_not_follow(sealed: CarrierProcess) -> None:
    leave(sealed)
    sealed.start(2, "/bin/sh", "-c", "sleep 1000")
    assert sealed.renew() == ()
    assert sealed.receive(0.3) is None


@pytest.mark.parametrize("name", ["child", "child of a user"])
def test_a_plain_child_touches_nothing_of_others(
    starters: dict[str, Callable[..., CarrierProcess]], name: str
) -> None:
    """Nor calls itself fresh: the user's processes and files are not in its hands."""
    with tempfile.NamedTemporaryFile() as file, starters[name]() as other:
        other.expect("H")
        other.start(1, "/bin/sleep", "100")
        with starters[name]() as carrier:
            carrier.expect("H")
            carrier.start(1, "/bin/bash", "-c", "(setsid sleep 100 &) ; exec sleep 100")
            left = carrier.renew()
            carrier.send("L", 0, (1).to_bytes(8, "big"))
            carrier.start(2, "/bin/sleep", "100")
            assert carrier.expect("X", 2).fields[0] == "signalled=9"
        assert Path(file.name).exists()
        other.send("K", 1, b"\0")
        other.send("M")
        other.expect("M")
        assert other.waiting == []
    assert len(left) == 1
    assert left[0].startswith("left=anything")
