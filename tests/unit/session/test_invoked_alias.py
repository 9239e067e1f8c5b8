"""The alias in the ARN that a function sees, for the current version and for its targets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.fakes import FakeArtifacts
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion, Settings, Strategy
from pytest_lambda_rollback.model.versions import FunctionConfiguration, TargetRef
from pytest_lambda_rollback.session.loaded_versions import Versions
from pytest_lambda_rollback.session.work import Work


def local(version: str) -> LocalVersion:
    return LocalVersion(
        version=version,
        code=Path(f"/code/{version}"),
        layers=(),
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
    )


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work(threads=1, progress=lambda _text: None)
    yield made
    made.cancel()
    made.join()


def qualifiers(work: Work, **changes: object) -> list[str]:
    """The last part of the ARN that each version sees: current, both strategies, the old one."""
    function = FunctionSettings(
        name="orders",
        current=local("4"),
        versions=(local("4"), local("3")),
        **changes,  # type: ignore[arg-type]
    )
    old = FunctionSettings(
        name="orders-v1",
        current=local("9"),
        versions=(local("9"), local("2")),
        aliases=(("stable", "2"), ("next", "9")),
    )
    settings = Settings(path=Path("lambda-rollback.toml"), functions=(function, old))
    versions = Versions(settings=settings, function=function, packages=FakeArtifacts(), work=work)
    three = TargetRef(function="orders", version="3")
    two = TargetRef(function="orders-v1", version="2")
    run = [
        versions.current(),
        *(versions.runnable(three, strategy) for strategy in Strategy),
        versions.runnable(two, Strategy.ALIAS),
    ]
    assert [each.version for each in run] == ["4", "3", "3", "2"]
    assert run[1].arn.endswith(":function:orders:3")
    return [each.invoked_arn.rpartition(":")[2] for each in run]


def test_both_sides_are_called_by_the_alias_of_the_current_version(work: Work) -> None:
    assert qualifiers(work, aliases=(("live", "4"), ("test", "3"))) == [*["live"] * 3, "stable"]


def test_the_alias_that_names_the_current_version_comes_before_others(work: Work) -> None:
    both = (("blue", "4"), ("live", "4"))
    assert qualifiers(work, alias="live", aliases=both)[:3] == ["live"] * 3


def test_the_version_is_named_where_no_alias_is_certain(work: Work) -> None:
    assert qualifiers(work)[:3] == ["4", "3", "3"]
    assert qualifiers(work, aliases=(("blue", "4"), ("live", "4")))[:3] == ["4", "3", "3"]
    assert qualifiers(work, aliases=(("test", "3"),))[:3] == ["4", "3", "3"]
