"""What to write into the configuration for a service that replays lack."""

from __future__ import annotations

import importlib.util
import tomllib

import pytest

from helpers.subjects import subject
from pytest_lambda_rollback.contracts.invocation import contract as invocation
from pytest_lambda_rollback.contracts.invocation.service_settings import DO_WITHOUT, table, way_to
from pytest_lambda_rollback.model.replay import FunctionError, Outcome, OutcomeKind

TABLE = "under [functions.orders.services]"
AWS = f"Give it a private AWS: aws = {{}} {TABLE}, with a template or a seed that has what the "
RECORD = "Record its answers with `lambda-rollback record orders --downstream --allow "
OR = ". Or use an event that does not make this call"


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ("dynamodb.eu-west-1.amazonaws.com", f"{AWS}function uses{OR}"),
        ("my-bucket.s3.amazonaws.com", AWS),
        ("sqs.cn-north-1.amazonaws.com.cn", AWS),
        ("dynamodb.eu-west-1.api.aws", AWS),
        ("the AWS operation GetItem", AWS),
        ("api.example.com", f"{RECORD}api.example.com`{OR}"),
        ("x1.execute-api.eu-west-1.amazonaws.com", RECORD),
        ("shop-1.eu-west-1.elb.amazonaws.com", RECORD),
        ("x1.lambda-url.eu-west-1.on.aws", RECORD),
        ("notamazonaws.com", RECORD),
        ("db.internal:5432",
         'Open a door to a service that you run: "db.internal:5432" = "127.0.0.1:5432" '
         f"{TABLE}{OR}"),
        ("x.abc.eu-west-1.rds.amazonaws.com:5432",
         'run: "x.abc.eu-west-1.rds.amazonaws.com:5432" = "127.0.0.1:5432"'),
        ("10.9.9.9:5432",
         "Doors need names: have the function use a name in place of the address, and add "
         f'"NAME:5432" = "127.0.0.1:5432" {TABLE}{OR}'),
        ("10.9.9.9", '"NAME:443" = "127.0.0.1:443"'),
        ("[fd00::1]:6379", '"NAME:6379" = "127.0.0.1:6379"'),
        ("a host, by a name that is not known", DO_WITHOUT),
        ('evil"\nhost', DO_WITHOUT),
        (None, DO_WITHOUT),
    ],
)  # fmt: skip
def test_the_way_to_a_service(service: str | None, words: str) -> None:
    assert words in way_to(service, "orders")


@pytest.mark.parametrize("service", ["sqs.eu-west-1.amazonaws.com", "api.example.com"])
def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    extra = '(it needs pip install "pytest-lambda-rollback[state]")'
    assert extra not in way_to(service, "orders")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert extra in way_to(service, "orders")
    assert extra not in way_to("db.internal:5432", "orders")


@pytest.mark.parametrize("function", ["orders", "billing-1_x", "with space", "a.b"])
def test_the_table_is_toml(function: str) -> None:
    assert tomllib.loads(table(function)) == {"functions": {function: {"services": {}}}}


def test_a_call_without_a_door_says_what_to_add() -> None:
    calls = ("db.internal:5432",)
    answer = Outcome(kind=OutcomeKind.RESPONSE, payload=b"{}", calls=())
    error = FunctionError(type="OperationalError", message="refused")
    fails = Outcome(kind=OutcomeKind.FUNCTION_ERROR, error=error, calls=calls)
    line = f'"db.internal:5432" = "127.0.0.1:5432" {TABLE}'

    target = invocation.judge((answer, answer), fails, None, subject=subject()).reason
    current = invocation.judge_baseline((fails, fails), None, version_name="orders:4").reason
    without = Outcome(kind=OutcomeKind.RESPONSE, payload=b"{}", calls=calls)
    fallback = invocation.fallback([("orders:2", without)], b"{}", function="orders")

    assert target is not None
    assert current is not None
    assert fallback is not None
    assert target.startswith(
        "orders:2 needs db.internal:5432, which does not answer in a replay (OperationalError: "
    )
    for reason in (target, current, str(fallback.reason)):
        assert line in reason
