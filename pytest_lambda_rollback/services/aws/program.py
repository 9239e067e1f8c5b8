"""The child program of a private AWS: imports moto once and forks a process for each content.

``python -m pytest_lambda_rollback.services.aws.program FD`` with one end of a socket pair. It has
one thread, so that what it forks is whole. It ends, and all its processes with it, when the
plugin closes the other end or ends itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NoReturn

from pytest_lambda_rollback.services.aws import seal
from pytest_lambda_rollback.services.aws.channel import Channel, ChannelError

assert sys.platform != "win32"  # noqa: S101 - for type checkers: it forks

_FIRST: Final = ("boto3", "moto.core.botocore_stubber")
_SERVICES: Final = ("dynamodb", "s3", "sqs")
"""Services that are ready before the first seed."""

_SERVICES_AHEAD: Final = (
    "sts",
    "sns",
    "events",
    "secretsmanager",
    "kinesis",
    "stepfunctions",
    "kms",
    "ssm",
)
"""Services that are made ready one by one while nothing is asked for; the last takes a second."""


def main(descriptor: int) -> None:
    """Answer the plugin until it closes the channel."""
    channel = Channel(socket.socket(fileno=descriptor))
    gc.disable()  # what is imported stays
    try:
        for name in _FIRST:
            importlib.import_module(name)
        _prepare()
    except Exception as error:
        with contextlib.suppress(ChannelError):
            channel.send({"failed": f"{type(error).__name__}: {error}"})
        raise
    channel.send({"ready": True})
    children: set[int] = set()
    try:
        _answer(channel, children)
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def _answer(channel: Channel, children: set[int]) -> None:
    ahead = list(_SERVICES_AHEAD)
    while True:
        while ahead and not select.select([channel], [], [], 0)[0]:
            _load(ahead.pop(0))
        received = channel.receive()
        children -= reaped()
        if received is None:
            return
        message, passed = received
        if message["do"] == "seed":
            gc.freeze()
            child = forked(partial(_seeded, channel, passed[0], message))
            os.close(passed[0])
            children.add(child)
            channel.send({"pid": child})
        elif message["do"] == "end":
            if message["pid"] in children:
                os.kill(message["pid"], signal.SIGKILL)
            channel.send({})


def _prepare() -> None:
    """What moto may do in every process, and what the first requests would load."""
    from moto.core.config import default_user_config

    from pytest_lambda_rollback.services.aws import stored_items

    default_user_config["lambda"] = {"use_docker": False}
    default_user_config["batch"] = {"use_docker": False}
    stored_items.keep_events()
    for service in _SERVICES:
        _load(service)
    _warm_up()


def _warm_up() -> None:
    """One request to an account of its own, so that no pass is the first to need something."""
    from pytest_lambda_rollback.services.aws import passes

    os.environ["MOTO_ACCOUNT_ID"] = "000000000000"
    passes.warm_up("us-east-1")


def _load(service: str) -> None:
    """Import a service of moto's, and its model for requests and for their log."""
    from pytest_lambda_rollback.services.aws import request_log

    importlib.import_module(f"moto.{service}.responses")
    importlib.import_module(f"moto.{service}.urls")
    request_log.load(service)


def _seeded(channel: Channel, descriptor: int, message: dict[str, Any]) -> None:
    from pytest_lambda_rollback.services.aws import seeded_process

    channel.close()
    seeded_process.run(Channel(socket.socket(fileno=descriptor)), message)


def forked(work: Callable[[], None]) -> int:
    """The process id of a child that does the work and ends; it never returns from here."""
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        _work_and_end(work, parent)
    return child


def _work_and_end(work: Callable[[], None], parent: int) -> NoReturn:
    status = 1
    try:
        seal.end_with_parent(parent)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(status)


def reaped() -> set[int]:
    """Process ids of the children that have ended since the last call."""
    ended: set[int] = set()
    while True:
        try:
            child, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if child == 0:
            return ended
        ended.add(child)


if __name__ == "__main__":
    main(int(sys.argv[1]))
