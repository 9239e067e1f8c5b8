"""Passes on one state as they are made: order, environments, confirmation, and what is unknown."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import Any

import pytest

from helpers.fakes import harness_failure
from helpers.shared_state import Aws, Handler, Shared
from helpers.subjects import noted, said, worded
from pytest_lambda_rollback.contracts.state import Side, mixed_sides
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.findings import Verdict
from pytest_lambda_rollback.model.replay import Outcome, OutcomeKind
from pytest_lambda_rollback.session.state_passes import failure_of

PLACE, SHOW = ({"name": name, "do": name} for name in ("a_place", "b_show"))


def shop(event: Any, aws: Aws) -> Any:
    if event["do"] == "a_place":
        aws.put("orders", {"id": "A-1", "total": 25, "note": "x"})
        return {"id": "A-1"}
    item = aws.get("orders", "A-1")
    return {"total": item and item["total"]}


def forgetful(event: Any, aws: Aws) -> Any:
    item = aws.get("orders", "A-1")
    if item is not None and event["do"] == "b_show":
        aws.put("orders", {"id": "A-1", "total": item["total"]})
    return shop(event, aws)


def test_each_round_has_fresh_environments_and_each_pass_a_fresh_state() -> None:
    shared = Shared(current=shop, target=shop, events=(PLACE, SHOW))
    assert worded(shared.judge()).verdict is Verdict.SAFE
    handled = [(each.version.version, each.handled) for each in shared.engine.environments]  # type: ignore[attr-defined]
    first, later = ("a_place", "b_show"), ("b_show", "a_place")
    rounds = Counter((version, tuple(names)) for version, names in handled)
    # Two controls, C T C, T C, and a mixed pass in which each version handles one, then the other.
    assert rounds["4", first] == 2 + 1 + 1
    assert rounds["4", later] == 4 + 1 + 1
    assert rounds["2", first] == 1
    assert rounds["2", later] == 1 + 1
    assert len(handled) == 11 + 2
    assert len(shared.passes) == 2 + 3
    assert all(each.closed for each in shared.engine.environments)


def test_what_creates_comes_last_in_later_rounds() -> None:
    shared = Shared(current=shop, target=forgetful, events=(PLACE, SHOW))
    judged = worded(shared.judge())
    assert [said(each) for each in judged.findings] == [
        'orders:2 drops "note" from orders {"id": "A-1"}, which orders:4 keeps (b_show, rollback '
        "pass)"
    ]
    assert judged.findings[0].replay_pass == "rollback"
    details = dict(judged.findings[0].details)
    assert (details["service"], details["container"], details["key"], details["attribute"]) == (
        "dynamodb",
        "orders",
        '{"id": "A-1"}',
        "note",
    )


def test_a_break_is_confirmed_by_its_passes_and_more_controls() -> None:
    shared = Shared(current=shop, target=forgetful, events=(PLACE, SHOW))
    shared.judge()
    # C T C and T C again; that an attribute is there may be chance, which more controls show.
    assert len(shared.passes) == 5 + 2 + 2

    def raising(event: Any, aws: Aws) -> Any:
        if event["do"] == "b_show":
            return {"total": (aws.get("orders", "A-1") or {"total": 0, "amount": 0})["amount"]}
        aws.put("orders", {"id": "A-1", "total": 25, "amount": 25, "note": "x"})
        return {"id": "A-1"}

    shared = Shared(current=shop, target=raising, events=(PLACE, SHOW))
    assert shared.judge().verdict is Verdict.BREAKS
    # Once more all that broke, a control, and the target on a state of its own.
    assert len(shared.passes) == 5 + 2 + 1 + 1


def test_what_the_target_does_on_a_state_of_its_own_too_is_told_by_the_events_check() -> None:
    def terse(event: Any, aws: Aws) -> Any:
        return {} if event["do"] == "b_show" else shop(event, aws)

    assert Shared(current=shop, target=terse, events=(PLACE, SHOW)).judge().verdict is Verdict.SAFE


def test_where_nothing_is_stored_no_other_pass_is_made() -> None:
    def plain(event: Any, aws: Aws) -> Any:
        return {"did": event["do"]}

    shared = Shared(current=plain, target=forgetful, events=(PLACE, SHOW))
    judged = shared.judge()
    assert judged.verdict is Verdict.SAFE
    assert noted(judged) == ("no event stored or read anything: orders:4 asked no service for it",)
    assert len(shared.passes) == 2


def test_a_break_that_does_not_repeat_is_unknown() -> None:
    runs = iter(range(10**6))

    def sometimes(event: Any, aws: Aws) -> Any:
        if event["do"] == "b_show" and aws.get("orders", "A-1") and next(runs) == 0:
            raise KeyError("total")
        return shop(event, aws)

    judged = Shared(current=shop, target=sometimes, events=(PLACE, SHOW), lanes=1).judge()
    assert judged.verdict is Verdict.UNKNOWN
    assert judged.reason is not None
    assert judged.reason.startswith("flaky: a break (function-error, on b_show in the rollback")


@pytest.mark.parametrize("seed", range(20))
def test_what_differs_by_itself_is_no_break(seed: int) -> None:
    chance = random.Random(seed)

    def by_chance(event: Any, aws: Aws) -> Any:
        item = {"id": "A-1", "total": 25} | ({"note": "x"} if chance.random() < 0.5 else {})
        aws.put("orders", item)
        return {}

    judged = Shared(current=by_chance, target=by_chance, events=(PLACE, SHOW), lanes=1).judge()
    assert judged.findings == ()


def unsupported(event: Any, aws: Aws) -> Any:
    aws.cannot()
    return shop(event, aws)


@pytest.mark.parametrize(
    ("current", "target", "name"),
    [
        (unsupported, shop, "orders:4, the current version,"),
        (shop, unsupported, "orders:2"),
    ],
)
def test_what_the_private_aws_does_not_do_is_unknown(
    current: Handler, target: Handler, name: str
) -> None:
    judged = Shared(current=current, target=target, events=(PLACE, SHOW)).judge()
    assert judged.verdict is Verdict.UNKNOWN
    assert judged.reason is not None
    assert f", {name} sends dynamodb ExecuteTransaction" in judged.reason
    assert "which the private AWS does not do" in judged.reason


def test_our_own_trouble_is_tried_once_more_and_then_unknown() -> None:
    left = iter(range(10**6))

    def broken(times: int) -> Handler:
        def handler(event: Any, aws: Aws) -> Any:
            return harness_failure() if next(left) < times else shop(event, aws)

        return handler

    once = Shared(current=shop, target=broken(1), events=(PLACE, SHOW), lanes=1)
    assert once.judge().verdict is Verdict.SAFE
    assert len(once.passes) == 6
    judged = Shared(current=shop, target=broken(10**6), events=(PLACE, SHOW)).judge()
    assert judged.verdict is Verdict.UNKNOWN
    assert judged.reason is not None
    assert ", orders:2 could not be replayed: the engine went away. The engine" in judged.reason


def test_an_event_on_which_the_current_version_fails_is_not_judged() -> None:
    def failing(event: Any, aws: Aws) -> Any:
        if event["do"] == "b_show":
            raise ValueError("no")
        return shop(event, aws)

    shared = Shared(current=failing, target=shop, events=(PLACE, SHOW))
    judged = worded(shared.judge())
    assert judged.verdict is Verdict.SAFE
    assert noted(judged)[0].startswith(
        "b_show was not judged on shared state: orders:4, the current version, raises ValueError"
    )
    judged = Shared(current=failing, target=shop, events=(SHOW,)).judge()
    assert judged.verdict is Verdict.UNKNOWN
    assert judged.reason is not None
    assert "raises ValueError" in judged.reason


def test_an_environment_that_ends_is_replaced_within_its_round() -> None:
    def times_out(event: Any, aws: Aws) -> Any:
        if event["do"] == "a_place" and "note" in (aws.get("orders", "A-1") or {}):
            return Outcome(kind=OutcomeKind.TIMEOUT, detail="timed out after 3 s")
        if event["do"] == "a_place":
            aws.put("orders", {"id": "A-1", "total": 25})
            return {"id": "A-1"}
        return shop(event, aws)

    judged = worded(Shared(current=shop, target=times_out, events=(PLACE, SHOW)).judge())
    assert [said(each) for each in judged.findings] == [
        'orders:2 times out where orders:4 answers, with orders {"id": "A-1"} of orders:4 '
        "(a_place, rollback pass)"
    ]


def test_no_events_and_no_services_are_unknown() -> None:
    assert Shared(current=shop, target=shop, events=()).judge().reason == (
        "there is no event that can be read"
    )

    class Nothing(Shared):
        def open_pass(self) -> Any:
            return None

    with pytest.raises(EngineError, match="there is no state to share"):
        Nothing(current=shop, target=shop, events=(PLACE,)).judge()


def test_a_service_that_does_not_start_is_an_error_for_who_asks() -> None:
    class Failing(Shared):
        def open_pass(self) -> Any:
            raise EngineError("the private AWS does not start", why="no memory")

    with pytest.raises(EngineError, match="does not start"):
        Failing(current=shop, target=shop, events=(PLACE,)).judge()


def test_nothing_stored_or_read_is_said() -> None:
    def pure(event: Any, aws: Aws) -> Any:
        return {"id": 1}

    judged = worded(Shared(current=pure, target=pure, events=(PLACE,)).judge())
    assert judged.verdict is Verdict.SAFE
    assert noted(judged) == ("no event stored or read anything: orders:4 asked no service for it",)


def test_passes_of_one_state_for_all_go_one_after_the_other() -> None:
    lock, most, live = threading.Lock(), [0], [0]

    class Counted(Shared):
        def open_pass(self) -> Any:
            made = super().open_pass()
            with lock:
                live[0] += 1
                most[0] = max(most[0], live[0])
            close = made.close

            def closed() -> None:
                close()
                with lock:
                    live[0] -= 1

            made.close = closed  # type: ignore[method-assign]
            return made

    Counted(current=shop, target=shop, events=(PLACE, SHOW), serial=True, lanes=4).judge()
    assert most == [1]


def test_memory_for_one_environment_is_enough_for_mixed_passes() -> None:
    shared = Shared(current=shop, target=shop, events=(PLACE, SHOW), memory_mb=128, lanes=3)
    judge = threading.Thread(target=shared.judge, daemon=True)
    judge.start()
    judge.join(20)
    assert not judge.is_alive()


def test_events_beyond_the_budget_are_left_out_with_a_note() -> None:
    events = tuple({"name": f"e{n}", "do": "a_place"} for n in range(5))
    judged = worded(Shared(current=shop, target=shop, events=events, budget_s=0.0).judge())
    assert judged.verdict is Verdict.SAFE
    assert noted(judged) == (
        "1 of 5 events were tried on shared state, the first ones: more would take longer than "
        "cold_budget_s = 0 allows",
    )


@pytest.mark.parametrize(
    ("weights", "run", "first"),
    [
        ((1, 1), 1, "CTCTCT"),
        ((1, 1), 2, "CCTTCC"),
        ((3, 1), 1, "CCCTCC"),
        ((1, 3), 1, "CTTTCT"),
        ((100, 0), 1, "CCCCCT"),
        ((0, 100), 1, "TTTTTC"),
        ((0, 0), 1, "TTTTTC"),
    ],
)
def test_turns_go_by_the_weights_and_both_get_an_event(
    weights: tuple[int, int], run: int, first: str
) -> None:
    sides = {Side.CURRENT: "C", Side.TARGET: "T"}
    one, two = mixed_sides(6, weights, run=run)
    assert "".join(sides[each] for each in one) == first
    assert all(a is not b for a, b in zip(one, two, strict=True))


def test_how_the_target_failed_is_known_for_its_cause() -> None:
    def raising(event: Any, aws: Aws) -> Any:
        if event["do"] == "b_show":
            return {"total": (aws.get("orders", "A-1") or {"total": 0, "amount": 0})["amount"]}
        aws.put("orders", {"id": "A-1", "total": 25, "amount": 25, "note": "x"})
        return {"id": "A-1"}

    (found,) = Shared(current=shop, target=raising, events=(PLACE, SHOW)).judge().findings
    outcome = failure_of(found)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.FUNCTION_ERROR
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("KeyError", "'amount'")
    assert outcome.error.stack_trace == found.stack_trace
    (dropped,) = Shared(current=shop, target=forgetful, events=(PLACE, SHOW)).judge().findings
    assert failure_of(dropped) is None
