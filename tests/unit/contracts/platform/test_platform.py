"""The platform contract: what AWS refuses, what it leaves behind, and what is equally so today."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from helpers.platform_builders import (
    ALIAS,
    ARN,
    KEY,
    LAYER,
    MAPPING,
    MB,
    PERMISSION,
    QUEUE,
    REDEPLOY,
    ROLE,
    TODAY,
    artifact,
    case,
    function,
    judged,
    kinds,
    layer,
    only,
    package,
    record,
    version,
)
from helpers.subjects import noted, said
from pytest_lambda_rollback.aws_lambda.runtimes import AS_OF
from pytest_lambda_rollback.contracts.platform.contract import PlatformCase
from pytest_lambda_rollback.model.findings import Contract, Verdict
from pytest_lambda_rollback.model.published import (
    AliasFacts,
    LayerFacts,
    PlatformFacts,
    VersionFacts,
)
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import (
    ContainerImage,
    FunctionVersion,
    PackageKind,
    RemotePackage,
)


@pytest.mark.parametrize("strategy", [ALIAS, REDEPLOY])
def test_two_alike_versions_are_safe_without_a_word(strategy: Strategy) -> None:
    judgement = judged(case(strategy))

    assert judgement.verdict is Verdict.SAFE
    assert judgement.warnings == ()
    assert judgement.notes == ()


@pytest.mark.parametrize("strategy", [ALIAS, REDEPLOY])
def test_packages_that_cannot_be_had_are_unknown_where_nothing_else_breaks(
    strategy: Strategy,
) -> None:
    judgement = judged(replace(case(strategy), unread="the layer is gone."))

    assert judgement.verdict is Verdict.UNKNOWN
    assert judgement.reason == "the layer is gone."
    assert judgement.notes == ()


def test_what_breaks_without_the_packages_breaks() -> None:
    gone = case(ALIAS, facts=function(record("4"), record("3", gone=True)))
    unread = judged(replace(gone, unread="the code is gone."))

    text = said(only(judged(gone).findings, "version-deleted"))
    assert "The archive still has its code" in text
    text = said(only(unread.findings, "version-deleted"))
    assert "archive" not in text
    assert noted(unread) == ("handler and size of orders:3 were not checked: the code is gone",)


# --- runtimes -------------------------------------------------------------------------------


def on_runtimes(strategy: Strategy, target: str, current: str) -> PlatformCase:
    return case(
        strategy,
        published=version("3", runtime=target),
        current=version("4", runtime=current),
    )


@pytest.mark.parametrize(
    ("target", "current", "today", "expected"),
    [
        ("python3.9", "python3.12", TODAY, ["runtime-deprecated"]),
        ("python3.9", "python3.9", TODAY, []),
        ("python3.8", "python3.9", TODAY, []),
        ("cobol85", "python3.12", TODAY, []),
        ("python3.9", "cobol85", TODAY, ["runtime-deprecated"]),
        ("java11", "java17", date(2027, 6, 1), []),
        ("java11", "java21", date(2027, 6, 1), ["runtime-deprecated-soon"]),
        ("nodejs22.x", "nodejs24.x", date(2027, 1, 29), []),
        ("nodejs22.x", "nodejs24.x", date(2027, 1, 30), ["runtime-deprecated-soon"]),
        ("nodejs22.x", "nodejs24.x", date(2027, 4, 29), ["runtime-deprecated-soon"]),
        ("nodejs22.x", "nodejs24.x", date(2027, 4, 30), ["runtime-deprecated"]),
    ],
)
def test_an_alias_goes_back_to_a_deprecated_runtime_with_a_warning(
    target: str, current: str, today: date, expected: list[str]
) -> None:
    judgement = judged(on_runtimes(ALIAS, target, current), today)

    assert judgement.findings == ()
    assert kinds(judgement.warnings) == expected


@pytest.mark.parametrize(
    ("today", "warnings"),
    [
        (date(2026, 12, 2), []),
        (date(2026, 12, 3), ["runtime-update-blocked-soon"]),
        (date(2027, 2, 1), ["runtime-update-blocked-soon", "runtime-creation-blocked"]),
        (date(2027, 3, 3), ["runtime-update-blocked"]),
    ],
)
def test_a_redeploy_may_be_refused_from_the_day_that_aws_announced(
    today: date, warnings: list[str]
) -> None:
    """The table is older than these days, and AWS has moved such days before."""
    judgement = judged(on_runtimes(REDEPLOY, "python3.12", "python3.9"), today)

    assert judgement.findings == ()
    assert kinds(judgement.warnings) == warnings
    if today == date(2027, 3, 3):
        assert "may be refused: AWS announced, as of" in said(judgement.warnings[0])


def test_an_update_block_says_since_when_and_what_is_refused() -> None:
    judgement = judged(on_runtimes(REDEPLOY, "nodejs12.x", "nodejs12.x"))

    (finding,) = judgement.findings
    assert finding.contract is Contract.PLATFORM
    assert said(finding) == (
        "orders:3 by redeploy cannot be deployed: since 2023-04-30 AWS refuses to update "
        "functions on nodejs12.x"
    )


def test_the_runtime_that_the_target_once_had_does_not_stop_its_redeploy() -> None:
    assert judged(on_runtimes(REDEPLOY, "nodejs12.x", "nodejs24.x")).findings == ()


@pytest.mark.parametrize("runtime", ["python3.15", "cobol85"])
def test_a_runtime_without_known_dates_is_noted(runtime: str) -> None:
    (note,) = noted(judged(on_runtimes(ALIAS, runtime, runtime)))

    assert runtime in note
    assert AS_OF.isoformat() in note


def test_dates_that_are_old_are_noted() -> None:
    facts = function()
    later = AS_OF + timedelta(days=181)
    facts = replace(facts, platform=replace(facts.platform, as_of=later.isoformat()))

    assert judged(case(facts=facts), later - timedelta(days=1)).notes == ()
    (note,) = noted(judged(case(facts=facts), later))
    assert f"are as of {AS_OF.isoformat()}" in note


@pytest.mark.parametrize(
    ("mode", "words"),
    [("Auto", "receive AWS's patches"), ("FunctionUpdate", "it was published on")],
)
def test_which_patch_of_the_runtime_comes_back_is_noted(mode: str, words: str) -> None:
    details = VersionFacts(version="3", update_mode=mode)
    judgement = judged(case(facts=function(versions=(details,))))

    assert judgement.warnings == ()
    assert words in noted(judgement)[0]
    assert judged(case(REDEPLOY, facts=function(versions=(details,)))).notes == ()


def test_a_target_pinned_to_another_runtime_version_is_warned_of() -> None:
    pin = "arn:aws:lambda:eu-west-1::runtime:0123456789abcdef"
    target = VersionFacts(version="3", update_mode="Manual", runtime_version_arn=pin)
    live = VersionFacts(version="4", update_mode="Auto")
    same = replace(live, update_mode="Manual", runtime_version_arn=pin)

    warning = only(
        judged(case(facts=function(versions=(target, live)))).warnings, "runtime-version-pinned"
    )
    assert "0123456789ab…" in said(warning)
    assert judged(case(facts=function(versions=(target, same)))).warnings == ()
    assert judged(case(REDEPLOY, facts=function(versions=(target, live)))).warnings == ()


# --- the versions ---------------------------------------------------------------------------


def test_no_alias_points_at_a_deleted_version_and_its_code_can_be_deployed() -> None:
    facts = function(record("4"), record("3", gone=True))

    (finding,) = judged(case(facts=facts)).findings
    assert finding.kind == "version-deleted"
    assert "deploy that again" in said(finding)
    assert judged(case(REDEPLOY, facts=facts)).findings == ()


@pytest.mark.parametrize(
    ("state", "finding", "warning"),
    [
        ("Active", [], []),
        ("", [], []),
        ("Failed", ["version-failed"], []),
        ("Inactive", [], ["version-inactive"]),
        ("Pending", [], ["version-pending"]),
        ("ActiveNonInvocable", [], ["version-active-non-invocable"]),
    ],
)
def test_only_active_versions_are_invoked(
    state: str, finding: list[str], warning: list[str]
) -> None:
    # Lists do not tell a version's state: it is asked for.
    asked = PlatformFacts(
        as_of=TODAY.isoformat(), versions=(VersionFacts(version="3", state=state),)
    )
    for facts in (
        function(record("4"), record("3", state=state)),
        replace(function(record("4"), record("3", state="")), platform=asked),
    ):
        judgement = judged(case(facts=facts))
        assert kinds(judgement.findings) == finding
        assert kinds(judgement.warnings) == warning
        assert judged(case(REDEPLOY, facts=facts)).warnings == ()


def test_a_state_that_the_current_version_is_in_too_is_none_of_the_rollbacks() -> None:
    facts = function(record("4", state="Inactive"), record("3", state="Inactive"))

    assert judged(case(facts=facts)).warnings == ()


def test_a_key_that_nobody_can_use_stops_the_target() -> None:
    broken = record("3", kms_key_arn=KEY, environment_error="KMSDisabledException: key is disabled")
    facts = function(record("4"), broken)

    (finding,) = judged(case(facts=facts)).findings
    assert finding.kind == "environment-not-decryptable"
    assert KEY in said(finding)
    assert judged(case(REDEPLOY, facts=facts)).findings == ()


def test_a_key_that_is_refused_to_whoever_asked_is_a_warning() -> None:
    refused = "AccessDeniedException: the key does not exist or you are not allowed to access it"
    facts = function(record("4"), record("3", kms_key_arn=KEY, environment_error=refused))

    judgement = judged(case(facts=facts))
    assert judgement.findings == ()
    assert kinds(judgement.warnings) == ["environment-not-decryptable"]


def test_a_key_that_fails_the_current_version_too_says_nothing() -> None:
    same = {"kms_key_arn": KEY, "environment_error": "KMSDisabledException: key is disabled"}
    judgement = judged(case(facts=function(record("4", **same), record("3", **same))))

    assert judgement.findings == ()
    assert judgement.warnings == ()


def test_another_key_that_fails_the_current_version_does_not_excuse_the_target() -> None:
    error = "KMSDisabledException: key is disabled"
    live = record("4", kms_key_arn=f"{KEY}2", environment_error=error)
    facts = function(live, record("3", kms_key_arn=KEY, environment_error=error))

    assert kinds(judged(case(facts=facts)).findings) == ["environment-not-decryptable"]


def test_of_a_deleted_version_only_that_is_said() -> None:
    gone = record(
        "3",
        gone=True,
        state="Failed",
        environment_error="KMSDisabledException",
        role=ROLE.format("old"),
        dead_letter_arn=QUEUE,
    )
    judgement = judged(case(facts=function(record("4"), gone)))

    assert kinds(judgement.findings) == ["version-deleted"]
    assert judgement.warnings == ()


@pytest.mark.parametrize(("target", "current"), [("", ROLE), (ROLE, "")])
def test_a_role_that_is_not_known_is_not_compared(target: str, current: str) -> None:
    facts = function(record("4", role=current), record("3", role=target))

    assert judged(case(facts=facts)).warnings == ()


def test_another_function_has_another_role_and_no_part_in_a_weighted_alias() -> None:
    there = function(record("3", role=ROLE.format("old")), name="orders-v1")
    which = case(target_facts=there, published=version("3", function="orders-v1"))

    assert judged(which).warnings == ()


def test_another_role_comes_back_and_cannot_be_weighted() -> None:
    facts = function(record("4"), record("3", role=ROLE.format("old")))

    judgement = judged(case(facts=facts))
    assert judgement.findings == ()
    assert kinds(judgement.warnings) == ["role-differs", "weighted-alias-role"]
    assert ROLE.format("old") in said(only(judgement.warnings, "role-differs"))
    assert "all at once works" in said(only(judgement.warnings, "weighted-alias-role"))
    assert judged(case(REDEPLOY, facts=facts)).warnings == ()


@pytest.mark.parametrize(
    ("target", "current", "words"),
    [
        (None, QUEUE, f"they are dropped, now they go to {QUEUE}"),
        (QUEUE, None, f"they go to {QUEUE}, now they are dropped"),
        (QUEUE, f"{QUEUE}-2", f"they go to {QUEUE}, now they go to {QUEUE}-2"),
    ],
)
def test_another_dead_letter_queue_comes_back_and_cannot_be_weighted(
    target: str | None, current: str | None, words: str
) -> None:
    facts = function(record("4", dead_letter_arn=current), record("3", dead_letter_arn=target))

    judgement = judged(case(facts=facts))
    assert kinds(judgement.warnings) == ["dead-letter-differs", "weighted-alias-dead-letter"]
    assert said(only(judgement.warnings, "dead-letter-differs")).endswith(words)


def test_latest_cannot_be_one_side_of_a_weighted_alias() -> None:
    facts = function(
        record("$LATEST"), record("3"), aliases=[AliasFacts(name="live", version="$LATEST")]
    )
    judgement = judged(case(facts=facts, current=version("$LATEST")))

    assert kinds(judgement.warnings) == ["weighted-alias-unpublished"]


def test_snap_start_that_is_lost_is_said() -> None:
    facts = function(record("4", snap_start=True), record("3"))

    assert kinds(judged(case(facts=facts)).warnings) == ["snap-start-lost"]
    assert judged(case(REDEPLOY, facts=facts)).warnings == ()
    other_way = function(record("4"), record("3", snap_start=True))
    assert judged(case(facts=other_way)).warnings == ()


@pytest.mark.parametrize("strategy", [ALIAS, REDEPLOY])
def test_another_architecture_is_a_warning(strategy: Strategy) -> None:
    judgement = judged(case(strategy, published=version("3", architecture="arm64")))

    assert judgement.findings == ()
    (warning,) = judgement.warnings
    assert (warning.kind, warning.target, warning.current) == (
        "architecture-changed",
        "arm64",
        "x86_64",
    )


def test_zip_code_is_not_deployed_to_a_container_image_function() -> None:
    image = ContainerImage(uri="registry.example/orders@sha256:00")
    current = version("4", image=image, runtime="")

    (finding,) = judged(case(REDEPLOY, current=current)).findings
    assert finding.kind == "package-type-changed"
    assert judged(case(ALIAS, current=current)).findings == ()


@pytest.mark.parametrize("strategy", [ALIAS, REDEPLOY])
def test_a_missing_handler_breaks_unless_the_current_one_is_missed_alike(
    strategy: Strategy,
) -> None:
    why = "module app of handler app.handler is neither in the code nor in a layer"

    (finding,) = judged(case(strategy, handler_missing=why)).findings
    assert finding.kind == "handler-missing"
    assert said(finding) == f"orders:3 by {strategy} cannot start: {why}"
    alike = judged(case(strategy, handler_missing=why, current_handler_missing=why))
    assert alike.findings == ()
    assert kinds(alike.warnings) == ["handler-missing"]


def test_a_handler_that_is_not_looked_for_is_noted() -> None:
    (note,) = noted(judged(on_runtimes(ALIAS, "java21", "java21")))

    assert note == "whether the code has the handler app.handler is not checked for java21"


@pytest.mark.parametrize(
    ("target", "strategy", "words"),
    [
        (0, ALIAS, "orders:3 by alias starts cold: 10 provisioned"),
        (4, ALIAS, "orders:3 by alias has 4 of its own: 10 provisioned"),
        (10, REDEPLOY, "orders:3 by redeploy starts cold: 10 provisioned"),
    ],
)
def test_provisioned_concurrency_of_a_number_stays_behind(
    target: int, strategy: Strategy, words: str
) -> None:
    details = (
        VersionFacts(version="4", provisioned_concurrency=10),
        VersionFacts(version="3", provisioned_concurrency=target),
    )
    (warning,) = judged(case(strategy, facts=function(versions=details))).warnings

    assert warning.kind == "provisioned-concurrency"
    assert said(warning).startswith(words)


# --- another function -----------------------------------------------------------------------


def to_another_function(
    *, reserved: int | None = None, current_reserved: int | None = None
) -> PlatformCase:
    there = function(record("3"), name="orders-v1", reserved_concurrency=reserved)
    here = function(
        record("4"), bindings=(MAPPING, PERMISSION), reserved_concurrency=current_reserved
    )
    return case(facts=here, target_facts=there, published=version("3", function="orders-v1"))


def test_an_old_function_that_is_throttled_to_nothing_is_no_target() -> None:
    (finding,) = judged(to_another_function(reserved=0)).findings

    assert finding.kind == "throttled"
    assert "orders-v1 has a reserved concurrency of 0" in said(finding)
    alike = judged(to_another_function(reserved=0, current_reserved=0))
    assert alike.findings == ()


@pytest.mark.parametrize(
    ("reserved", "current_reserved", "expected"),
    [(5, 50, ["less-concurrency"]), (5, None, ["less-concurrency"]), (50, 5, []), (None, 5, [])],
)
def test_an_old_function_with_less_concurrency_is_warned_of(
    reserved: int | None, current_reserved: int | None, expected: list[str]
) -> None:
    which = to_another_function(reserved=reserved, current_reserved=current_reserved)

    assert kinds(judged(which).warnings) == expected


def test_no_alias_moves_traffic_to_another_function() -> None:
    judgement = judged(to_another_function())

    assert judgement.findings == ()
    (note,) = noted(judgement)
    assert note.startswith("orders-v1 is another function, which no alias of orders can point at")
    assert "s3.amazonaws.com" in note


def test_code_of_another_function_is_deployed_to_the_current_one_and_its_bindings() -> None:
    there = function(record("3"), name="orders-v1", reserved_concurrency=0)
    which = case(
        REDEPLOY,
        facts=function(bindings=(MAPPING,)),
        target_facts=there,
        published=version("3", function="orders-v1"),
    )
    assert kinds(judged(which).findings) == ["bound-to-version"]


# --- layers and sizes -----------------------------------------------------------------------


def with_layers(
    strategy: Strategy,
    state: str,
    *,
    target: tuple[int, ...] = (),
    current: tuple[int, ...] = (),
    latest: tuple[int, ...] | None = None,
) -> PlatformCase:
    def packages(numbers: tuple[int, ...]) -> tuple[RemotePackage, ...]:
        return tuple(package(number) for number in numbers)

    records = [
        record("4", layers=packages(current)),
        record("3", layers=packages(target)),
    ]
    if latest is not None:
        records.insert(0, record("$LATEST", layers=packages(latest)))
    states = (LayerFacts(arn=LAYER.format(1), state=state), LayerFacts(arn=LAYER.format(2)))
    return case(
        strategy,
        facts=function(*records, layers=states),
        published=version("3", layers=tuple(layer(number) for number in target)),
        current=version("4", layers=tuple(layer(number) for number in current)),
    )


@pytest.mark.parametrize("state", ["deleted", "forbidden"])
def test_a_published_version_keeps_its_copy_of_a_lost_layer(state: str) -> None:
    judgement = judged(with_layers(ALIAS, state, target=(1, 2), current=(2,)))

    assert judgement.findings == ()
    (warning,) = judgement.warnings
    assert warning.kind == f"layer-{state}"
    words = "was deleted" if state == "deleted" else "is no longer shared"
    assert f"layer shared 1, which {words}" in said(warning)
    assert judged(with_layers(ALIAS, state, target=(1,), current=(1,))).warnings == ()


def test_a_deleted_layer_cannot_be_added_to_latest() -> None:
    which = with_layers(REDEPLOY, "deleted", target=(2,), current=(1,), latest=(2,))

    (finding,) = judged(which).findings
    assert finding.kind == "layer-deleted"
    assert "shared 1 was deleted, $LATEST does not have it" in said(finding)


@pytest.mark.parametrize(
    ("state", "latest"), [("deleted", (1,)), ("deleted", None), ("forbidden", (2,))]
)
def test_a_lost_layer_that_latest_may_keep_is_a_warning(
    state: str, latest: tuple[int, ...] | None
) -> None:
    judgement = judged(with_layers(REDEPLOY, state, current=(1,), latest=latest))

    assert judgement.findings == ()
    assert kinds(judgement.warnings) == [f"layer-{state}"]


def test_a_layer_that_only_the_target_had_is_not_needed_by_its_redeploy() -> None:
    judgement = judged(with_layers(REDEPLOY, "deleted", target=(1,), current=(2,), latest=(2,)))

    assert judgement.findings == ()
    assert judgement.warnings == ()


@pytest.mark.parametrize("label", [LAYER.format(1), "shared 1"])
def test_layers_of_a_build_are_known_by_what_their_packages_are_called(label: str) -> None:
    facts = function(
        record("$LATEST"),
        record("3"),
        layers=(LayerFacts(arn=LAYER.format(1), state="deleted"),),
    )
    current = version("candidate", layers=(replace(layer(1), artifact=artifact(label)),))

    judgement = judged(case(REDEPLOY, facts=facts, current=current))
    assert kinds(judgement.findings) == ["layer-deleted"]


def local(strategy: Strategy, target: FunctionVersion, current: FunctionVersion) -> PlatformCase:
    which = case(strategy, published=target, current=current, alias=None)
    return replace(which, facts=None, target_facts=None)


def test_code_that_is_too_large_with_the_current_layers_is_refused() -> None:
    small = (layer(1, 10 * MB),)
    large = (layer(2, 60 * MB),)
    target = version("3", code=artifact("code 3", 200 * MB), layers=small)

    (finding,) = judged(
        case(REDEPLOY, published=target, current=version("4", layers=large))
    ).findings
    assert finding.kind == "unzipped-too-large"
    assert "260 MB unzipped with its layers, and AWS allows 250 MB" in said(finding)
    exact = version("4", layers=(layer(2, 50 * MB),))
    assert judged(case(REDEPLOY, published=target, current=exact)).findings == ()


def test_what_aws_has_published_met_its_quotas() -> None:
    huge = version("3", code=artifact("code 3", 300 * MB))

    assert judged(case(ALIAS, published=huge)).findings == ()
    (finding,) = judged(local(ALIAS, huge, version("4"))).findings
    assert finding.kind == "unzipped-too-large"


def test_more_than_five_layers_are_refused_unless_the_current_one_has_them() -> None:
    five = version("3", layers=tuple(layer(number) for number in range(5)))
    six = version("3", layers=tuple(layer(number) for number in range(6)))

    assert judged(local(ALIAS, five, version("4"))).findings == ()
    assert kinds(judged(local(ALIAS, six, version("4"))).findings) == ["too-many-layers"]
    alike = judged(local(ALIAS, six, replace(six, version="4")))
    assert alike.findings == ()
    assert kinds(alike.warnings) == ["too-many-layers"]


def test_an_environment_over_4_kb_is_refused_and_its_values_are_not_shown() -> None:
    def having(length: int) -> FunctionVersion:
        return version("3", environment=(("TOKEN", "s" * length),))

    assert judged(local(ALIAS, having(4091), version("4"))).findings == ()
    (finding,) = judged(local(ALIAS, having(4092), version("4"))).findings
    assert finding.kind == "environment-too-large"
    assert "sss" not in repr(finding) + str(finding.target)
    made_up = replace(having(5000), placeholders=("TOKEN",))
    assert judged(local(ALIAS, made_up, version("4"))).findings == ()


def test_a_large_zip_is_deployed_through_s3_and_that_is_no_break() -> None:
    large = RemotePackage(kind=PackageKind.CODE, arn=f"{ARN}:3", size_bytes=60 * MB)
    judgement = judged(case(REDEPLOY, facts=function(record("4"), record("3", code=large))))

    assert judgement.findings == ()
    assert noted(judgement) == (
        "the zip of orders:3 has 60 MB: over 50 MB it can only be deployed through an S3 bucket",
    )


# --- what could not be inspected ------------------------------------------------------------


def test_versions_of_the_configuration_are_noted_as_such() -> None:
    judgement = judged(local(ALIAS, version("3"), version("4")))

    assert judgement.verdict is Verdict.SAFE
    (note,) = noted(judgement)
    assert note.startswith("aliases, permissions, event sources and layers in AWS are not checked")


def test_a_refused_action_is_noted_with_its_name_once() -> None:
    (note,) = noted(judged(case(facts=function(unread=("lambda:GetPolicy",)))))

    assert note == (
        "orders: could not determine which callers are permitted on which version: "
        "lambda:GetPolicy "
        "was refused or is unavailable here; the policy statement "
        '{"Effect": "Allow", "Action": "lambda:GetPolicy", '
        f'"Resource": ["{function().arn}", "{function().arn}:*"]}} allows it'
    )


def test_facts_of_another_day_are_noted() -> None:
    (note,) = noted(judged(case(), date(2026, 11, 25)))

    assert note.startswith("AWS was last asked about orders on 2026-11-23")


def test_a_function_that_is_throttled_anyway_is_noted() -> None:
    judgement = judged(case(facts=function(reserved_concurrency=0)))

    assert judgement.findings == ()
    assert "reserved concurrency of 0" in noted(judgement)[0]


def test_what_was_never_read_from_aws_is_noted() -> None:
    facts = replace(function(), platform=PlatformFacts())
    (note,) = [n for n in noted(judged(case(facts=facts))) if "never read" in n]
    assert (
        "of orders were never read from AWS: until a run that is not offline, the archive" in note
    )
