"""What invokes a function, and whether a rollback moves its traffic."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.platform_builders import (
    ALIAS,
    LIVE,
    MAPPING,
    PERMISSION,
    QUEUE,
    REDEPLOY,
    case,
    function,
    judged,
    kinds,
    record,
    version,
)
from helpers.subjects import noted, said
from pytest_lambda_rollback.model.published import AliasFacts, Binding
from pytest_lambda_rollback.model.settings import Strategy

STAGING = AliasFacts(name="staging", version="4")
UNQUALIFIED = replace(MAPPING, qualifier=None)
URL = Binding(
    kind="function-url",
    qualifier=None,
    what="https://abc.lambda-url.eu-west-1.example/",
    identifier="AWS_IAM",
)


def on_alias(binding: Binding, name: str = "live") -> Binding:
    return replace(binding, qualifier=name)


@pytest.mark.parametrize("binding", [MAPPING, PERMISSION, URL])
@pytest.mark.parametrize("strategy", [ALIAS, REDEPLOY])
def test_what_is_bound_to_the_alias_moves_with_it(strategy: Strategy, binding: Binding) -> None:
    judgement = judged(case(strategy, facts=function(bindings=(on_alias(binding),))))

    assert judgement.findings == ()
    assert judgement.warnings == ()
    assert judgement.notes == ()


def test_an_event_source_bound_to_the_current_number_is_left_behind_by_an_alias() -> None:
    (finding,) = judged(case(facts=function(bindings=(MAPPING,)))).findings

    assert finding.kind == "bound-to-version"
    assert said(finding) == (
        f"orders:3 by alias leaves traffic behind: event source mapping 1b2c of {QUEUE} invokes "
        "version 4 itself, and pointing alias live back to 3 does not move it"
    )
    assert finding.location == "1b2c"


def test_an_event_source_bound_to_the_current_number_is_left_behind_by_a_redeploy() -> None:
    (finding,) = judged(case(REDEPLOY, facts=function(bindings=(MAPPING,)))).findings

    assert said(finding).endswith(
        "invokes version 4 itself, and a redeploy, which publishes a new version, does not move it"
    )


@pytest.mark.parametrize("number", ["2", "3"])
def test_an_event_source_bound_to_another_number_stays_as_it_is(number: str) -> None:
    judgement = judged(case(facts=function(bindings=(replace(MAPPING, qualifier=number),))))

    assert judgement.findings == ()
    assert judgement.warnings == ()


def test_a_disabled_mapping_has_no_traffic_and_is_a_warning() -> None:
    judgement = judged(case(facts=function(bindings=(replace(MAPPING, enabled=False),))))

    assert judgement.findings == ()
    (warning,) = judgement.warnings
    assert "it is disabled" in said(warning)


def test_a_caller_that_may_invoke_the_number_alone_is_a_warning() -> None:
    judgement = judged(case(facts=function(bindings=(PERMISSION,))))

    assert judgement.findings == ()
    (warning,) = judgement.warnings
    assert warning.kind == "permission-on-version"
    assert "s3.amazonaws.com (statement allow-s3)" in said(warning)
    both = function(bindings=(PERMISSION, on_alias(PERMISSION)))
    assert judged(case(facts=both)).warnings == ()


@pytest.mark.parametrize(
    ("binding", "kind"),
    [
        (UNQUALIFIED, "bound-to-latest"),
        (replace(MAPPING, qualifier="$LATEST"), "bound-to-latest"),
        (URL, "bound-to-latest"),
        (replace(PERMISSION, qualifier=None), "permission-on-latest"),
    ],
)
def test_what_runs_latest_takes_no_part_in_an_alias_rollback(binding: Binding, kind: str) -> None:
    facts = function(bindings=(binding,))

    judgement = judged(case(facts=facts))
    assert judgement.findings == ()
    assert kinds(judgement.warnings) == [kind]
    assert judged(case(REDEPLOY, facts=facts)).warnings == ()


@pytest.mark.parametrize("binding", [UNQUALIFIED, URL])
def test_what_runs_latest_is_the_traffic_of_a_function_without_an_alias(binding: Binding) -> None:
    facts = function(aliases=[], bindings=(binding,))

    judgement = judged(case(facts=facts, current_alias=None))
    (finding,) = judgement.findings
    assert finding.kind == "bound-to-latest"
    assert "pointing an alias back" in said(finding)
    unread = replace(facts, platform=replace(facts.platform, unread=("lambda:ListAliases",)))
    assert judged(case(facts=unread, current_alias=None)).findings == ()
    assert judged(case(REDEPLOY, facts=facts, current_alias=None)).findings == ()


def test_a_disabled_mapping_of_latest_has_no_traffic() -> None:
    facts = function(bindings=(replace(UNQUALIFIED, enabled=False),))

    assert judged(case(facts=facts)).warnings == ()


def test_a_caller_that_may_invoke_the_alias_too_is_taken_to_use_it() -> None:
    facts = function(bindings=(replace(PERMISSION, qualifier=None), on_alias(PERMISSION)))

    assert judged(case(facts=facts)).warnings == ()


def test_traffic_through_another_alias_on_the_same_version_is_a_warning() -> None:
    facts = function(aliases=[LIVE, STAGING], bindings=(on_alias(MAPPING, "staging"),))

    (warning,) = judged(case(facts=facts)).warnings
    assert warning.kind == "other-alias"
    assert "moves only alias live" in said(warning)
    assert "alias staging" in said(warning)
    for quiet in (
        function(aliases=[LIVE, STAGING]),
        function(aliases=[LIVE, STAGING], bindings=(on_alias(MAPPING),)),
        function(
            aliases=[LIVE, replace(STAGING, version="2")], bindings=(on_alias(MAPPING, "staging"),)
        ),
        function(
            aliases=[LIVE, STAGING],
            bindings=(replace(on_alias(MAPPING, "staging"), enabled=False),),
        ),
    ):
        assert judged(case(facts=quiet)).warnings == ()


def test_a_function_url_is_named_by_its_address() -> None:
    (warning,) = judged(case(facts=function(bindings=(URL,)))).warnings

    assert warning.location == URL.what


# --- no alias, or one with weights ----------------------------------------------------------


def test_without_an_alias_on_the_current_version_nothing_is_switched() -> None:
    elsewhere = [AliasFacts(name="live", version="2")]

    (warning,) = judged(case(alias=None, facts=function(aliases=elsewhere))).warnings
    assert warning.kind == "no-alias"
    assert "no alias points at orders:4" in said(warning)
    (warning,) = judged(case(alias=None, facts=function(aliases=[]))).warnings
    assert "orders has no alias, so" in said(warning)


def test_an_alias_on_the_current_version_is_found_though_it_was_given_by_number() -> None:
    assert judged(case(alias=None)).warnings == ()


def test_a_redeploy_needs_no_alias() -> None:
    assert judged(case(REDEPLOY, alias=None, facts=function(aliases=[]))).warnings == ()


def test_aliases_that_could_not_be_listed_are_not_missed() -> None:
    facts = function(aliases=[], unread=("lambda:ListAliases",))

    judgement = judged(case(alias=None, facts=facts))
    assert judgement.warnings == ()
    assert "lambda:ListAliases" in noted(judgement)[0]


def test_traffic_of_latest_is_left_behind_where_latest_is_current() -> None:
    facts = function(record("$LATEST"), record("3"), aliases=[], bindings=(UNQUALIFIED,))
    current = version("$LATEST")

    judgement = judged(case(alias=None, facts=facts, current=current))
    assert kinds(judgement.findings) == ["bound-to-version"]
    assert kinds(judgement.warnings) == ["weighted-alias-unpublished", "no-alias"]
    redeployed = judged(case(REDEPLOY, alias=None, facts=facts, current=current))
    assert redeployed.findings == ()
    assert redeployed.warnings == ()


def test_a_build_is_given_an_alias_when_it_is_deployed() -> None:
    current = version("candidate")

    assert judged(case(alias=None, current=current)).warnings == ()
    judgement = judged(case(alias=None, current=current, facts=function(aliases=[])))
    assert kinds(judgement.warnings) == ["no-alias"]


def test_an_alias_with_weights_has_to_lose_them() -> None:
    weighted = AliasFacts(name="live", version="4", weights=(("5", 0.1),))

    (warning,) = judged(case(facts=function(aliases=[weighted]))).warnings
    assert warning.kind == "alias-weighted"
    assert "sends 10% of its traffic to version 5 and the rest to 4" in said(warning)
    assert warning.current == "4 90%, 5 10%"
