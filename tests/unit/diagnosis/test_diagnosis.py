"""Which of several possible causes a break is given."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pytest_lambda_rollback
from helpers.stack_builders import distribution, error, finding, package, view
from pytest_lambda_rollback.diagnosis.diagnose import BreakCase, diagnose, same_break
from pytest_lambda_rollback.diagnosis.stack_changes import changes
from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.findings import Contract, Finding
from pytest_lambda_rollback.model.replay import FunctionError
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import TargetRef
from pytest_lambda_rollback.reports import sentences

JWT_6 = package("third-party 6", distribution("PyJWT", "1.7.1", "jwt"))
JWT_7 = package("third-party 7", distribution("PyJWT", "2.8.0", "jwt"))
SHARED_1 = package("acme-shared 1", files=["python/acme_shared.py"])
SHARED_2 = package("acme-shared 2", files=["python/acme_shared.py"])
OWN, CURRENT = view("3", SHARED_1, JWT_6), view("3", SHARED_2, JWT_7)
SHARED, JWT = changes(OWN.version, CURRENT.version)

NO_DECODE = error("AttributeError", "'str' object has no attribute 'decode'", "/var/task/app.py:41")
NO_SKU = error("KeyError", "'sku'", "/var/task/app.py:33")
NO_NAME = error(
    "ImportError", "cannot import name 'to_text' from 'acme_shared'", "/var/task/app.py:5"
)
EVENT, PASSING = b'{"gift_card": 2500}', (b'{"sku": "mug"}',)

DRIFT = finding("type-changed", contract=Contract.RESPONSE, location="/receipt")


def case(raised: FunctionError | None, **changed: Any) -> BreakCase:
    start = BreakCase(
        finding=finding(location="app.py:41") if raised else DRIFT,
        strategy=Strategy.REDEPLOY,
        own=OWN,
        current=CURRENT,
        error=raised,
        event=EVENT,
        passing=PASSING,
    )
    return replace(start, **changed)


def kind(cause: Cause | None) -> str:
    """What a cause blames."""
    if cause is None:
        return "nothing"
    if cause.event_path is not None:
        return "event"
    if cause.distribution is not None:
        return cause.distribution
    return f"layer {cause.layer}" if cause.layer else "code"


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        pytest.param(case(NO_DECODE, heals=True, flip={JWT}), "PyJWT", id="a layer flips it"),
        pytest.param(case(None, heals=True, flip={JWT}), "PyJWT", id="response drift by a layer"),
        pytest.param(
            case(None, heals=True, flip={SHARED}), "layer acme-shared",
            id="response drift by an in-house layer",
        ),
        pytest.param(
            case(NO_SKU, heals=True, flip={JWT}), "PyJWT",
            id="a layer flips it, though the event would fit too",
        ),
        pytest.param(case(NO_SKU, heals=False), "event", id="payload drift"),
        pytest.param(case(NO_DECODE, heals=False), "code", id="no stack heals it, nor the event"),
        pytest.param(case(None, heals=False, passing=()), "code", id="drift by the code"),
        pytest.param(
            case(NO_NAME, heals=True), "layer acme-shared", id="healed, no flip, named by error",
        ),
        pytest.param(case(NO_DECODE, heals=True), "nothing", id="healed, no flip, nothing named"),
        pytest.param(
            case(NO_DECODE, heals=True, own=view("3", SHARED_2, JWT_6)), "PyJWT",
            id="healed, and only one thing differs",
        ),
        pytest.param(case(NO_NAME), "layer acme-shared", id="not tried, named by error"),
        pytest.param(case(NO_SKU), "event", id="not tried, a key of events that pass"),
        pytest.param(
            case(NO_SKU, passing=()), "nothing", id="not tried, and no event to compare with",
        ),
        pytest.param(case(None), "nothing", id="not tried, and no error"),
        pytest.param(case(NO_SKU, own=CURRENT), "event", id="the same stack: the event"),
        pytest.param(case(NO_DECODE, own=CURRENT), "code", id="the same stack: the code"),
        pytest.param(
            case(NO_DECODE, heals=True, flip={JWT}, strategy=Strategy.ALIAS), "PyJWT",
            id="by alias",
        ),
    ],
)  # fmt: skip
def test_what_is_blamed(described: BreakCase, expected: str) -> None:
    assert kind(diagnose(described)) == expected


def test_every_cause_has_its_sentence() -> None:
    for raised in (NO_DECODE, NO_SKU, NO_NAME, None):
        for heals in (True, False, None):
            cause = diagnose(case(raised, heals=heals, flip={JWT} if heals else None))
            assert cause is None or told(cause)


def test_the_sentence_of_the_code_blames_no_layer() -> None:
    cause = diagnose(case(NO_DECODE, heals=False))
    assert kind(cause) == "code"
    assert told(cause) == (
        "redeploying 3: no change of layers, runtime or environment heals it, as it fails alike "
        "on its own and on the current ones: "
        "AttributeError: 'str' object has no attribute 'decode' (app.py:41)"
    )
    cause = diagnose(case(None, own=CURRENT, passing=()))
    assert told(cause) == ("redeploying 3: no change of layers, runtime or environment heals it")


def test_a_cause_that_a_contract_found_is_kept() -> None:
    known = Cause(layer="third-party", distribution="PyJWT")
    described = case(NO_SKU, heals=False, finding=replace(finding(), cause=known))
    assert diagnose(described) is known


def test_a_target_of_another_function_is_never_called_by_its_version_alone() -> None:
    other = TargetRef(function="orders-v1", version="12")
    who = replace(finding().subject, target=other)
    found = replace(finding(location="app.py:41"), subject=who)
    cause = diagnose(case(NO_DECODE, heals=True, flip={JWT}, finding=found))
    assert (sentences.of_cause(cause, who) or "").startswith(
        "redeploying orders-v1:12: layer third-party 7 has PyJWT 2.8.0 but orders-v1:12 was "
        "built against 1.7.1"
    )
    assert event_target(diagnose(case(NO_SKU, heals=False, finding=found))) == "orders-v1:12"


def event_target(cause: Cause | None) -> str:
    assert cause is not None
    assert cause.event is not None
    return cause.event.target


def told(cause: Cause | None) -> str:
    return sentences.of_cause(cause, finding().subject) or ""


def raising(text: str, kind_: str = "function-error") -> Finding:
    error_type, _, message = text.partition(": ")
    return finding(kind_, raised=FunctionError(type=error_type, message=message))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (raising("KeyError: 'sku'"), raising("KeyError: 'sku'"), True),
        (raising("KeyError: 'sku'"), raising("KeyError: 'currency'"), False),
        (raising("KeyError: 'sku'"), raising("TypeError: 'sku'"), False),
        (raising("OrderError: 7a1b failed"), raising("OrderError: 99c2 failed"), True),
        (raising("KeyError: 'sku'"), raising("KeyError: 'sku'", "init-error"), False),
        (finding("timeout"), finding("timeout"), True),
        (DRIFT, DRIFT, True),
        (DRIFT, replace(DRIFT, location="/total"), False),
        (DRIFT, raising("KeyError: 'sku'"), False),
    ],
)
def test_the_same_break(one: Finding, other: Finding, same: bool) -> None:
    assert same_break([one], [other]) is same
    assert same_break([one], [replace(DRIFT, location="/else"), other]) is same
    assert not same_break([one], [])


ROOM = Path(pytest_lambda_rollback.__file__).parent / "diagnosis"


@pytest.mark.parametrize("module", sorted(path.name for path in ROOM.glob("*.py")))
def test_the_room_knows_values_alone(module: str) -> None:
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOM / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    house = {name for name in names if name.startswith("pytest_lambda_rollback.")}
    assert {name.split(".")[1] for name in house} <= {"aws_lambda", "model", "diagnosis"}
    assert {name.partition(".")[0] for name in names} <= {
        "__future__", "ast", "base64", "binascii", "collections", "dataclasses", "enum",
        "itertools", "json", "math", "packaging", "posixpath", "pytest_lambda_rollback", "re",
        "typing",
    }  # fmt: skip


def test_the_events_of_a_case_are_not_in_its_repr() -> None:
    assert "gift_card" not in repr(case(NO_SKU, event=json.dumps({"gift_card": 1}).encode()))
