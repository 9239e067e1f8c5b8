from datetime import date
from pathlib import Path

from pytest_lambda_rollback.model import (
    Accept,
    FunctionSettings,
    LocalVersion,
    Settings,
    Strategy,
    TargetRef,
)
from pytest_lambda_rollback.plan import checks_of


def local(version: str) -> LocalVersion:
    return LocalVersion(
        version=version, code=Path("/c"), layers=(), runtime="python3.11", handler="app.handler"
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
    return [f"{c.function}::{c.group}::{c.name}" for c in checks_of(settings)]


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
    checks = checks_of(settings)
    assert [f"{c.function}::{c.group}::{c.name}" for c in checks] == [
        "orders::targets::none",
        "orders::3-alias::events",
        "orders::2-alias::events",
    ]
    assert all(c.reason for c in checks)


def test_an_acceptance_covers_its_target_strategy_and_glob_only() -> None:
    accept = Accept(
        target="2",
        check="cre*",
        reason="old",
        until=date(2030, 1, 1),
        strategy=Strategy.REDEPLOY,
    )
    settings = Settings(path=Path("/p"), functions=(function(accept=(accept,)),))
    covered = [f"{c.group}::{c.name}" for c in checks_of(settings) if c.accept]
    assert covered == ["2-redeploy::create"]
