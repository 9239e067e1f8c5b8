"""What AWS says today, joined with what the lock file knows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from helpers.made_published import (
    ACCOUNT,
    digest,
    function,
    function_arn,
    layer,
    layer_arn,
    version,
)
from helpers.made_versions import changed
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import (
    AliasFacts,
    Binding,
    LayerFacts,
    PlatformFacts,
    PublishedFunction,
    PublishedVersion,
    VersionFacts,
)
from pytest_lambda_rollback.model.versions import ContainerImage
from pytest_lambda_rollback.sources.archive.merging import merged, recorded, with_platform

V1 = version("orders", "1", b"1")
V2 = version("orders", "2", b"2", layer("acme", 1, b"l1"))
V3 = version("orders", "3", b"3")
V10 = version("orders", "10", b"10")
LATEST = version("orders", "$LATEST", b"new")
NOW = "2026-06-01T00:00:00Z"


def live(number: str, *history: tuple[str, str]) -> tuple[AliasFacts, ...]:
    return (AliasFacts(name="live", version=number, history=history),)


def shape(made: PublishedFunction) -> list[tuple[str, bool]]:
    return [(each.version, each.gone) for each in made.versions]


def test_without_a_lock_all_is_as_aws_says() -> None:
    made = merged(function("orders", LATEST, V2), None)
    assert made.function == function("orders", LATEST, V2)
    assert made.notes == ()


@pytest.mark.parametrize(
    ("remote", "locked", "expected"),
    [
        ([LATEST, V3], [LATEST, V3], ["$LATEST", "3"]),
        ([LATEST, V3], [V2, V1], ["$LATEST", "3", "2 gone", "1 gone"]),
        ([LATEST, V3, V1], [V2, V1], ["$LATEST", "3", "2 gone", "1"]),
        ([V2], [LATEST, V10, V1], ["10 gone", "2", "1 gone"]),
        ([], [LATEST, V1], ["1 gone"]),
        ([LATEST], [replace(V1, gone=True)], ["$LATEST", "1 gone"]),
    ],
)
def test_versions_that_only_the_lock_has_stay(
    remote: list[object], locked: list[object], expected: list[str]
) -> None:
    made = merged(function("orders", *remote), function("orders", *locked))  # type: ignore[arg-type]
    said = [f"{name} gone" if gone else name for name, gone in shape(made.function)]
    assert said == expected
    assert made.notes == ()


def test_joining_again_changes_nothing() -> None:
    locked = replace(function("orders", V2, V1), aliases=live("1"), as_of="2026-05-01T00:00:00Z")
    remote = replace(
        function("orders", LATEST, V3, as_of=NOW),
        aliases=live("3"),
        platform=PlatformFacts(layers=(LayerFacts(arn="b"), LayerFacts(arn="a")), as_of=NOW),
    )
    once = merged(remote, locked).function
    assert merged(once, locked).function == once
    assert merged(once, once).function == once


def test_a_function_that_was_made_anew_has_its_own_versions() -> None:
    other = version("orders", "2", b"other")
    made = merged(function("orders", LATEST, other), function("orders", LATEST, V3, V2, V1))
    assert shape(made.function) == [("$LATEST", False), ("3", True), ("2", False), ("1", True)]
    assert made.function.version("2") == other
    assert made.notes == (
        "orders: version 2 has other code in AWS than in the lock file, so the function was"
        " deleted and recreated; what the lock file had about it was dropped",
    )


def test_an_image_that_replaced_a_zip_is_other_code() -> None:
    image = replace(V2, code=ContainerImage(uri="registry.example/orders@sha256:1"), layers=())
    made = merged(function("orders", image), function("orders", V2))
    assert made.function.versions == (image,)
    assert len(made.notes) == 1


def test_where_an_image_is_comes_from_the_lock_for_published_versions() -> None:
    def image(number: str, uri: str, command: str = "") -> PublishedVersion:
        code = ContainerImage(uri=uri, command=(command,))
        return replace(version("orders", number, b""), code=code)

    uri = "registry.example/orders@sha256:1"
    remote = function("orders", image("$LATEST", ""), image("2", "", "new"), image("1", uri))
    locked = function("orders", image("$LATEST", uri), image("2", uri, "old"), image("1", ""))
    made = merged(remote, locked)
    assert made.notes == ()
    assert made.function.versions == (
        image("$LATEST", ""),
        image("2", uri, "new"),
        image("1", uri),
    )


def test_latest_may_change_and_is_never_gone() -> None:
    new = version("orders", "$LATEST", b"newer")
    made = merged(function("orders", new), function("orders", LATEST))
    assert made.function.versions == (new,)
    assert made.notes == ()


def test_digests_of_layers_come_from_the_lock() -> None:
    remote = function("orders", version("orders", "3", b"3", layer("acme", 1), layer("new", 1)))
    made = merged(remote, function("orders", V2)).function
    assert [each.sha256 for each in made.versions[0].layers] == [digest(b"l1"), None]
    assert made.versions[0].layers[0].size_bytes == 2
    assert made.versions[0].layers[0].arn == layer_arn("acme", 1)


T1, T2, T3 = (f"2026-0{month}-01T00:00:00Z" for month in (1, 2, 3))


@pytest.mark.parametrize(
    ("remote", "locked", "expected"),
    [
        (live("2"), (), ((NOW, "2"),)),
        (live("2", (T3, "2")), (), ((T3, "2"),)),
        (live("2"), live("2", (T1, "2")), ((T1, "2"),)),
        (live("3"), live("2", (T1, "2")), ((T1, "2"), (NOW, "3"))),
        (live("3", (T3, "3")), live("2", (T1, "2")), ((T1, "2"), (T3, "3"))),
        (live("1"), live("2", (T1, "1"), (T2, "2")), ((T1, "1"), (T2, "2"), (NOW, "1"))),
        (live("3"), live("2"), ((T1, "2"), (NOW, "3"))),
    ],
)
def test_an_alias_remembers_what_it_pointed_at(
    remote: tuple[AliasFacts, ...],
    locked: tuple[AliasFacts, ...],
    expected: tuple[tuple[str, str], ...],
) -> None:
    made = merged(
        replace(function("orders", V3, as_of=NOW), aliases=remote),
        replace(function("orders", V3, as_of=T1), aliases=locked),
    )
    assert made.function.aliases[0].history == expected


def test_an_alias_has_a_history_without_a_lock() -> None:
    made = merged(replace(function("orders", V3, as_of=NOW), aliases=live("3")), None)
    assert made.function.aliases[0].history == ((NOW, "3"),)


def test_platform_facts_of_the_lock_fill_what_was_not_read() -> None:
    old = PlatformFacts(
        versions=(VersionFacts(version="1", update_mode="Manual"), VersionFacts(version="2")),
        layers=(LayerFacts(arn="a"), LayerFacts(arn="b")),
        bindings=(Binding(kind="permission", qualifier="1", what="s3"),),
        reserved_concurrency=3,
        as_of=T1,
    )
    new = PlatformFacts(
        versions=(VersionFacts(version="10"), VersionFacts(version="2", update_mode="Auto")),
        layers=(LayerFacts(arn="b", state="deleted"),),
        as_of=NOW,
    )
    locked = replace(function("orders", V1), platform=old)
    made = merged(replace(function("orders", V1), platform=new), locked).function.platform
    assert [(each.version, each.update_mode) for each in made.versions] == [
        ("10", None), ("2", "Auto"), ("1", "Manual"),
    ]  # fmt: skip
    assert [(each.arn, each.state) for each in made.layers] == [
        ("a", "available"), ("b", "deleted"),
    ]  # fmt: skip
    assert made.bindings == (), "AWS was asked and has none now"
    assert made.as_of == NOW
    unread = merged(function("orders", V1), locked).function.platform
    assert (unread.bindings, unread.reserved_concurrency, unread.as_of) == (old.bindings, 3, T1)


def test_a_lock_of_another_account_is_refused() -> None:
    other = replace(function("orders", V1), arn=function_arn("orders", account="999900001111"))
    with pytest.raises(SourceError) as caught:
        merged(function("orders", V1), other)
    assert "another function" in caught.value.what
    assert "999900001111" in caught.value.why
    assert ACCOUNT in caught.value.why
    assert "store" in caught.value.do


def test_names_of_variables_stay_known_where_kms_refuses() -> None:
    refused = [
        replace(each, environment_error="KMSAccessDeniedException") for each in (LATEST, V2, V1)
    ]
    known = [replace(each, environment_names=("TABLE",)) for each in (LATEST, V2)]
    made = merged(function("orders", *refused), function("orders", *known)).function
    assert [each.environment_names for each in made.versions] == [(), ("TABLE",), ()]


# --- who writes last ------------------------------------------------------------------------

EARLIER, LATER = "2026-05-01T10:00:00Z", "2026-05-01T10:05:00Z"


def test_an_older_answer_that_is_written_last_changes_nothing() -> None:
    """As of a long run that began before a release."""
    before = live("1", ("2026-04-01T00:00:00Z", "1"))
    old = replace(function("orders", V2, V1, as_of=EARLIER), aliases=live("1"))
    new = replace(function("orders", V3, V2, as_of=LATER), aliases=live("3"))
    first = recorded(old, replace(function("orders", V1), aliases=before)).function
    second = recorded(new, first).function
    third = recorded(old, second).function
    assert shape(third) == [("3", False), ("2", False), ("1", True)]
    assert third == second
    assert second.aliases[0].history == (("2026-04-01T00:00:00Z", "1"), (LATER, "3"))


def test_an_older_answer_tells_of_what_was_deleted_since() -> None:
    old, new = function("orders", V2, V1, as_of=EARLIER), function("orders", V2, as_of=LATER)
    assert shape(recorded(old, new).function) == [("2", False), ("1", True)]


def test_what_has_a_newer_version_is_newer_whatever_the_clocks_say() -> None:
    locked = replace(function("orders", V2, V1, as_of=LATER), aliases=live("2"))
    remote = replace(function("orders", V3, V2, V1, as_of=EARLIER), aliases=live("3"))
    made = recorded(remote, locked).function
    assert shape(made) == [("3", False), ("2", False), ("1", False)]
    assert made.aliases[0].version == "3"


@pytest.mark.parametrize("as_of", ["2027-05-01T10:00:00Z", "no time", "2026-05-01T10:05:00"])
def test_a_lock_of_a_wrong_clock_is_not_newer_than_aws(as_of: str) -> None:
    ahead = function("orders", V1, as_of=as_of)
    assert shape(recorded(function("orders", V2, as_of=EARLIER), ahead).function) == [
        ("2", False),
        ("1", True),
    ]


def test_facts_of_versions_that_were_not_asked_for_stay() -> None:
    def permission(qualifier: str | None, what: str) -> Binding:
        return Binding(kind="permission", qualifier=qualifier, what=what)

    def facts(number: str, *bindings: Binding) -> PlatformFacts:
        versions = (VersionFacts(version=number, update_mode="Manual"),)
        return PlatformFacts(versions=versions, bindings=bindings, as_of=NOW)

    mapping = Binding(kind="event-source-mapping", qualifier="1", what="arn:aws:sqs:::q")
    known = replace(
        function("orders", V3, V2, V1),
        aliases=live("3"),
        platform=facts(
            "2",
            mapping,
            permission(None, "old"),
            permission("2", "two"),
            permission("live", "old"),
            permission("gone", "old"),
        ),
    )
    made = with_platform(known, facts("3", permission("live", "new"), permission(None, "new")))
    assert [each.version for each in made.platform.versions] == ["3", "2"]
    assert made.platform.bindings == (
        permission("live", "new"),
        permission(None, "new"),
        permission("2", "two"),
    )


def test_an_image_function_that_was_made_anew_does_not_get_the_image_of_before() -> None:
    def image(uri: str, modified: str) -> PublishedFunction:
        made = version("orders", "1", b"")
        code = ContainerImage(uri=uri)
        return function("orders", changed(made, code=code, runtime="", modified=modified))

    locked = image(f"shop/orders@{'sha256:' + 'a' * 64}", "2026-01-01T00:00:00Z")
    same = merged(image("", "2026-01-01T00:00:00Z"), locked)
    assert same.function.versions[0].code == locked.versions[0].code
    assert same.notes == ()
    anew = merged(image("", "2026-04-01T00:00:00Z"), locked)
    assert anew.function.versions[0].code == ContainerImage(uri="")
    assert "deleted and recreated" in anew.notes[0]
