"""Environments over a carrier in a thread of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.fake_carrier import FakeCarrier
from helpers.runtimes import Place, Runtime, version_of
from pytest_lambda_rollback.engines.runtime_api.environment import CarriedEnvironment, Start
from pytest_lambda_rollback.model.versions import FunctionVersion

Open = Callable[..., Place]


@pytest.fixture
def open_place() -> Iterator[Open]:
    made: list[CarriedEnvironment] = []

    def make(
        *,
        version: FunctionVersion | None = None,
        init_timeout_s: float = 10.0,
        carrier: FakeCarrier | None = None,
        memory_limit_bytes: int | None = None,
    ) -> Place:
        carrier = carrier or FakeCarrier()
        environment = CarriedEnvironment(
            version=version or version_of(),
            confinement=carrier,
            start=Start(arguments=("/var/runtime/bootstrap",), variables=(("A", "b"),)),
            init_timeout_s=init_timeout_s,
            memory_limit_bytes=memory_limit_bytes,
        )
        made.append(environment)
        return Place(carrier, environment)

    yield make
    for environment in made:
        environment.close()


@pytest.fixture
def place(open_place: Open) -> Place:
    return open_place()


@pytest.fixture
def runtime(place: Place) -> Iterator[Runtime]:
    runtime = Runtime(place.carrier)
    yield runtime
    runtime.close()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads
