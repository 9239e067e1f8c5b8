from datetime import date
from pathlib import Path

from helpers.made_versions import changed
from pytest_lambda_rollback.model.settings import (
    Accept,
    FunctionSettings,
    LocalVersion,
    Settings,
    Strategy,
)
from pytest_lambda_rollback.model.versions import ContainerImage, FunctionConfiguration, TargetRef
from pytest_lambda_rollback.session.plan import checks_of


def local(version: str) -> LocalVersion:
    return LocalVersion(
        version=version,
        code=Path("/c"),
        layers=(),
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
    )


def function(**changes: object) -> FunctionSettings:
    values: dict[str, object] = {
        "name": "orders",
        "current": local("4"),
        "targets": (
            TargetRef(function="orders", version="3"),
            TargetRef(function="orders", version="2"),
        ),
        "events": (Path("/e/create.json"), Path("/e/sqs/batch.json")),
        "events_root": Path("/e"),
        "events_text": "events",
    }
    values.update(changes)
    return FunctionSettings(**values)  # type: ignore[arg-type]


def plan(*functions: FunctionSettings) -> list[str]:
    settings = Settings(path=Path("/p/lambda-rollback.toml"), functions=functions)
    return [f"{c.function}::{c.group}::{c.name}" for c in checks_of(settings) if c.contract is None]


def test_order_is_targets_then_strategies_then_events() -> None:
    assert plan(function()) == [
        "orders::3-alias::create",
        "orders::3-alias::sqs/batch",
        "orders::3-redeploy::create",
        "orders::3-redeploy::sqs/batch",
        "orders::2-alias::create",
        "orders::2-alias::sqs/batch",
        "orders::2-redeploy::create",
        "orders::2-redeploy::sqs/batch",
    ]


def test_another_functions_version_is_only_checked_by_alias() -> None:
    other = TargetRef(function="orders-v1", version="7")
    assert plan(function(targets=(other,), events=(Path("/e/create.json"),))) == [
        "orders::orders-v1:7-alias::create"
    ]


def test_no_targets_and_no_events_are_unknown_not_absent() -> None:
    settings = Settings(
        path=Path("/p"),
        functions=(function(targets=()), function(events=(), strategies=(Strategy.ALIAS,))),
    )
    checks = [check for check in checks_of(settings) if check.contract is None]
    assert [f"{c.function}::{c.group}::{c.name}" for c in checks] == [
        "orders::targets::none",
        "orders::3-alias::events",
        "orders::2-alias::events",
    ]
    assert all(c.reason for c in checks)


def test_a_function_that_is_only_another_ones_target_has_no_checks_of_its_own() -> None:
    old = function(name="orders-v1", targets=())
    new = function(targets=(TargetRef(function="orders-v1", version="7"),))
    assert {name.partition("::")[0] for name in plan(new, old)} == {"orders"}
    assert plan(old) == ["orders-v1::targets::none"]


def test_an_acceptance_covers_its_target_strategy_and_glob_only() -> None:
    accept = Accept(
        target="2",
        check="cre*",
        reason="old",
        until=date(2030, 1, 1),
        strategy=Strategy.REDEPLOY,
    )
    everything = Accept(
        target="3",
        check="*",
        reason="not the contracts, which must be named",
        until=date(2030, 1, 1),
        strategy=Strategy.ALIAS,
    )
    settings = Settings(path=Path("/p"), functions=(function(accept=(accept, everything)),))
    covered = [f"{c.group}::{c.name}" for c in checks_of(settings) if c.accept]
    assert covered == ["3-alias::create", "3-alias::sqs/batch", "2-redeploy::create"]


def test_contracts_that_need_no_event_come_first_for_python() -> None:
    def contracts(of: FunctionSettings) -> list[str]:
        settings = Settings(path=Path("/p"), functions=(of,))
        return [f"{c.group}::{c.name}" for c in checks_of(settings) if c.contract]

    python = function(versions=(local("3"), local("2")), strategies=(Strategy.ALIAS,))
    assert contracts(python) == [
        "3-alias::dependencies",
        "3-alias::imports",
        "3-alias::platform",
        "2-alias::dependencies",
        "2-alias::imports",
        "2-alias::platform",
    ]
    node = [changed(local(version), runtime="nodejs22.x") for version in ("3", "2")]
    assert {name.partition("::")[2] for name in contracts(function(versions=tuple(node)))} == {
        "platform"
    }


def test_of_container_images_only_the_platform_is_judged_without_events() -> None:
    def image(version: str) -> LocalVersion:
        return changed(local(version), runtime="", image=ContainerImage(uri="orders:1", local=True))

    other = TargetRef(function="orders-v1", version="7")
    own = TargetRef(function="orders", version="3")
    settings = Settings(
        path=Path("/p"),
        functions=(
            function(current=image("4"), targets=(own, other), versions=(image("3"),)),
            function(name="orders-v1", targets=(), versions=(image("7"),)),
        ),
    )
    found = [f"{c.group}::{c.name}" for c in checks_of(settings) if c.contract]
    assert found == ["3-alias::platform", "3-redeploy::platform", "orders-v1:7-alias::platform"]


def test_nothing_is_replayed_for_a_deployment_that_aws_refuses() -> None:
    image = changed(local("4"), runtime="", image=ContainerImage(uri="orders:4", local=True))
    settings = Settings(
        path=Path("/p"),
        functions=(
            function(
                current=image,
                targets=(TargetRef(function="orders", version="3"),),
                versions=(local("3"),),
                events=(Path("/e/create.json"),),
            ),
        ),
    )
    assert [f"{c.group}::{c.name}" for c in checks_of(settings)] == [
        "3-alias::dependencies",
        "3-alias::imports",
        "3-alias::platform",
        "3-alias::create",
        "3-redeploy::platform",
    ]
