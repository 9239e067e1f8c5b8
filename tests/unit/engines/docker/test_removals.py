"""The threads that remove containers outlive whatever one removal meets."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast

from pytest_lambda_rollback.engines.docker.attachment import SocketAttachment
from pytest_lambda_rollback.engines.docker.removals import Removals


def test_a_removal_that_fails_unexpectedly_is_told_and_stops_no_other() -> None:
    removed: list[str] = []

    def remove_container(container: str, **_options: Any) -> None:
        if container.startswith("bad"):
            raise ValueError("no answer that makes sense")
        removed.append(container)

    client = cast("Any", SimpleNamespace(api=SimpleNamespace(remove_container=remove_container)))
    removals = Removals(client)
    pairs = [socket.socketpair() for _ in range(8)]
    for number, (near, _) in enumerate(pairs):
        removals.add(f"{'good' if number % 2 else 'bad'} {number}", SocketAttachment(near))

    failures = removals.finish(timeout_s=10)

    assert sorted(removed) == ["good 1", "good 3", "good 5", "good 7"]
    assert sorted(failure.what for failure in failures) == [
        f"the container bad {number} could not be removed" for number in (0, 2, 4, 6)
    ]
    assert {failure.why for failure in failures} == {"ValueError: no answer that makes sense"}
    for _, far in pairs:
        assert far.recv(1) == b""  # its wire is released
        far.close()
