from __future__ import annotations

from pathlib import Path

import pytest

from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.replay import FunctionError, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion
from pytest_lambda_rollback.session.environment_values import explained

CODE = Artifact(label="orders:4", digest="0", size_bytes=1, tar=Path("code"))
ADVICE = (
    "{} are placeholders: give them under functions.orders.environment, or fetch them at "
    'run time with functions.orders.aws.environment = "fetch"'
)
MENTION = "It ran with placeholders for RECEIPT_KEY and TABLE"


def version(*placeholders: str) -> FunctionVersion:
    return FunctionVersion(
        function="orders",
        version="4",
        configuration=FunctionConfiguration(
            runtime="python3.13",
            handler="app.handler",
            environment=tuple((name, f"placeholder-for-{name}") for name in placeholders),
        ),
        code=CODE,
        layers=(),
        placeholders=placeholders,
    )


def ended(kind: OutcomeKind, type_: str, message: str, *trace: str) -> Outcome:
    return Outcome(kind=kind, error=FunctionError(type=type_, message=message, stack_trace=trace))


RAISED, INIT = OutcomeKind.FUNCTION_ERROR, OutcomeKind.INIT_ERROR


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        # An event or a package is to blame: the placeholders are mentioned.
        (ended(RAISED, "KeyError", "'body'"), MENTION),
        (ended(RAISED, "KeyError", "'TABLES'"), MENTION),
        (ended(INIT, "Runtime.ImportModuleError", "No module named 'app'"), MENTION),
        (ended(INIT, "Runtime.HandlerNotFound", "Handler 'x' missing"), MENTION),
        (Outcome(kind=OutcomeKind.TIMEOUT, detail="timed out after 3 s"), MENTION),
        # One of them shows, by value or by name.
        (ended(RAISED, "NoTable", "placeholder-for-TABLE"), ADVICE.format("The values of TABLE")),
        (ended(RAISED, "ValueError", "bad RECEIPT_KEY"),
         ADVICE.format("The values of RECEIPT_KEY")),
        (ended(RAISED, "ValueError", "no", 'x = int(os.environ["TABLE"])'),
         ADVICE.format("The values of TABLE")),
        (Outcome(kind=OutcomeKind.RESPONSE, payload=b'{"table": "placeholder-for-TABLE"}'),
         ADVICE.format("The values of TABLE")),
        # It raises while it starts, which any of them may lead to.
        (ended(INIT, "ValueError", "invalid literal"),
         ADVICE.format("The values of RECEIPT_KEY and TABLE")),
    ],
)  # fmt: skip
def test_placeholders_are_blamed_where_they_may_be_the_reason(outcome: Outcome, said: str) -> None:
    judgement = Judgement(reason="orders:4 is no baseline")
    found = explained(judgement, version("RECEIPT_KEY", "TABLE"), (outcome, outcome))
    assert found.reason == f"orders:4 is no baseline. {said}"


def test_without_placeholders_and_without_a_reason_nothing_is_said() -> None:
    outcome = ended(RAISED, "KeyError", "'body'")
    judgement = Judgement(reason="no baseline")
    assert explained(judgement, version(), (outcome,)) is judgement
    assert explained(Judgement(), version("TABLE"), (outcome,)) == Judgement()
