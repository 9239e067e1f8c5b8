"""Verdicts that rest on what functions ask services for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helpers.fakes import FakeArtifacts, FakeEngine, answer, raises
from helpers.subjects import said
from pytest_lambda_rollback.model.findings import CheckResult, Contract, Verdict
from pytest_lambda_rollback.model.replay import Outcome
from pytest_lambda_rollback.model.services import Answer, ServiceRequest
from pytest_lambda_rollback.model.settings import (
    FunctionSettings,
    LocalVersion,
    Settings,
    Strategy,
)
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, TargetRef
from pytest_lambda_rollback.session import Session
from pytest_lambda_rollback.session.plan import checks_of

GET = ServiceRequest(
    service="dynamodb",
    operation="GetItem",
    parameters='{"TableName": "orders", "Key": {"id": {"S": "o-1"}}}',
    status=200,
)
GONE = replace(
    GET,
    parameters=GET.parameters.replace("orders", "old-orders"),
    status=400,
    error="ResourceNotFoundException",
    message="Requested resource not found",
)
QUERY = replace(GET, operation="Query", parameters='{"TableName": "orders"}')
UNSUPPORTED = replace(
    GET,
    operation="ExecuteTransaction",
    parameters='{"TransactStatements": [{"Statement": "SELECT * FROM orders"}]}',
    status=501,
    answer=Answer.UNSUPPORTED,
)


def judged(folder: Path, current: Any, target: Any) -> list[CheckResult]:
    outcomes = {"4": current, "3": target}

    def respond(version: FunctionVersion, event: Any, number: int) -> Outcome:
        outcome = outcomes[Path(version.code.digest).name]
        found: Outcome = outcome(event, number) if callable(outcome) else outcome
        return found

    for name in ("a", "b"):
        (folder / f"{name}.json").write_text(json.dumps({"name": name}))
    configuration = FunctionConfiguration(runtime="python3.11", handler="app.handler")
    current_version, target_version = (
        LocalVersion(
            version=version,
            code=Path(f"/code/{version}"),
            layers=(Path("/layers/shared"),),
            configuration=configuration,
        )
        for version in ("4", "3")
    )
    function = FunctionSettings(
        name="orders",
        current=current_version,
        targets=(TargetRef(function="orders", version="3"),),
        versions=(current_version, target_version),
        events=(folder / "a.json", folder / "b.json"),
        events_root=folder,
        strategies=(Strategy.ALIAS,),
    )
    settings = Settings(path=folder / "lambda-rollback.toml", functions=(function,))
    checks = [each for each in checks_of(settings) if each.event is not None]
    session = Session(
        selected=[(settings, each) for each in checks],
        make_engine=lambda _settings, _progress: FakeEngine(respond),
        packages=FakeArtifacts(),
        progress=lambda _text: None,
        announce=lambda _engine: None,
    )
    try:
        return [session.run(settings, each) for each in checks]
    finally:
        session.close()


def asks(*requests: ServiceRequest) -> Outcome:
    return replace(answer({"ok": True}), requests=requests)


def test_a_refused_request_breaks_though_the_target_answers(tmp_path: Path) -> None:
    for result in judged(tmp_path, asks(GET), asks(GET, GONE, QUERY)):
        assert result.verdict is Verdict.BREAKS
        assert [said(each) for each in result.findings] == [
            "orders:3 by alias sends dynamodb GetItem on old-orders, which is refused "
            "(ResourceNotFoundException: Requested resource not found) where orders:4 meets no "
            "such refusal; if AWS has it today, add it to the seed"
        ]
        assert [each.contract for each in result.findings] == [Contract.DOWNSTREAM]


def test_a_refusal_whose_words_differ_each_time_is_still_confirmed(tmp_path: Path) -> None:
    numbers = iter(range(1000))

    def target(_event: Any, _number: int) -> Outcome:
        return asks(replace(GONE, message=f"not found (request {next(numbers)})"))

    assert [each.verdict for each in judged(tmp_path, asks(GET), target)] == [Verdict.BREAKS] * 2


def test_a_refusal_that_does_not_repeat_is_flaky(tmp_path: Path) -> None:
    numbers = iter(range(1000))

    def target(event: Any, _number: int) -> Outcome:
        first = event["name"] == "a" and next(numbers) == 0
        return asks(GONE) if first else asks(GET)

    first, second = judged(tmp_path, asks(GET), target)
    assert first.verdict is Verdict.UNKNOWN
    assert str(first.reason).startswith("flaky: ")
    assert second.verdict is Verdict.SAFE


def test_the_pass_of_a_refusal_is_told(tmp_path: Path) -> None:
    def target(_event: Any, number: int) -> Outcome:
        return asks(GET, GONE) if number > 1 else asks(GET)

    first, second = judged(tmp_path, asks(GET), target)
    assert first.verdict is Verdict.SAFE
    assert [
        said(each).endswith(" after a in the same environment") for each in second.findings
    ] == [True]


def test_other_requests_warn_once_for_both_passes(tmp_path: Path) -> None:
    for result in judged(tmp_path, asks(GET), asks(GET, QUERY)):
        assert result.verdict is Verdict.SAFE
        assert [said(each) for each in result.warnings] == [
            "orders:3 by alias sends dynamodb Query on orders, which orders:4 never does"
        ]


@pytest.mark.parametrize(
    ("current", "target", "name"),
    [
        (asks(GET), asks(UNSUPPORTED), "orders:3 by alias"),
        (asks(GET), replace(raises(), requests=(UNSUPPORTED,)), "orders:3 by alias"),
        (asks(UNSUPPORTED), asks(GET), "orders:4, the current version,"),
        (asks(UNSUPPORTED), asks(UNSUPPORTED), "orders:3 by alias"),
        (
            replace(raises(), requests=(UNSUPPORTED,)),
            asks(GET),
            "orders:4, the current version,",
        ),
        (
            asks(UNSUPPORTED),
            replace(answer({"other": 1}), requests=(GET,)),
            "orders:4, the current version,",
        ),
    ],
)
def test_what_the_private_aws_does_not_do_is_unknown(
    tmp_path: Path, current: Outcome, target: Outcome, name: str
) -> None:
    for result in judged(tmp_path, current, target):
        assert result.verdict is Verdict.UNKNOWN
        assert result.findings == ()
        assert str(result.reason).startswith(
            f"{name} sends dynamodb ExecuteTransaction, which the private AWS does not do"
        )


FETCH = replace(UNSUPPORTED, operation="FetchItem", parameters="{}")


@pytest.mark.parametrize(
    "target",
    [asks(FETCH), replace(raises("ClientError", "(NotImplemented)"), requests=(FETCH,))],
)
def test_what_no_model_has_breaks_and_is_no_gap_of_the_private_aws(
    tmp_path: Path, target: Outcome
) -> None:
    for result in judged(tmp_path, asks(GET), target):
        assert result.verdict is Verdict.BREAKS
        (finding,) = result.findings
        assert said(finding).startswith(
            "orders:3 by alias sends dynamodb FetchItem, an operation that dynamodb does not have "
            "(botocore "
        )


def test_what_no_model_has_is_unknown_where_the_current_version_sends_it(tmp_path: Path) -> None:
    for result in judged(tmp_path, asks(FETCH), asks(FETCH)):
        assert result.verdict is Verdict.UNKNOWN
        assert "sends dynamodb FetchItem, which the private AWS does not do" in str(result.reason)


def test_a_target_that_fails_on_its_own_breaks_whatever_the_answer_is(tmp_path: Path) -> None:
    for result in judged(tmp_path, asks(UNSUPPORTED), raises()):
        assert result.verdict is Verdict.BREAKS
