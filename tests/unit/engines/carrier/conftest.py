"""A carrier as process 1, started by root and by an ordinary user, and as a plain child."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.carrier_process import PROGRAM, RESOLVER, CarrierProcess, sandbox_command


@pytest.fixture(scope="session")
def program() -> Iterator[Path]:
    """The carrier where every user can execute it."""
    with tempfile.TemporaryDirectory(prefix="carrier-") as folder:
        Path(folder).chmod(0o755)
        resolver = Path(folder) / RESOLVER
        resolver.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        resolver.chmod(0o644)
        yield Path(shutil.copy(PROGRAM, folder))


def ordinary_user() -> dict[str, Any]:
    """Options of Popen that make the process an ordinary user's, for root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def starters(program: Path) -> dict[str, Callable[..., CarrierProcess]]:
    sandbox = sandbox_command(program)
    return {
        "sandbox": lambda **options: CarrierProcess(sandbox, **options),
        "sandbox of a user": lambda **options: CarrierProcess(
            sandbox, **ordinary_user(), cwd="/", **options
        ),
        "child": lambda **options: CarrierProcess([program], **options),
        "child of a user": lambda **options: CarrierProcess(
            [program], **ordinary_user(), cwd="/", **options
        ),
    }


def _started(
    starters: dict[str, Callable[..., CarrierProcess]], name: str
) -> Iterator[CarrierProcess]:
    with starters[name]() as carrier:
        carrier.expect("H")
        yield carrier


@pytest.fixture(params=["sandbox", "sandbox of a user", "child", "child of a user"])
def carrier(
    request: pytest.FixtureRequest, starters: dict[str, Callable[..., CarrierProcess]]
) -> Iterator[CarrierProcess]:
    """A carrier in each way that there is."""
    yield from _started(starters, request.param)


@pytest.fixture(params=["sandbox", "sandbox of a user"])
def sealed(
    request: pytest.FixtureRequest, starters: dict[str, Callable[..., CarrierProcess]]
) -> Iterator[CarrierProcess]:
    """A carrier that is process 1."""
    yield from _started(starters, request.param)


@pytest.fixture
def nameless(program: Path) -> Iterator[CarrierProcess]:
    """A carrier that may not be a name server."""
    with CarrierProcess(sandbox_command(program, names=False)) as carrier:
        assert "names=0" in carrier.expect("H").fields
        yield carrier


@pytest.fixture
def one(starters: dict[str, Callable[..., CarrierProcess]]) -> Iterator[CarrierProcess]:
    """A carrier in a sandbox, for what does not depend on who started it."""
    yield from _started(starters, "sandbox")
