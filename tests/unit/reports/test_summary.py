"""What stands at the end of a run, from documents as the JSON report has them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pytest_lambda_rollback.reports.report import FunctionReport, Report
from pytest_lambda_rollback.reports.summary import reason_lines, summary
from pytest_lambda_rollback.reports.target_table import conclusion

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:{}"


def check(name: str = "create", verdict: str = "safe", **said: Any) -> dict[str, Any]:
    return {
        "id": f"lambda-rollback.toml::orders::x::{name}",
        "name": name,
        "contract": "invocation",
        "verdict": verdict,
        "reason": None,
        "stale_accept": False,
        "findings": [],
        "warnings": [],
        "notes": [],
        **said,
    }


def finding(why: str) -> dict[str, Any]:
    return {"contract": "invocation", "kind": "timeout", "message": why, "why": why}


def note(text: str, *, key: str = "", named: bool = False) -> dict[str, Any]:
    return {"text": text, "key": key or text, "named": named}


def breaks(why: str, name: str = "create", cause: str | None = None) -> dict[str, Any]:
    caused = finding(why) | {"cause": cause and {"kind": "code", "sentence": cause}}
    return check(name, "breaks", findings=[caused])


def target(
    version: str | None,
    strategy: str | None = "alias",
    *checks: dict[str, Any],
    function: str = "orders",
    planned: int | None = None,
) -> dict[str, Any]:
    checks = checks or (check(),)
    verdicts = [each["verdict"] for each in checks]
    order = ("breaks", "unknown", "accepted", "safe")
    verdict = next(each for each in order if each in verdicts)
    planned = planned or len(checks)
    if planned > len(checks) and verdict in ("safe", "accepted"):
        verdict = "unknown"
    return {
        "function": function,
        "version": version,
        "strategy": strategy,
        "verdict": verdict,
        "checks_planned": planned,
        "checks": list(checks),
    }


def function(name: str, *targets: dict[str, Any], **said: Any) -> dict[str, Any]:
    return {
        "file": "lambda-rollback.toml",
        "function": name,
        "current": "4",
        "inherited": [],
        "source": None,
        "placeholders": [],
        "targets": [each | {"function": name} for each in targets] or [target("3", function=name)],
        "not_checked": [],
        **said,
    }


def unread(name: str, reason: str) -> dict[str, Any]:
    stands = target(None, None, check("aws", "unknown", reason=reason))
    return function(name, stands, current="unknown")


def read(data: dict[str, Any]) -> FunctionReport:
    return msgspec.convert(data, FunctionReport)


def lines(*functions: dict[str, Any], **options: bool) -> list[str]:
    return summary(Report(functions=tuple(map(read, functions))), **options)


# --- one function -------------------------------------------------------------------------------


def test_one_reason_for_several_checks_and_strategies_is_told_once() -> None:
    reason = "layer third-party 2 has PyJWT 2.10.1"

    def both(strategy: str) -> list[dict[str, Any]]:
        return [breaks(reason, name, f"by {strategy}: {reason}") for name in ("create", "lines")]

    targets = [target("2", each, *both(each), check("more")) for each in ("alias", "redeploy")]
    targets.append(target("1", "alias", breaks("times out where 4 answers")))
    assert reason_lines(read(function("orders", *targets))) == [
        f"  2 by alias and redeploy: {reason} (create, lines)",
        "  1 by alias: times out where 4 answers (create)",
    ]


@pytest.mark.parametrize(
    ("targets", "told"),
    [
        ([target("3")], []),
        ([target("3", "alias", breaks("KeyError: 'x' where 4 answers"))],
         ["  3 by alias: KeyError: 'x' where 4 answers (create)"]),
        ([target("3", "alias", breaks("its code", cause="3: its code"))],
         ["  3 by alias: its code (create)"]),
        ([target("3", "alias", *(breaks("m", f"e{n}") for n in range(4)))],
         ["  3 by alias: m (4 checks)"]),
        ([target("3", "alias", breaks("m") | {"reason": "it ended", "stale_accept": True})],
         ["  3 by alias: m [it ended] (create)"]),
        ([target("3", "alias", check("e", "accepted", findings=[finding("m")]))], []),
        ([target("3", "alias", breaks("m")), target("2", "alias", breaks("m"))],
         ["  every target: m (create)"]),
        ([target("3", "alias", breaks("m")), target("2", "alias", breaks("m")), target("1")],
         ["  3 and 2 by alias: m (create)"]),
        ([target("3", s, check("events", "unknown", reason="no event")) for s in ("alias", "re")],
         ["  3 by alias and re: unknown: no event"]),
        ([target(None, None, check("aws", "unknown", reason="AWS is out"))],
         ["  unknown: AWS is out"]),
    ],
)  # fmt: skip
def test_reasons(targets: list[dict[str, Any]], told: list[str]) -> None:
    assert reason_lines(read(function("orders", *targets))) == told


def test_very_many_reasons_are_counted() -> None:
    many = target("3", "alias", *(breaks(f"m{n}", f"e{n}") for n in range(10)))
    found = reason_lines(read(function("orders", many)))
    assert len(found) == 9
    assert found[-1] == "  and 2 more reasons; see the failures above"


def test_a_function_of_which_nothing_is_known_says_why() -> None:
    assert lines(unread("gone", "AWS is out")) == [
        "gone, current version unknown",
        "  unknown: AWS is out",
        "Nothing was checked for gone: see the unknown check above.",
    ]


@pytest.mark.parametrize(
    ("how", "inherited", "first", "second"),
    [
        (None, [], "orders, current version 4", "  target  alias"),
        ("alias live", [], "orders, current version 4, from alias live", "  target  alias"),
        ("the newest published version", ["layers from $LATEST"],
         "orders, current version 4, from the newest published version",
         "  inherited: layers from $LATEST"),
    ],
)  # fmt: skip
def test_where_the_current_version_was_found_is_no_inheritance(
    how: str | None, inherited: list[str], first: str, second: str
) -> None:
    told = lines(function("orders", current_from=how, inherited=inherited))
    assert told[:2] == [first, second]


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([target("3"), target("2")], "The newest safe target of orders is 3, by alias."),
        ([target("3"), target("3", "redeploy", breaks("m"))],
         "The newest safe target of orders is 3, by alias; by redeploy it breaks."),
        ([target("3", "alias", breaks("m")), target("2")],
         "The newest safe target of orders is 2, by alias."),
        ([target("3", "alias", breaks("m"), planned=9)],
         "orders has no safe target: every one that was checked breaks."),
        ([target("3", "alias", planned=9)],
         "No target of orders is known to be safe: 3 by alias was checked only in part."),
        ([target("3", "alias", breaks("m"), planned=9), target("3", "redeploy", planned=2)],
         "No target of orders is known to be safe: 3 by alias breaks; 3 by redeploy was checked "
         "only in part."),
        ([target("3", "alias", check("e", "unknown", reason="r"))],
         "No target of orders is known to be safe: see the unknown checks above."),
        ([target("3", "alias", check("e", "accepted"))],
         "orders has no safe target; 3 by alias breaks only where it is accepted."),
    ],
)  # fmt: skip
def test_conclusions(targets: list[dict[str, Any]], said: str) -> None:
    assert conclusion(read(function("orders", *targets)), "orders") == said


def skipped(version: str, strategy: str = "alias", function: str = "orders") -> dict[str, str]:
    return {"function": function, "version": version, "strategy": strategy}


@pytest.mark.parametrize(
    ("targets", "not_checked", "said"),
    [
        ([target("2", "alias", breaks("m"))], [skipped("3"), skipped("3", "redeploy")],
         "No target of orders is known to be safe: 2 by alias breaks; 3 was not checked."),
        ([target("3", "alias", breaks("m"))], [skipped("3", "redeploy"), skipped("2")],
         "No target of orders is known to be safe: 3 by alias breaks; 3 by redeploy and 2 were "
         "not checked."),
        ([target("2")], [skipped("3"), skipped("1")],
         "The newest safe target of orders is 2, by alias; 3 and 1 were not checked."),
        ([target("3", "alias", check("e", "accepted"))], [skipped("2")],
         "orders has no safe target; 3 by alias breaks only where it is accepted; 2 was "
         "not checked."),
        ([target("3", "alias", check("e", "unknown"))], [skipped("2")],
         "No target of orders is known to be safe: see the unknown checks above; 2 was not "
         "checked."),
        ([target("3", "alias", planned=2), target("2", "alias", planned=2)],
         [skipped("1", function="orders-v1")],
         "No target of orders is known to be safe: orders-v1:1 was not checked; 3 by alias and 2 "
         "by alias were checked only in part."),
        ([target("20", "alias", breaks("m"))], [skipped(str(n)) for n in range(19, 0, -1)],
         "No target of orders is known to be safe: 20 by alias breaks; 19, 18, 17, 16, 15, 14, "
         "13, 12 and 11 more were not checked."),
    ],
)  # fmt: skip
def test_conclusions_say_what_was_not_checked(
    targets: list[dict[str, Any]], not_checked: list[dict[str, str]], said: str
) -> None:
    assert conclusion(read(function("orders", *targets, not_checked=not_checked)), "orders") == said


def test_a_target_of_another_function_is_named_with_it() -> None:
    other = target("2", "alias", breaks("E: m where orders:4 answers"))
    found = function("orders", targets=[{**other, "function": "orders-v1"}])
    assert lines(found) == [
        "orders, current version 4",
        "  target       alias",
        "  orders-v1:2  BREAKS (1 breaks)",
        "  orders-v1:2 by alias: E: m where orders:4 answers (create)",
        "orders has no safe target: every one that was checked breaks.",
    ]
    partly = function(
        "orders", targets=[{**other, "function": "orders-v1"}, target("1", planned=2)]
    )
    assert "known to be safe: orders-v1:2 by alias breaks; 1 by" in conclusion(
        read(partly), "orders"
    )


def test_a_function_whose_other_targets_were_not_checked_is_not_known_to_be_stuck() -> None:
    broken = target("3", "alias", breaks("m"))
    found = lines(function("cart", broken, not_checked=[skipped("2")]), function("mail", broken))
    assert " ".join(line.strip() for line in found).endswith(
        "2 functions: 0 can go back to the newest target that was checked; 1 cannot: mail; "
        "1 not known: cart."
    )


@pytest.mark.parametrize(
    ("has_json", "rest"),
    [(True, "in the JSON report"), (False, "(--lambda-rollback-json PATH has all)")],
)
def test_what_is_left_out_is_where_it_is_said_to_be(has_json: bool, rest: str) -> None:
    noted = check(
        notes=[note(f"note {n}") for n in range(10)],
        warnings=[finding(f"warning {n}") for n in range(12)],
    )
    found = lines(function("orders", target("3", "alias", noted)), has_json=has_json)
    assert f"  and 2 more warnings {rest}" in found
    assert f"and 2 more notes {rest}" in found


# --- several functions --------------------------------------------------------------------------


def test_a_sweep_has_a_line_for_what_is_safe_and_an_answer_for_all() -> None:
    healthy = [function(f"f{n}", target("3"), target("2")) for n in range(9)]
    broken = function("cart", target("3", "alias", breaks("E: m where a")))
    older = function("mail", target("3", "alias", breaks("m")), target("2"))
    accepted = function("post", target("3", "alias", check("e", "accepted")))
    found = lines(*healthy, broken, older, accepted, unread("gone", "AWS is out"))
    assert found[:10] == [
        *(f"f{n}, current version 4: 3 and 2 are safe" for n in range(9)),
        "",
    ]
    assert found[10:14] == [
        "cart, current version 4",
        "  target  alias",
        "  3       BREAKS (1 breaks)",
        "  3 by alias: E: m where a (create)",
    ]
    assert " ".join(line.strip() for line in found[-2:]) == (
        "13 functions: 9 can go back to the newest target that was checked; 1 only to an older "
        "one: mail; 1 only where a break is accepted: post; 1 cannot: cart; 1 not known: gone."
    )


def test_a_healthy_sweep_is_as_many_lines_as_functions_and_one() -> None:
    found = lines(*(function(f"f{n}") for n in range(200)))
    assert len(found) == 202
    assert found[0] == "f0, current version 4: 3 is safe"
    assert found[-2:] == [
        "",
        "200 functions: all can go back to the newest target that was checked.",
    ]


def test_a_few_functions_and_a_verbose_run_are_told_in_full() -> None:
    few = lines(*(function(f"f{n}") for n in range(3)))
    assert few.count("  target  alias") == 3
    assert few[-1] == "3 functions: all can go back to the newest target that was checked."
    many = [function(f"f{n}") for n in range(12)]
    assert lines(*many, verbose=True).count("  target  alias") == 12


def test_warnings_of_a_short_line_are_counted() -> None:
    warned = target("3", "alias", check(warnings=[finding("old"), finding("idle")]))
    found = lines(function("cart", warned), *(function(f"f{n}") for n in range(3)))
    assert found[0] == "cart, current version 4: 3 is safe (2 warnings, shown with -v)"


def test_only_a_few_names_are_listed() -> None:
    found = lines(*(function(f"f{n}", target("3", "alias", breaks("m"))) for n in range(30)))
    assert " ".join(line.strip() for line in found[-2:]) == (
        "30 functions: 0 can go back to the newest target that was checked; 30 cannot: f0, f1, "
        "f2, f3, f4, f5, f6, f7, f8, f9 and 20 more."
    )


def test_the_same_note_of_many_functions_is_one_note() -> None:
    def noted(name: str) -> dict[str, Any]:
        arn = ARN.format(name)
        notes = [
            note(
                f"{name}: who may call it is not known: allow lambda:GetPolicy on {arn}",
                key="policy",
                named=True,
            ),
            note("versions are declared"),
        ]
        source = {"arn": arn, "as_of": "now"}
        return function(name, target("3", "alias", check(notes=notes)), source=source)

    found = lines(*(noted(name) for name in ("cart", "cart-2", "pay", "mail")))
    notes = " ".join(line.strip() for line in found if line not in ("",))
    assert notes.count("note: ") == 2
    assert (
        f"note: cart: who may call it is not known: allow lambda:GetPolicy on {ARN.format('cart')} "
        "(also: cart-2, pay, mail)" in notes
    )
    assert "note: versions are declared 4 functions" in notes


def test_notes_that_differ_stay_apart() -> None:
    one, two = (
        function(name, target("3", "alias", check(notes=[note(text, named=True)])))
        for name, text in (
            ("cart", "cart: 2 layers are not known"),
            ("pay", "pay: 3 layers are not known"),
        )
    )
    assert [line for line in lines(one, two) if line.startswith("note: ")] == [
        "note: cart: 2 layers are not known",
        "note: pay: 3 layers are not known",
    ]
