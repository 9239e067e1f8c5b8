"""A fresh environment in place is as a new one, whatever its processes left."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

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


def test_a_plain_child_never_calls_itself_fresh(
    starters: dict[str, Callable[..., CarrierProcess]],
) -> None:
    with starters["child of a user"]() as carrier:
        carrier.expect("H")
        left = carrier.renew()
    assert len(left) == 1
    assert left[0].startswith("left=anything")
