"""Confirming breaks: more answers of both versions, until chance does not explain a difference.

Knows how many answers are enough (`sampling`) and what they mean (`verdicts`); replaying and
comparing are given to it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pytest_lambda_rollback.model.findings import Judgement, Subject, Verdict
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind, ReplayPass
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.session import sampling, verdicts
from pytest_lambda_rollback.session.passes import Step
from pytest_lambda_rollback.session.sampling import Samples

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One event in one pass, on both sides."""

    replay_pass: ReplayPass
    baseline: tuple[Outcome, ...]
    usable: Judgement
    """Without a reason if the baseline can be compared with."""
    also: tuple[Outcome, ...] = ()
    """The current version's answers in the other pass, which callers must cope with too."""
    step: Step | None = None
    """The target's; ``None`` where nothing can be compared."""
    judgement: Judgement = field(default_factory=Judgement)

    @property
    def breaks(self) -> bool:
        """True if something was found, confirmed or not."""
        return self.judgement.verdict is Verdict.BREAKS

    @property
    def differs(self) -> bool:
        """True for a break that rests on an answer."""
        return self.breaks and self.answered

    @property
    def answered(self) -> bool:
        """True if both versions answered."""
        return (
            self.usable.reason is None
            and self.step is not None
            and self.step.outcome.kind is OutcomeKind.RESPONSE
            and all(each.kind is OutcomeKind.RESPONSE for each in self.baseline)
        )


def answers(seen: Iterable[Seen], *, but: Seen) -> tuple[Outcome, ...]:
    """The current version's answers in the other pass, if it answers in both."""
    if any(each.kind is not OutcomeKind.RESPONSE for each in but.baseline):
        return ()
    return tuple(
        outcome
        for each in seen
        if each.replay_pass is not but.replay_pass and each.usable.reason is None
        for outcome in each.baseline
        if outcome.kind is OutcomeKind.RESPONSE
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What is confirmed: one event on one target."""

    number: int
    """Among the fixtures of the function."""
    fixture: EventFixture
    target: FunctionVersion
    subject: Subject


class Confirmation:
    """Confirms the breaks of one function. Safe to use from several threads.

    ``step`` begins a replay of an event by version, pass, number and sample, ``named_like`` one
    of the current version under the name of another. ``wait`` waits for it and says for what,
    ``compare`` judges an outcome by a baseline.
    """

    def __init__(
        self,
        *,
        current: FunctionVersion,
        step: Callable[[FunctionVersion, ReplayPass, int, int], Future[Step]],
        named_like: Callable[[FunctionVersion, ReplayPass, int], Future[Step] | None],
        wait: Callable[[Future[Step], str], Step],
        compare: Callable[[tuple[Outcome, ...], Outcome, Event], Judgement],
    ) -> None:
        self._current = current
        self._step = step
        self._named_like = named_like
        self._wait = wait
        self._compare = compare
        self._lock = threading.Lock()
        self._believed: set[tuple[object, ...]] = set()
        """Breaks that were confirmed, each by its target's stack and what was found."""
        self._sampled: dict[tuple[ReplayPass, int], tuple[Outcome, ...]] = {}

    def sampled(self, kind: ReplayPass, number: int) -> tuple[Outcome, ...]:
        """All the answers of the current version to an event that a break had to stand."""
        with self._lock:
            return self._sampled.get((kind, number), ())

    def confirmed(self, seen: Sequence[Seen], event: Event) -> list[Seen]:
        """The passes with their breaks confirmed: in the other pass, or in fresh environments."""
        found = list(seen)
        breaking = [each for each in seen if each.breaks]
        if not any(each.differs for each in breaking) and _alike(breaking):
            return found
        for at, each in enumerate(found):
            again = self._with_answers(each, answers(found, but=each), event)
            before = [other for other in found[:at] if other.breaks]
            if again.breaks and not any(_alike((other, again)) for other in before):
                again = self._believable(again, event)
            found[at] = again
        # What the samples of one pass showed may explain a difference in the other.
        return [self._with_answers(each, answers(found, but=each), event) for each in found]

    def _with_answers(self, seen: Seen, also: tuple[Outcome, ...], event: Event) -> Seen:
        """A pass that differs, with the answers of the other pass as they are known now."""
        if not seen.answered or seen.step is None or also == seen.also:
            return seen
        judgement = self._compare((*seen.baseline, *also), seen.step.outcome, event)
        if judgement.verdict is not Verdict.SAFE:
            judgement = verdicts.repeated(seen.judgement, (judgement,))
        return replace(seen, also=also, judgement=judgement)

    def _believable(self, seen: Seen, event: Event) -> Seen:
        """A pass that breaks, after as many replays as the break must stand."""
        if seen.step is None:
            return seen
        by_chance = seen.differs and sampling.by_chance(seen.judgement.findings)
        mark = (event.target.stack, *sorted(map(repr, verdicts.marks(seen.judgement))))
        cost_s = seen.step.took_s
        plan = [*sampling.rounds(cost_s, known=not by_chance or mark in self._believed)]
        began = time.monotonic()
        repeats: list[Outcome] = []
        wavers = False
        while plan and seen.breaks and not wavers:
            if sampling.by_clock(seen.judgement.findings):
                time.sleep(max(0.0, began + sampling.CLOCK_S - time.monotonic()))
            seen, repeats = self._round(seen, event, plan.pop(0))
            wavers = by_chance and self._wavers(seen, repeats, event)
        if wavers:
            seen, repeats = self._round(seen, event, sampling.wavering(cost_s))
        if seen.breaks and by_chance:
            names = _own_names(self._current, event.target)
            limits = _limits(self._current) != _limits(event.target)
            if sampling.by_name(seen.judgement.findings, names, limits=limits):
                seen = self._named(seen, event)
        with self._lock:
            self._sampled[seen.replay_pass, event.number] = seen.baseline
        if not seen.breaks or seen.step is None:
            return seen
        judged = [
            (self._compare((*seen.baseline, *seen.also), each, event), each) for each in repeats
        ]
        confirmed = verdicts.confirmed(seen.judgement, seen.step.outcome, judged)
        if confirmed.verdict is Verdict.BREAKS:
            with self._lock:
                self._believed.add(mark)
        return replace(seen, judgement=confirmed)

    def _round(self, seen: Seen, event: Event, wanted: Samples) -> tuple[Seen, list[Outcome]]:
        """The pass with so many answers of the current version, and what the target repeats."""
        name = event.fixture.name
        baseline = seen.baseline
        if seen.differs:
            more = self._replayed(
                self._current, seen, event, range(len(baseline), wanted.current),
                f"replaying {name} on the current version once more",
            )  # fmt: skip
            baseline += tuple(each for each in more if each.kind is OutcomeKind.RESPONSE)
        repeats = self._replayed(
            event.target, seen, event, range(1, wanted.target),
            f"confirming {name} on {event.subject.name} in a fresh environment",
        )  # fmt: skip
        return self._against(seen, baseline, event), repeats

    def _replayed(
        self,
        version: FunctionVersion,
        seen: Seen,
        event: Event,
        samples: Iterable[int],
        activity: str,
    ) -> list[Outcome]:
        steps = [self._step(version, seen.replay_pass, event.number, each) for each in samples]
        return [self._wait(step, activity).outcome for step in steps]

    def _against(self, seen: Seen, baseline: tuple[Outcome, ...], event: Event) -> Seen:
        if seen.step is None or baseline == seen.baseline:
            return seen
        judgement = self._compare((*baseline, *seen.also), seen.step.outcome, event)
        return replace(seen, baseline=baseline, judgement=judgement)

    def _wavers(self, seen: Seen, repeats: Sequence[Outcome], event: Event) -> bool:
        """True if the target does not differ every time."""
        baseline = (*seen.baseline, *seen.also)
        return seen.breaks and any(
            self._compare(baseline, each, event).verdict is Verdict.SAFE for each in repeats
        )

    def _named(self, seen: Seen, event: Event) -> Seen:
        """The pass with an answer of the current version that has the target's name and number.

        A value that is the version's own, from the context object say, is then the target's.
        """
        step = self._named_like(event.target, seen.replay_pass, event.number)
        if step is None:
            return seen
        outcome = self._wait(step, f"replaying {event.fixture.name} under another name").outcome
        if outcome.kind is not OutcomeKind.RESPONSE:
            return seen
        return self._against(seen, (*seen.baseline, outcome), event)


def _alike(seen: Sequence[Seen]) -> bool:
    return len(seen) > 1 and verdicts.alike(*(each.judgement for each in seen))


def _own_names(version: FunctionVersion, other: FunctionVersion) -> tuple[str, ...]:
    """What the context object and the environment call a version, and not another one."""
    one, two = ((each.function, each.version, each.alias) for each in (version, other))
    return tuple(name for name, rest in zip(one, two, strict=True) if name and name != rest)


def _limits(version: FunctionVersion) -> tuple[int, float]:
    return version.configuration.memory_mb, version.configuration.timeout_s
