"""How many answers a difference must stand, with answers by version and sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from helpers.fakes import answer, raises
from helpers.subjects import subject
from pytest_lambda_rollback.contracts import invocation, response
from pytest_lambda_rollback.contracts.interface import ReplayCase
from pytest_lambda_rollback.model.findings import Judgement, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, ReplayPass
from pytest_lambda_rollback.model.settings import ResponseRule
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion
from pytest_lambda_rollback.session import sampling
from pytest_lambda_rollback.session.confirmation import Confirmation, Event, Seen
from pytest_lambda_rollback.session.passes import Step

Answers = Callable[[int], Any]
"""The answer of a version by the number of its sample; an exception is raised."""


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds slept, without sleeping."""
    times: list[float] = []
    monkeypatch.setattr("time.sleep", times.append)
    return times


def version_of(number: str, **configuration: Any) -> FunctionVersion:
    return FunctionVersion(
        function="orders",
        version=number,
        code=Artifact(label=number, digest=number, size_bytes=1, tar=Path(number)),
        layers=(),
        configuration=FunctionConfiguration(runtime="python3.11", **configuration),
    )


@dataclass(kw_only=True)
class Replayed:
    """Both versions of one function, counting what they replay."""

    current: Answers
    target: Answers
    named: Any = None
    """The current version's answer under the target's name."""
    mode: str = "shape"
    took_s: float = 0.001
    target_limits: dict[str, Any] = field(default_factory=dict)
    count: Counter[str] = field(default_factory=Counter)
    made: set[object] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.versions = (version_of("4"), version_of("2", **self.target_limits))
        self.confirmation = Confirmation(
            current=self.versions[0],
            step=self.step,
            named_like=self.named_like,
            wait=lambda future, _activity: future.result(timeout=1),
            compare=self.compare,
        )

    def step(
        self, version: FunctionVersion, _kind: ReplayPass, _number: int, sample: int
    ) -> Future[Step]:
        if (version, sample) not in self.made:  # as passes make each replay once
            self.made.add((version, sample))
            self.count[version.version] += 1
        return self.done((self.current if version.version == "4" else self.target)(sample))

    def named_like(
        self, _version: FunctionVersion, _kind: ReplayPass, _number: int
    ) -> Future[Step] | None:
        self.count["named"] += 1
        return None if self.named is None else self.done(self.named)

    def done(self, value: Any) -> Future[Step]:
        future: Future[Step] = Future()
        outcome = raises(str(value)) if isinstance(value, Exception) else answer(value)
        future.set_result(Step(outcome=outcome, took_s=self.took_s))
        return future

    def compare(self, baseline: tuple[Outcome, ...], outcome: Outcome, event: Event) -> Judgement:
        case = ReplayCase(
            subject=event.subject, fixture=event.fixture, baseline=baseline, outcome=outcome,
            response=ResponseRule(mode=self.mode),
        )  # fmt: skip
        failed = invocation.InvocationContract().judge(case)
        if failed.verdict is not Verdict.SAFE:
            return failed
        return response.judge(
            baseline, outcome, ResponseRule(mode=self.mode), subject=event.subject
        )

    def judged(self, kind: ReplayPass = ReplayPass.COLD) -> Judgement:
        fixture = EventFixture(name="create", path=Path("create.json"), payload=b"{}")
        event = Event(number=0, fixture=fixture, target=self.versions[1], subject=subject("2"))
        current, target = self.versions
        baseline = tuple(self.step(current, kind, 0, n).result().outcome for n in range(2))
        step = self.step(target, kind, 0, 0).result()
        seen = Seen(replay_pass=kind, baseline=baseline, usable=Judgement(), step=step)
        seen = replace(seen, judgement=self.compare(baseline, step.outcome, event))
        if seen.breaks:
            (seen,) = self.confirmation.confirmed([seen], event)
        return seen.judgement


def always(value: Any) -> Answers:
    return lambda _sample: value


def except_for(value: Any, **others: Any) -> Answers:
    """``s7=…`` for the answer of sample 7."""
    return lambda sample: others.get(f"s{sample}", value)


FULL, BARE = {"id": 1, "offer": "x"}, {"id": 1}
ABC, CAB = ["a", "b", "c"], ["c", "a", "b"]


@pytest.mark.parametrize(
    ("current", "target", "verdict", "counts"),
    [
        (always(FULL), always(FULL), Verdict.SAFE, (2, 1)),
        (always(FULL), always(BARE), Verdict.BREAKS, (12, 5)),
        # a key that comes and goes, seen sooner or later
        (except_for(FULL, s2=BARE), always(BARE), Verdict.SAFE, (3, 2)),
        (except_for(FULL, s5=BARE), always(BARE), Verdict.SAFE, (6, 3)),
        (except_for(FULL, s11=BARE), always(BARE), Verdict.SAFE, (12, 5)),
        # where the target does not always differ, the current version is asked more often
        (except_for(FULL, s30=BARE), except_for(BARE, s1=FULL), Verdict.SAFE, (40, 5)),
        (always(FULL), except_for(BARE, s1=FULL), Verdict.BREAKS, (40, 5)),
        (always(FULL), except_for(BARE, s4=FULL), Verdict.BREAKS, (40, 5)),
        (always(FULL), except_for(FULL, s0=BARE), Verdict.UNKNOWN, (40, 5)),
        # what no other answer of the target lacks is not confirmed
        (always({**FULL, "n": 1}), except_for({"id": 1, "n": 1}, s0=BARE), Verdict.BREAKS,
         (12, 5)),
    ],
)  # fmt: skip
def test_a_difference_must_stand_many_answers(
    current: Answers, target: Answers, verdict: Verdict, counts: tuple[int, int]
) -> None:
    replayed = Replayed(current=current, target=target)
    assert replayed.judged().verdict is verdict
    assert (replayed.count["4"], replayed.count["2"]) == counts


def test_only_what_repeats_is_reported() -> None:
    replayed = Replayed(
        current=always({**FULL, "n": 1}), target=except_for({"id": 1, "n": 1}, s0=BARE)
    )
    assert [each.location for each in replayed.judged().findings] == ["/offer"]


def test_a_random_draw_need_not_show_the_difference_every_time() -> None:
    def drawn(price: int) -> Answers:
        return lambda sample: [
            {"sku": sku, "price": price if sku == "a" else ord(sku)}
            for sku in ("abc", "c", "ba", "bc", "ac")[sample % 5]
        ]

    verdicts = [
        Replayed(current=drawn(1), target=drawn(price), mode="exact").judged().verdict
        for price in (1, 9)
    ]
    assert verdicts == [Verdict.SAFE, Verdict.BREAKS]


def test_an_error_is_confirmed_once_and_not_sampled() -> None:
    replayed = Replayed(current=always(FULL), target=always(ValueError("x")))
    assert replayed.judged().verdict is Verdict.BREAKS
    assert (replayed.count["4"], replayed.count["2"]) == (2, 2)


def test_what_was_confirmed_on_one_event_needs_less_on_the_next() -> None:
    replayed = Replayed(current=always(FULL), target=always(BARE))
    replayed.judged()
    replayed.count.clear()
    replayed.made.clear()
    assert replayed.judged().verdict is Verdict.BREAKS
    assert (replayed.count["4"], replayed.count["2"]) == (3, 2)


def test_a_slow_function_is_asked_less_often() -> None:
    replayed = Replayed(current=always(FULL), target=always(BARE), took_s=5.0)
    assert replayed.judged().verdict is Verdict.BREAKS
    assert (replayed.count["4"], replayed.count["2"]) == (3, 2)


def test_a_break_in_a_list_of_any_order_repeats_at_another_place() -> None:
    def items(*names: str) -> list[dict[str, object]]:
        return [{"n": each, **({} if each == "a" else {"p": 1})} for each in names]

    replayed = Replayed(
        current=always([{"n": each, "p": 1} for each in ABC]),
        target=except_for(items(*ABC), s1=items(*CAB), s2=items("b", "c", "a")),
    )
    (finding,) = replayed.judged().findings
    assert (finding.kind, finding.location) == ("lost-key", "/0/p")


@pytest.mark.parametrize(
    ("current", "target", "verdict"),
    [
        # both in any order, on which the current version agreed at first
        (except_for(ABC, s9=CAB), always(CAB), Verdict.SAFE),
        # the current version sorts, the target does not and is sometimes right by luck
        (always(ABC), except_for(CAB, s3=ABC), Verdict.BREAKS),
        (always(ABC), always(CAB), Verdict.BREAKS),
    ],
)
def test_orders(current: Answers, target: Answers, verdict: Verdict) -> None:
    assert Replayed(current=current, target=target, mode="exact").judged().verdict is verdict


@pytest.mark.parametrize(
    ("current", "target", "named", "verdict", "asked"),
    [
        # its own number, and the same number that is none
        ({"v": "4"}, {"v": "2"}, {"v": "2"}, Verdict.SAFE, 1),
        ({"v": "4"}, {"v": "2"}, {"v": "4"}, Verdict.BREAKS, 1),
        ({"v": 4}, {"v": 2}, {"v": 4}, Verdict.BREAKS, 1),
        ({"arn": "…:orders:4"}, {"arn": "…:orders:2"}, {"arn": "…:orders:2"}, Verdict.SAFE, 1),
        ({"4": 1}, {"2": 1}, {"2": 1}, Verdict.SAFE, 1),
        # nothing of its own in it
        ({"v": "x"}, {"v": "y"}, {"v": "y"}, Verdict.BREAKS, 0),
    ],
)
def test_a_versions_own_number_is_no_difference(
    current: object, target: object, named: object, verdict: Verdict, asked: int
) -> None:
    replayed = Replayed(current=always(current), target=always(target), named=named, mode="exact")
    assert replayed.judged().verdict is verdict
    assert replayed.count["named"] == asked


def test_a_versions_own_limits_are_no_difference() -> None:
    replayed = Replayed(
        current=always({"left": 2999}), target=always({"left": 4999}), named={"left": 4998},
        mode="exact", target_limits={"timeout_s": 5.0},
    )  # fmt: skip
    assert replayed.judged().verdict is Verdict.SAFE


def test_samples_are_a_second_apart_where_time_may_explain_a_difference(
    slept: list[float],
) -> None:
    Replayed(current=always({"at": 1772366400}), target=always({"at": 1772366401}),
             mode="exact").judged()  # fmt: skip
    assert sampling.CLOCK_S >= max(slept) > 1
    slept.clear()
    Replayed(current=always({"at": "x"}), target=always({"at": "y"}), mode="exact").judged()
    assert slept == []
