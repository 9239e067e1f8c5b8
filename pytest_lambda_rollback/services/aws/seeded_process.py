"""The process that holds a seeded state: it seeds once, then forks itself ahead for each pass.

It has one thread when it forks. Its own state is never touched again, so that every copy is equal.
"""

from __future__ import annotations

import gc
import os
import socket
import sys
import tempfile
import threading
from functools import partial
from typing import Any, Final

from pytest_lambda_rollback.services.aws import passes, program, seeding
from pytest_lambda_rollback.services.aws.channel import Channel, ChannelError
from pytest_lambda_rollback.services.aws.data_files import SeedingError

assert sys.platform != "win32"  # noqa: S101 - for type checkers: it forks

_THREADS_END_S: Final = 2.0
_OUTPUT_LIMIT_BYTES: Final = 2000


def run(channel: Channel, message: dict[str, Any]) -> None:
    """Seed, tell the plugin how it went, and open passes until it closes the channel."""
    region, account = str(message["region"]), str(message["account"])
    gc.enable()
    sys.dont_write_bytecode = True  # of a seed, into the user's folder
    os.environ["MOTO_ACCOUNT_ID"] = account
    os.environ["AWS_DEFAULT_REGION"] = os.environ["AWS_REGION"] = region
    with tempfile.TemporaryFile() as output:
        _write_to(output.fileno())
        try:
            resources, notes = seeding.seed(message["content"], region=region, account=account)
            _end_threads()
        except SeedingError as error:
            sys.stdout.flush()
            sys.stderr.flush()
            size = output.seek(0, os.SEEK_END)
            output.seek(max(0, size - _OUTPUT_LIMIT_BYTES))
            printed = output.read().decode("utf-8", "replace").strip()
            channel.send(
                {"error": {"what": error.what, "why": error.why, "do": error.do, "output": printed}}
            )
            return
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123 (a descriptor is needed)
        _write_to(nothing.fileno())
    gc.freeze()
    channel.send({"resources": resources, "notes": notes})
    waiting = _next_pass(channel, region=region, account=account)
    while received := channel.receive():
        _, (descriptor,) = received
        program.reaped()
        try:
            waiting.send({}, passed=(descriptor,))
        except ChannelError:  # somebody has killed it
            waiting.close()
            waiting = _next_pass(channel, region=region, account=account)
            waiting.send({}, passed=(descriptor,))
        os.close(descriptor)
        waiting.close()
        channel.send({})
        waiting = _next_pass(channel, region=region, account=account)


def _next_pass(channel: Channel, *, region: str, account: str) -> Channel:
    """Make the process of the next pass ahead, and a channel to begin it with."""
    ours, theirs = socket.socketpair()
    program.forked(partial(_wait, channel, ours, theirs, region=region, account=account))
    theirs.close()
    return Channel(ours)


def _wait(
    channel: Channel, ours: socket.socket, theirs: socket.socket, *, region: str, account: str
) -> None:
    channel.close()
    ours.close()
    passes.run(Channel(theirs), region=region, account=account)


def _write_to(descriptor: int) -> None:
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def _end_threads() -> None:
    """Wait for threads of the seed. Raises SeedingError: a fork would lose them half-way."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(_THREADS_END_S)
            if thread.is_alive():
                raise SeedingError(
                    "the seed of the private AWS is not finished",
                    why=f"its thread {thread.name} still runs after seed(session) has returned",
                    do="Wait for it in seed(session)",
                )
