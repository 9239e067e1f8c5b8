"""Cold and warm passes, judged by the verdicts, with an engine whose environments have state."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from helpers.fakes import FakeArtifacts, FakeEngine, FakeEnvironment, answer, raises
from helpers.subjects import said
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.findings import Check, CheckResult, Verdict
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.settings import (
    FunctionSettings,
    LocalVersion,
    ResponseRule,
    Settings,
    Strategy,
)
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, TargetRef
from pytest_lambda_rollback.reports import sentences
from pytest_lambda_rollback.session import Session
from pytest_lambda_rollback.session.plan import checks_of
from pytest_lambda_rollback.session.schedule import lanes

Handler = Callable[[str, list[str]], Outcome]
"""(event's name, names of the events before it in the environment) to the outcome."""

TIMEOUT = Outcome(kind=OutcomeKind.TIMEOUT, detail="timed out after 3 s")


@dataclass
class Environment(FakeEnvironment):
    seen: list[str] = field(default_factory=list)

    def invoke(self, invocation: Invocation) -> Outcome:
        if not self.alive:
            return Outcome(kind=OutcomeKind.HARNESS_FAILURE, detail="it was ended")
        name = json.loads(invocation.event)["name"]
        outcome = self.respond(self.version, name, self.seen)  # type: ignore[arg-type]
        self.seen.append(name)
        if outcome.kind not in (OutcomeKind.RESPONSE, OutcomeKind.FUNCTION_ERROR):
            self.alive = False
        return outcome


class Engine(FakeEngine):
    """Notes what each environment of each version handled."""

    def start(self, version: FunctionVersion) -> Environment:
        with self.lock:
            made = Environment(version, self.respond, len(self.environments))
            self.environments.append(made)
        return made

    def handled(self, version: str, layer: str | None = None) -> list[list[str]]:
        return [
            each.seen  # type: ignore[attr-defined]
            for each in self.environments
            if each.version.version == version
            and layer in (None, each.version.layers[0].artifact.digest)
        ]


@dataclass(kw_only=True)
class Run:
    """One function with events, version 4 current and 3 its target."""

    folder: Path
    handlers: dict[str, Handler]
    events: tuple[str, ...] = ("a", "b", "c")
    strategies: tuple[Strategy, ...] = (Strategy.ALIAS,)
    targets: tuple[str, ...] = ("3",)
    shared: bool = True
    """True if all versions have the same layers."""
    rule: ResponseRule = field(default_factory=ResponseRule)
    budget_s: float = 60.0
    eager: bool = True

    def __post_init__(self) -> None:
        self.engine = Engine(self.respond)

    def respond(self, version: FunctionVersion, name: str, seen: Any) -> Outcome:
        return self.handlers[Path(version.code.digest).name](name, seen)

    def settings(self) -> Settings:
        for name in self.events:
            (self.folder / f"{name}.json").write_text(json.dumps({"name": name}))
        versions = tuple(self.local(version) for version in ("4", *self.targets))
        function = FunctionSettings(
            name="orders",
            current=versions[0],
            targets=tuple(TargetRef(function="orders", version=each) for each in self.targets),
            versions=versions,
            events=tuple(self.folder / f"{name}.json" for name in self.events),
            events_root=self.folder,
            strategies=self.strategies,
            response=self.rule,
            cold_budget_s=self.budget_s,
        )
        return Settings(path=self.folder / "lambda-rollback.toml", functions=(function,))

    def local(self, version: str) -> LocalVersion:
        return LocalVersion(
            version=version,
            code=Path(f"/code/{version}"),
            layers=(Path("/layers/shared-1" if self.shared else f"/layers/own-{version}"),),
            configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
        )

    def results(self, select: Callable[[Check], bool] = lambda _check: True) -> list[CheckResult]:
        settings = self.settings()
        checks = [each for each in checks_of(settings) if each.event is not None and select(each)]
        session = Session(
            selected=[(settings, each) for each in checks],
            make_engine=lambda _settings, _progress: self.engine,
            packages=FakeArtifacts(),
            progress=lambda _text: None,
            announce=lambda _engine: None,
            eager=self.eager,
        )
        try:
            return [session.run(settings, each) for each in checks]
        finally:
            session.close()
            assert all(each.closed for each in self.engine.environments)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    def make(target: Handler, current: Handler = lambda *_: answer({}), **changes: Any) -> Run:
        handlers = {"4": current, **dict.fromkeys(changes.get("targets", ("3",)), target)}
        return Run(folder=tmp_path, handlers=handlers, **changes)

    return make


def told(results: list[CheckResult]) -> dict[str, Any]:
    """Verdicts by event; for a break the pass and the events before."""
    return {
        each.check.name: each.verdict.value
        if each.verdict is not Verdict.BREAKS
        else tuple((f.replay_pass, *f.after) for f in each.findings)
        for each in results
    }


def fails_cold(name: str, seen: list[str]) -> Outcome:
    return answer({}) if seen else raises()


def fails_after_a(name: str, seen: list[str]) -> Outcome:
    return raises() if "a" in seen else answer({})


# --- verdicts --------------------------------------------------------------------------------


def test_a_break_in_both_passes_is_one_finding_of_neither(run: Callable[..., Run]) -> None:
    results = run(lambda *_: raises()).results()
    assert told(results) == {"a": ((None,),), "b": ((None,),), "c": ((None,),)}
    assert said(results[1].findings[0]) == (
        "orders:3 by alias raises KeyError: 'x' where orders:4 answers"
    )


def test_a_break_on_a_cold_start_says_so(run: Callable[..., Run]) -> None:
    results = run(fails_cold).results()
    # The first event has one replay only, which is cold.
    assert told(results) == {"a": ((None,),), "b": (("cold",),), "c": (("cold",),)}
    assert said(results[1].findings[0]) == (
        "orders:3 by alias raises KeyError: 'x' on a cold start where orders:4 answers"
    )


def test_a_break_in_a_warm_environment_names_the_events_before(run: Callable[..., Run]) -> None:
    results = run(fails_after_a).results()
    assert told(results) == {"a": "safe", "b": (("warm", "a"),), "c": (("warm", "a", "b"),)}
    assert said(results[1].findings[0]) == (
        "orders:3 by alias raises KeyError: 'x' after a in the same environment "
        "where orders:4 answers"
    )
    assert "after 2 events, the last of them b, in the same" in said(results[2].findings[0])


def test_the_event_just_before_is_named_alone_where_it_is_enough(run: Callable[..., Run]) -> None:
    results = run(lambda _name, seen: raises() if seen else answer({})).results()
    assert told(results) == {"a": "safe", "b": (("warm", "a"),), "c": (("warm", "b"),)}


def test_another_place_when_warm_is_a_break_in_each_pass(run: Callable[..., Run]) -> None:
    results = run(lambda _n, seen: raises("TypeError" if seen else "KeyError")).results()
    assert told(results)["c"] == (("cold",), ("warm", "b"))
    assert results[2].verdict is Verdict.BREAKS


def test_a_changed_answer_says_its_pass_too(run: Callable[..., Run]) -> None:
    def target(name: str, seen: list[str]) -> Outcome:
        return answer({"id": 1} if not seen else {})

    results = run(target, lambda *_: answer({"id": 1})).results()
    assert told(results) == {"a": "safe", "b": (("warm", "a"),), "c": (("warm", "b"),)}
    assert said(results[1].findings[0]).endswith(" after a in the same environment")


def test_the_same_failure_of_both_sides_in_the_warm_pass_is_no_break(
    run: Callable[..., Run],
) -> None:
    results = run(fails_after_a, fails_after_a).results()
    assert told(results) == dict.fromkeys("abc", "safe")
    (note,) = results[1].notes
    assert sentences.of_note(note).startswith(
        "b was not compared after other events in the same environment: orders:4, the current"
    )


def test_another_failure_where_the_current_version_fails_when_warm_is_unknown(
    run: Callable[..., Run],
) -> None:
    def target(name: str, seen: list[str]) -> Outcome:
        return raises("TypeError") if seen else answer({})

    results = run(target, fails_after_a).results()
    assert told(results) == {"a": "safe", "b": "unknown", "c": "unknown"}
    assert "orders:4, the current version, raises KeyError" in str(results[1].reason)


def test_a_target_that_fails_cold_breaks_though_the_current_version_fails_when_warm(
    run: Callable[..., Run],
) -> None:
    results = run(lambda *_: raises(), fails_after_a).results()
    assert told(results)["b"] == (("cold",),)


def test_what_no_pass_can_compare_is_unknown(run: Callable[..., Run]) -> None:
    results = run(lambda *_: answer({}), lambda *_: raises()).results()
    assert told(results) == dict.fromkeys("abc", "unknown")
    assert all("expect" in str(each.reason) for each in results)


def test_a_key_that_the_current_version_has_in_one_pass_only_is_not_promised(
    run: Callable[..., Run],
) -> None:
    def current(name: str, seen: list[str]) -> Outcome:
        return answer({"ok": 1} if seen else {"ok": 1, "cold": True})

    results = run(lambda *_: answer({"ok": 1}), current).results()
    assert told(results)["b"] == "safe"


# --- confirmation ----------------------------------------------------------------------------


def test_a_cold_break_that_does_not_repeat_is_flaky(run: Callable[..., Run]) -> None:
    times: Counter[str] = Counter()

    def target(name: str, seen: list[str]) -> Outcome:
        if name != "b" or seen:
            return answer({})
        times[name] += 1
        return raises() if times[name] == 1 else answer({})

    results = run(target).results()
    assert told(results) == {"a": "safe", "b": "unknown", "c": "safe"}
    assert str(results[1].reason).startswith("flaky: the break did not repeat")
    assert "KeyError" in str(results[1].reason)
    assert "it answered as the current version does" in str(results[1].reason)


def test_a_warm_break_is_confirmed_by_the_same_events_in_a_fresh_environment(
    run: Callable[..., Run],
) -> None:
    made = run(lambda name, seen: raises() if seen == ["a", "b"] else answer({}))
    assert told(made.results()) == {"a": "safe", "b": "safe", "c": (("warm", "a", "b"),)}
    handled = made.engine.handled("3")
    assert handled.count(["a", "b", "c"]) == 2


def test_a_warm_break_that_does_not_repeat_is_flaky(run: Callable[..., Run]) -> None:
    times: Counter[str] = Counter()

    def target(name: str, seen: list[str]) -> Outcome:
        if not seen:
            return answer({})
        times[name] += 1
        return raises() if name == "b" and times[name] == 1 else answer({})

    results = run(target).results()
    assert told(results) == {"a": "safe", "b": "unknown", "c": "safe"}
    assert str(results[1].reason).startswith("flaky")


def test_a_break_in_both_passes_needs_no_other_replay(run: Callable[..., Run]) -> None:
    made = run(lambda *_: raises())
    made.results(lambda check: check.name in ("b", "c"))
    assert sorted(made.engine.handled("3")) == [["a", "b", "c"], ["b"], ["c"]]


# --- replays ---------------------------------------------------------------------------------


def test_the_current_version_goes_through_both_passes_twice_for_all_targets(
    run: Callable[..., Run],
) -> None:
    made = run(lambda *_: answer({}), targets=("3", "2"))
    assert set(told(made.results()).values()) == {"safe"}
    twice = [["a", "b", "c"], ["a", "b", "c"], ["b"], ["b"], ["c"], ["c"]]
    assert sorted(made.engine.handled("4")) == twice
    for target in ("3", "2"):
        assert sorted(made.engine.handled(target)) == [["a", "b", "c"], ["b"], ["c"]]


def test_an_equal_stack_is_judged_once_for_both_strategies(run: Callable[..., Run]) -> None:
    made = run(fails_cold, strategies=tuple(Strategy), shared=True)
    results = made.results()
    assert [each.verdict for each in results] == [Verdict.BREAKS] * 6
    # Once in each pass, and what confirms the first event and the cold breaks.
    assert sorted(made.engine.handled("3")) == [["a"], ["a", "b", "c"], ["b"], ["b"], ["c"], ["c"]]
    assert {each.findings[0].subject.strategy for each in results} == set(Strategy)


def test_other_stacks_share_no_environment(run: Callable[..., Run]) -> None:
    """A second event with the same id, in the environment of another strategy, is no second one."""
    made = run(
        lambda name, seen: raises("ValueError", "duplicate") if name in seen else answer({}),
        strategies=tuple(Strategy),
        targets=("3", "2"),
        shared=False,
    )
    assert {each.verdict for each in made.results()} == {Verdict.SAFE}
    for target in ("3", "2"):
        for layer in (f"/layers/own-{target}", "/layers/own-4"):
            assert sorted(made.engine.handled(target, layer)) == [["a", "b", "c"], ["b"], ["c"]]


def test_an_environment_that_ends_is_replaced_within_the_sequence(run: Callable[..., Run]) -> None:
    def handler(name: str, seen: list[str]) -> Outcome:
        return TIMEOUT if name == "b" else answer({"after": ",".join(seen)})

    made = run(handler, lambda *_: answer({"after": ""}), rule=ResponseRule(mode="none"))
    results = made.results()
    assert told(results) == {"a": "safe", "b": ((None,),), "c": "safe"}
    assert sorted(made.engine.handled("3")) == [["a", "b"], ["b"], ["c"], ["c"]]


def test_a_harness_failure_on_the_way_is_tried_again_after_the_same_events(
    run: Callable[..., Run],
) -> None:
    failures: list[str] = []

    def target(name: str, seen: list[str]) -> Outcome:
        if name == "c" and seen and not failures:
            failures.append(name)
            return Outcome(kind=OutcomeKind.HARNESS_FAILURE, detail="the engine went away")
        return answer({})

    made = run(target)
    assert told(made.results()) == dict.fromkeys("abc", "safe")
    assert made.engine.handled("3").count(["a", "b", "c"]) == 2


def test_a_harness_failure_that_stays_is_unknown(run: Callable[..., Run]) -> None:
    def target(name: str, seen: list[str]) -> Outcome:
        if name == "b" and seen:
            return Outcome(kind=OutcomeKind.HARNESS_FAILURE, detail="the engine went away")
        return answer({})

    results = run(target).results()
    assert told(results) == {"a": "safe", "b": "unknown", "c": "safe"}
    assert "the engine went away" in str(results[1].reason)


def test_an_outcome_in_doubt_makes_the_check_unknown(run: Callable[..., Run]) -> None:
    doubtful = replace(answer({}), doubt="it wrote to a folder that Lambda does not let it write")
    results = run(lambda name, _seen: doubtful if name == "b" else answer({})).results()
    assert told(results) == {"a": "safe", "b": "unknown", "c": "safe"}
    assert results[1].reason == (
        "it is not certain how orders:3 by alias ends on Lambda: it wrote to a folder that "
        "Lambda does not let it write"
    )
    results = run(lambda *_: answer({}), lambda *_: doubtful).results()
    assert told(results) == dict.fromkeys("abc", "unknown")
    assert "how orders:4, the current version, ends" in str(results[0].reason)


# --- the same verdict whatever is selected ----------------------------------------------------


def stateful(name: str, seen: list[str]) -> Outcome:
    """Fails cold on one event, warm on another, and by what came two events before on a third."""
    if name == "b":
        return raises() if not seen else answer({})
    if name == "c":
        return raises("TypeError") if seen else answer({})
    if name == "d":
        return raises("ValueError") if "b" in seen else answer({})
    return answer({})


EVENTS = ("a", "b", "c", "d", "e")
EXPECTED = {
    "a": "safe",
    "b": (("cold",),),
    "c": (("warm", "b"),),
    "d": (("warm", "a", "b", "c"),),
    "e": "safe",
}


@pytest.mark.parametrize("eager", [True, False])
@pytest.mark.parametrize("name", EVENTS)
def test_a_check_alone_has_the_verdict_that_it_has_among_all(
    run: Callable[..., Run], name: str, eager: bool
) -> None:
    alone = run(stateful, events=EVENTS, eager=eager).results(lambda check: check.name == name)
    assert told(alone) == {name: EXPECTED[name]}


@pytest.mark.parametrize("eager", [True, False])
def test_all_checks_have_them_in_any_order(run: Callable[..., Run], eager: bool) -> None:
    made = run(stateful, events=EVENTS, strategies=tuple(Strategy), shared=False, eager=eager)
    assert told(made.results()) == EXPECTED
    settings = made.settings()
    checks = [each for each in checks_of(settings) if each.event is not None][::-1]
    session = Session(
        selected=[(settings, each) for each in checks],
        make_engine=lambda _settings, _progress: made.engine,
        packages=FakeArtifacts(),
        progress=lambda _text: None,
        announce=lambda _engine: None,
        eager=eager,
    )
    assert told([session.run(settings, each) for each in checks]) == EXPECTED
    session.close()


def test_a_selected_event_is_replayed_after_those_before_it_and_no_others(
    run: Callable[..., Run],
) -> None:
    made = run(stateful, events=EVENTS)
    made.results(lambda check: check.name == "c")
    assert max(len(each) for each in made.engine.handled("3")) == 3
    assert "d" not in {name for each in made.engine.handled("4") for name in each}


# --- the budget of the cold pass ---------------------------------------------------------------


def slow(name: str, seen: list[str]) -> Outcome:
    time.sleep(0.05)
    return answer({})


def test_the_most_different_events_are_tried_cold_within_the_budget(
    run: Callable[..., Run],
) -> None:
    events = tuple("abcdefgh")
    made = run(slow, slow, events=events, budget_s=0.15)
    results = made.results()
    cold = [each.check.name for each in results if "cold" in each.passes]
    assert cold[0] == "a"
    assert 0 < len(cold) <= 2
    assert all("warm" in each.passes for each in results)
    (note,) = results[-1].notes
    assert sentences.of_note(note) == (
        f"{len(cold)} of 8 events, the most different ones, were tried on a cold start: more would "
        "take longer than cold_budget_s = 0.15 allows"
    )


def test_within_the_budget_every_event_is_tried_cold(run: Callable[..., Run]) -> None:
    results = run(slow, slow).results()
    assert [each.passes for each in results] == [("cold", "warm")] * 3
    assert {each.notes for each in results} == {()}


# --- ahead -------------------------------------------------------------------------------------


def test_replays_are_made_ahead_of_the_checks_that_report_them(run: Callable[..., Run]) -> None:
    made = run(lambda *_: answer({}), targets=("3", "2"))
    settings = made.settings()
    checks = [each for each in checks_of(settings) if each.event is not None]
    session = Session(
        selected=[(settings, each) for each in checks],
        make_engine=lambda _settings, _progress: made.engine,
        packages=FakeArtifacts(),
        progress=lambda _text: None,
        announce=lambda _engine: None,
    )
    session.run(settings, checks[0])
    deadline = time.monotonic() + 10
    while sorted(made.engine.handled("2")) != [["a", "b", "c"], ["b"], ["c"]]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    session.close()


def test_the_end_of_a_run_begins_nothing_more_and_does_not_wait(run: Callable[..., Run]) -> None:
    entered, ended = threading.Semaphore(0), threading.Event()

    def stuck(name: str, seen: list[str]) -> Outcome:
        entered.release()
        ended.wait(20)
        return answer({})

    made = run(stuck, stuck, targets=("3", "2"))
    settings = made.settings()
    checks = [each for each in checks_of(settings) if each.event is not None]
    session = Session(
        selected=[(settings, each) for each in checks],
        make_engine=lambda _settings, _progress: made.engine,
        packages=FakeArtifacts(),
        progress=lambda _text: None,
        announce=lambda _engine: None,
    )
    thread = threading.Thread(target=session.run, args=(settings, checks[0]), daemon=True)
    thread.start()
    assert all(entered.acquire(timeout=10) for _ in range(lanes(2)))
    started = len(made.engine.environments)
    ending = threading.Thread(target=session.close, daemon=True)
    ending.start()
    time.sleep(0.1)
    ended.set()
    ending.join(10)
    thread.join(10)
    assert not ending.is_alive()
    assert not thread.is_alive()
    assert len(made.engine.environments) == started


def test_an_engine_that_starts_nothing_makes_every_check_unknown(run: Callable[..., Run]) -> None:
    made = run(lambda *_: answer({}))

    def refuse(version: FunctionVersion) -> Environment:
        raise EngineError("no room for it")

    made.engine.start = refuse  # type: ignore[method-assign]
    results = made.results()
    assert told(results) == dict.fromkeys("abc", "unknown")
    assert all("no room for it" in str(each.reason) for each in results)


# --- refusals --------------------------------------------------------------------------------


def test_a_route_that_only_refuses_is_unknown(run: Callable[..., Run]) -> None:
    refusal = answer({"statusCode": 401, "body": "{}"})
    results = run(lambda *_: refusal, lambda *_: refusal).results()
    assert told(results) == dict.fromkeys("abc", "unknown")
    assert "only refuses this event (answers 401)" in str(results[0].reason)


def test_one_event_past_the_refusal_is_enough_whichever_checks_are_selected(
    run: Callable[..., Run],
) -> None:
    def both(name: str, seen: list[str]) -> Outcome:
        return answer({"statusCode": 200 if name == "c" else 401, "body": "{}"})

    (result,) = run(both, both).results(lambda check: check.name == "a")
    assert result.verdict is Verdict.SAFE
    assert [sentences.of_note(each) for each in result.notes] == [
        "a proves little: orders:4, the current version, only refuses it (401)"
    ]


def test_a_target_that_fails_where_the_current_version_refuses_breaks(
    run: Callable[..., Run],
) -> None:
    results = run(lambda *_: raises(), lambda *_: answer({"statusCode": 401})).results()
    assert {each.verdict for each in results} == {Verdict.BREAKS}


# --- fallbacks, and logs that explain ----------------------------------------------------------

REFUSED = (
    "Traceback (most recent call last):",
    '  File "/var/task/app.py", line 9, in rates',
    'botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL: '
    '"https://sqs.eu-west-1.amazonaws.com/"',
)  # fmt: skip


def test_an_answer_without_a_service_is_no_baseline(run: Callable[..., Run]) -> None:
    fallback = replace(answer({"rate": 1}), logs=REFUSED)
    for target in (answer({"rate": 1}), answer({})):
        results = run(lambda *_, out=target: out, lambda *_: fallback).results()
        assert told(results) == dict.fromkeys("abc", "unknown")
        assert "called sqs.eu-west-1.amazonaws.com, which does not answer" in str(results[0].reason)


def test_a_target_that_fails_breaks_whatever_the_current_version_called(
    run: Callable[..., Run],
) -> None:
    results = run(lambda *_: raises(), lambda *_: replace(answer({}), logs=REFUSED)).results()
    assert {each.verdict for each in results} == {Verdict.BREAKS}


def test_a_caught_and_logged_exception_is_shown_with_a_changed_answer(
    run: Callable[..., Run],
) -> None:
    log = ("Traceback (most recent call last):", '  File "app.py", line 3', "KeyError: 'total'")
    results = run(
        lambda *_: replace(answer({}), logs=log),
        lambda *_: replace(answer({"total": 1}), logs=("done",)),
    ).results()
    assert results[0].verdict is Verdict.BREAKS
    assert results[0].findings[0].logs == log
    results = run(
        lambda *_: replace(answer({}), logs=("done",)), lambda *_: answer({"total": 1})
    ).results()
    assert results[0].findings[0].logs == ()
