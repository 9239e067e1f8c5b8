"""Comparing how an event ended on shared state with how it ends on the current version's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from pytest_lambda_rollback.contracts import invocation
from pytest_lambda_rollback.contracts.state.changes import Key, item_of
from pytest_lambda_rollback.contracts.state.moments import Moment
from pytest_lambda_rollback.contracts.state.records import Side
from pytest_lambda_rollback.contracts.state.values import key_scalars, scalars, value_of_text
from pytest_lambda_rollback.model.findings import Contract, Finding, Judgement, Note, Subject
from pytest_lambda_rollback.model.replay import EventFixture, Outcome
from pytest_lambda_rollback.model.services import StoredItem

Compare: TypeAlias = Callable[[tuple[Outcome, ...], Outcome, EventFixture, Subject], Judgement]
"""The contracts that compare outcomes, in their order."""


def judge(moment: Moment, fixture: EventFixture, compare: Compare) -> Judgement:
    """Compare the outcome of a step with those of the controls."""
    baseline = tuple(each.outcome for each in moment.controls)
    if not all(invocation.same_failure(baseline[0], each) for each in baseline):
        about = (("event", moment.event), ("current", moment.subject.current_name))
        return Judgement(notes=(Note(kind="state-unsteady", about=about),))
    judged = compare(baseline, moment.step.outcome, fixture, _who(moment))
    findings = judged.findings
    if findings and moment.by_target:
        findings = _without_own(findings, moment, baseline, fixture, compare)
    item = _read_item(moment) if findings else None
    return Judgement(
        findings=tuple(_of_state(moment, each, item) for each in findings),
        reason=judged.reason,
    )


def _without_own(
    findings: tuple[Finding, ...],
    moment: Moment,
    baseline: tuple[Outcome, ...],
    fixture: EventFixture,
    compare: Compare,
) -> tuple[Finding, ...]:
    """The findings that the target has not on a state of its own too.

    Those are about the event, whose own check tells them.
    """
    alone = moment.alone()
    if alone is None:
        return findings
    own = compare(baseline, alone.outcome, fixture, _who(moment))
    known = {(each.kind, each.location) for each in own.findings}
    return tuple(each for each in findings if (each.kind, each.location) not in known)


def without_services(named: Iterable[tuple[str, Outcome]], fixture: EventFixture) -> str | None:
    """The reason why an event shows nothing, where a service that it called did not answer."""
    fallback = invocation.fallback(named, fixture.payload)
    return None if fallback is None else fallback.reason


def _who(moment: Moment) -> Subject:
    if moment.by_target:
        return moment.subject
    return replace(moment.subject, target=moment.subject.current, strategy=None)


def _of_state(moment: Moment, finding: Finding, item: StoredItem | None) -> Finding:
    """The finding of another contract, with the pass, the event and what was read.

    Its own details come before ``rule``, which names that contract.
    """
    return replace(
        finding,
        contract=Contract.STATE,
        subject=moment.subject,
        replay_pass=moment.replay_pass.value,
        location=finding.code_location,
        details=(
            *finding.details,
            ("rule", finding.contract),
            ("pointer", finding.pointer),
            *moment.details(item),
            ("stored_by_other", item is not None and _key(item) in moment.writers),
        ),
    )


def _read_item(moment: Moment) -> StoredItem | None:
    """The item that the event read and that the other version wrote, else one from the start.

    ``None`` if the requests do not show it.
    """
    asked = [frozenset(_words(each.parameters)) for each in moment.step.outcome.requests]
    asked.reverse()
    newest = [item_of(key, moment.before[key]) for key in reversed(list(moment.before))]
    others = [each for each in newest if moment.writers.get(_key(each)) is _OTHER[moment.step.side]]
    at_start = [each for each in newest if _key(each) not in moment.writers]
    for items in (others, at_start):
        for names in (_names_key, _names_container):
            for words in asked:
                for item in items:
                    if names(words, item):
                        return item
    return None


_OTHER: Final = {Side.CURRENT: Side.TARGET, Side.TARGET: Side.CURRENT}


def _names_key(words: frozenset[str], item: StoredItem) -> bool:
    in_container = not item.container or item.container in words
    return in_container and words.issuperset(key_scalars(item))


def _names_container(words: frozenset[str], item: StoredItem) -> bool:
    return item.container in words


def _words(parameters: str) -> Iterator[str]:
    """The texts and numbers in the parameters of a request."""
    return scalars(value_of_text("", parameters))


def _key(item: StoredItem) -> Key:
    return item.service, item.container, item.key
