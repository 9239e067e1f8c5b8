"""The order of the steps, judged by the verdicts, with a fake engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest

from helpers.fakes import FakeArtifacts, FakeEngine, answer, harness_failure, raises
from helpers.subjects import said
from pytest_lambda_rollback.contracts.interface import ReplayCase
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.findings import CheckResult, Finding, Judgement, Note, Verdict
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import (
    Accept,
    FunctionSettings,
    LocalVersion,
    ResponseRule,
    Settings,
    Strategy,
)
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, TargetRef
from pytest_lambda_rollback.session import Session
from pytest_lambda_rollback.session.plan import checks_of

Respond = Callable[[FunctionVersion, Any, int], Outcome]
Check = Callable[..., list[CheckResult]]


def local(version: str, layer: str = "shared-1") -> LocalVersion:
    return LocalVersion(
        version=version,
        code=Path(f"/code/{version}"),
        layers=(Path(f"/layers/{layer}"),),
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
    )


@pytest.fixture
def check(tmp_path: Path) -> Iterator[Check]:
    """Run all checks of one function, version 4 current and 3 its target, on a fake engine."""
    sessions: list[Session] = []

    def run(respond: Respond, *, engine: FakeEngine | None = None, **changes: Any) -> Any:
        event = tmp_path / "create.json"
        event.write_text(json.dumps(changes.pop("event", {"sku": "a"})))
        make = changes.pop("make_engine", None)
        size_bytes = changes.pop("size_bytes", 10)
        contracts = changes.pop("contracts", ())
        settings_changes = {
            "name": "orders",
            "current": local("4", "shared-2"),
            "targets": (TargetRef(function="orders", version="3"),),
            "versions": (local("4", "shared-2"), local("3")),
            "events": (event,),
            "events_root": tmp_path,
            "strategies": (Strategy.ALIAS,),
            **changes,
        }
        settings = Settings(
            path=tmp_path / "lambda-rollback.toml",
            functions=(FunctionSettings(**settings_changes),),
        )
        checks = [check for check in checks_of(settings) if check.contract is None]
        engine = engine or FakeEngine(respond)
        session = Session(
            selected=[(settings, each) for each in checks],
            make_engine=make or (lambda _settings, _progress: engine),
            packages=FakeArtifacts(size_bytes),
            progress=lambda _text: None,
            announce=lambda _engine: None,
            contracts=contracts,
            today=lambda: date(2026, 6, 1),
        )
        sessions.append(session)
        results = [session.run(settings, each) for each in checks]
        session.close()
        assert all(environment.closed for environment in engine.environments)
        return results

    yield run
    for session in sessions:
        session.close()


def by_version(**outcomes: Outcome) -> Respond:
    """By the code that runs, whatever number it runs under."""
    return lambda version, _event, _replay: outcomes[f"v{Path(version.code.digest).name}"]


def test_equal_answers_are_safe(check: Check) -> None:
    (result,) = check(by_version(v4=answer({"id": 1}), v3=answer({"id": 2})))
    assert result.verdict is Verdict.SAFE
    assert result.findings == ()


@dataclass(frozen=True)
class Remarks:
    """A plugin's contract that warns and notes, and breaks where it is told to."""

    name: str
    breaks: bool = False
    needs_replays: Literal[True] = True

    def judge(self, case: ReplayCase) -> Judgement:
        finding = Finding(
            contract=self.name, kind="remark", subject=case.subject, text=f"{self.name} broke"
        )
        return Judgement(
            findings=(finding,) if self.breaks else (),
            warnings=(replace(finding, text=f"{self.name} warns"),),
            notes=(Note(kind="remark", text=f"{self.name} did not look"),),
        )


@pytest.mark.parametrize("breaks", [False, True])
def test_warnings_and_notes_of_every_contract_reach_the_result(
    check: Check, *, breaks: bool
) -> None:
    contracts = (Remarks("first"), Remarks("second", breaks=breaks))
    (result,) = check(by_version(v4=answer({}), v3=answer({})), contracts=contracts)
    assert result.verdict is (Verdict.BREAKS if breaks else Verdict.SAFE)
    assert [each.text for each in result.warnings] == ["first warns", "second warns"]
    assert [each.text for each in result.notes] == ["first did not look", "second did not look"]


def test_a_raise_is_confirmed_in_a_fresh_environment(check: Check) -> None:
    engine = FakeEngine(by_version(v4=answer({}), v3=raises("KeyError", "'gift_card'")))
    (result,) = check(engine.respond, engine=engine)
    assert result.verdict is Verdict.BREAKS
    assert "KeyError" in said(result.findings[0])
    assert result.findings[0].kind == "function-error"
    as_published = [
        e for e in engine.environments if e.version.layers[0].artifact.digest == "/layers/shared-1"
    ]
    assert [e.replays for e in as_published] == [1, 1]


def test_a_break_that_does_not_repeat_is_unknown_and_shows_both_outcomes(check: Check) -> None:
    seen: list[str] = []

    def respond(version: FunctionVersion, event: Any, replay: int) -> Outcome:
        if version.version == "4":
            return answer({})
        seen.append("3")
        return raises("KeyError", "'x'") if len(seen) == 1 else answer({})

    (result,) = check(respond)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason is not None
    assert result.reason.startswith("flaky")
    assert "KeyError" in result.reason
    assert "it answered as the current version does" in result.reason


def test_what_differs_by_itself_in_a_late_baseline_run_is_no_break(check: Check) -> None:
    """Two runs of the current version may agree by luck; a third one shows the noise."""
    runs: list[str] = []

    def respond(version: FunctionVersion, event: Any, replay: int) -> Outcome:
        if version.version == "4":
            runs.append("4")
            return answer({"shard": 1 if len(runs) < 3 else 7})
        return answer({"shard": 5})

    (result,) = check(respond, response=ResponseRule(mode="exact"))
    assert result.verdict is Verdict.SAFE


def test_a_changed_value_breaks_in_exact_mode_only(check: Check) -> None:
    respond = by_version(v4=answer({"total": 10}), v3=answer({"total": 11}))
    (exact,) = check(respond, response=ResponseRule(mode="exact"))
    (shape,) = check(respond)
    assert (exact.verdict, shape.verdict) == (Verdict.BREAKS, Verdict.SAFE)
    assert exact.findings[0].location == "/total"


def test_a_failing_current_version_is_unknown_with_what_to_do(check: Check) -> None:
    (result,) = check(by_version(v4=raises("KeyError"), v3=answer({})))
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason is not None
    assert "expect" in result.reason


def test_an_expected_error_makes_the_event_usable(check: Check) -> None:
    event = {"lambda_rollback": 1, "event": {}, "expect": {"error": "KeyError"}}
    (same,) = check(by_version(v4=raises("KeyError"), v3=raises("KeyError")), event=event)
    (other,) = check(by_version(v4=raises("KeyError"), v3=raises("TypeError")), event=event)
    (answers,) = check(by_version(v4=raises("KeyError"), v3=answer({})), event=event)
    assert same.verdict is Verdict.SAFE
    assert other.verdict is Verdict.BREAKS
    assert answers.verdict is Verdict.SAFE


def test_a_harness_failure_is_tried_again_and_then_unknown(check: Check) -> None:
    failures: list[str] = []

    def once(version: FunctionVersion, event: Any, replay: int) -> Outcome:
        if version.version == "3" and not failures:
            failures.append("3")
            return harness_failure()
        return answer({})

    (recovered,) = check(once)
    assert recovered.verdict is Verdict.SAFE
    (lost,) = check(by_version(v4=answer({}), v3=harness_failure()))
    assert lost.verdict is Verdict.UNKNOWN
    assert lost.reason is not None
    assert "the engine went away" in lost.reason


def test_redeploy_runs_the_old_code_on_the_current_layers(check: Check) -> None:
    layers: dict[str, list[str]] = {}

    def respond(version: FunctionVersion, event: Any, replay: int) -> Outcome:
        key = version.code.digest
        layers.setdefault(key, []).append(version.layers[0].artifact.digest)
        if version.code.digest == "/code/3" and version.layers[0].version == "2":
            return raises("ImportError")
        return answer({})

    alias, redeploy = check(respond, strategies=(Strategy.ALIAS, Strategy.REDEPLOY))
    assert (alias.verdict, redeploy.verdict) == (Verdict.SAFE, Verdict.BREAKS)
    assert set(layers["/code/3"]) == {"/layers/shared-1", "/layers/shared-2"}
    assert "by redeploy" in said(redeploy.findings[0])


def accepted(until: date = date(2027, 1, 31)) -> tuple[Accept, ...]:
    return (Accept(target="3", check="cre*", reason="predates gift cards", until=until),)


def test_an_accepted_break_is_accepted_until_its_date(check: Check) -> None:
    respond = by_version(v4=answer({}), v3=raises())
    (result,) = check(respond, accept=accepted())
    assert result.verdict is Verdict.ACCEPTED
    assert result.reason == "predates gift cards (accepted until 2027-01-31)"
    (late,) = check(respond, accept=accepted(date(2026, 5, 31)))
    assert late.verdict is Verdict.BREAKS
    assert late.stale_accept is not None
    assert "ended on 2026-05-31" in late.stale_accept


def test_an_acceptance_that_no_longer_breaks_is_stale(check: Check) -> None:
    (result,) = check(by_version(v4=answer({}), v3=answer({})), accept=accepted())
    assert result.verdict is Verdict.SAFE
    assert result.stale_accept is not None
    assert "does not break any more" in result.stale_accept


def test_a_version_that_cannot_be_prepared_leaves_the_others_alone(check: Check) -> None:
    engine = FakeEngine(lambda *_: answer({}), refuses={"2": "its base image is missing"})
    results = check(
        engine.respond,
        engine=engine,
        targets=(
            TargetRef(function="orders", version="3"),
            TargetRef(function="orders", version="2"),
        ),
        versions=(local("4"), local("3"), local("2")),
    )
    assert [r.verdict for r in results] == [Verdict.SAFE, Verdict.UNKNOWN]
    assert "its base image is missing" in str(results[1].reason)


def test_a_current_version_that_cannot_be_prepared_makes_all_unknown(check: Check) -> None:
    engine = FakeEngine(lambda *_: answer({}), refuses={"4": "no Docker"})
    results = check(engine.respond, engine=engine, strategies=(Strategy.ALIAS, Strategy.REDEPLOY))
    assert [r.verdict for r in results] == [Verdict.UNKNOWN] * 2
    assert all("no Docker" in str(r.reason) for r in results)


def test_no_engine_at_all_is_unknown(check: Check) -> None:
    def refuse(_settings: Settings, _progress: object) -> FakeEngine:
        raise EngineError("docker does not answer", do="Start it")

    (result,) = check(lambda *_: answer({}), make_engine=refuse)
    assert result.verdict is Verdict.UNKNOWN
    assert result.reason == "docker does not answer. Start it."


def test_code_and_layers_over_250_mb_are_refused(check: Check) -> None:
    (result,) = check(lambda *_: answer({}), size_bytes=130 * 1024 * 1024)
    assert result.verdict is Verdict.UNKNOWN
    assert "250 MB" in str(result.reason)


def test_the_baseline_comes_from_two_environments_and_is_replayed_once(check: Check) -> None:
    engine = FakeEngine(lambda *_: answer({}))
    check(engine.respond, engine=engine, strategies=(Strategy.ALIAS, Strategy.REDEPLOY))
    current = [e for e in engine.environments if e.version.code.digest == "/code/4"]
    assert [e.replays for e in current] == [1, 1]


def test_every_kind_of_end_is_a_break_of_the_invocation_contract(check: Check) -> None:
    for kind in (
        OutcomeKind.INIT_ERROR,
        OutcomeKind.TIMEOUT,
        OutcomeKind.OUT_OF_MEMORY,
        OutcomeKind.RUNTIME_EXIT,
        OutcomeKind.RESPONSE_TOO_LARGE,
    ):
        (result,) = check(by_version(v4=answer({}), v3=Outcome(kind=kind, detail="it ended")))
        assert result.verdict is Verdict.BREAKS
        assert result.findings[0].kind == kind
