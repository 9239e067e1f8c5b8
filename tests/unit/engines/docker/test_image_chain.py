from __future__ import annotations

from pathlib import Path

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.engines.docker.base_images import (
    base_image,
    known_runtimes,
    nearest_runtimes,
)
from pytest_lambda_rollback.engines.docker.image_chain import ImageLink
from pytest_lambda_rollback.engines.docker.image_chain import image_chain as chain_of
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import (
    Artifact,
    FunctionConfiguration,
    FunctionVersion,
    Layer,
)

BASE = "sha256:" + "b" * 64


def artifact(letter: str) -> Artifact:
    return Artifact(label=letter, digest=letter * 64, size_bytes=1, tar=Path(f"{letter}.tar"))


def layer(letter: str) -> Layer:
    return Layer(name=f"layer-{letter}", version="1", artifact=artifact(letter))


def version(*layers: str, code: str = "c", **changes: object) -> FunctionVersion:
    made = FunctionVersion(
        function="orders",
        version="4",
        code=artifact(code),
        layers=tuple(layer(letter) for letter in layers),
        configuration=FunctionConfiguration(runtime="python3.11", handler="app.handler"),
    )
    return changed(made, **changes)


def image_chain(
    base: str, wanted: FunctionVersion, carrier: bytes = b"the carrier"
) -> tuple[ImageLink, ...]:
    return chain_of(base, wanted, carrier)


def tags(links: tuple[ImageLink, ...]) -> list[str]:
    return [link.tag for link in links]


def test_chain_is_carrier_then_layers_in_order_then_code() -> None:
    links = image_chain(BASE, version("1", "2"))

    assert [link.role for link in links] == ["carrier", "layer", "layer", "code"]
    assert [link.destination for link in links] == ["", "/opt/", "/opt/", "/var/task/"]
    assert [link.artifact and link.artifact.label for link in links] == [None, "1", "2", "c"]
    assert [link.subject for link in links[1:]] == [
        "layer layer-1 1",
        "layer layer-2 1",
        "code of orders:4",
    ]


def test_each_link_stands_on_the_one_before() -> None:
    links = image_chain(BASE, version("1", "2"))

    assert [link.parent for link in links] == [BASE, *tags(links)[:-1]]
    assert all(link.dockerfile.startswith(f"FROM {link.parent}\n") for link in links)


def test_dockerfiles_add_the_artefact_where_lambda_unpacks_it() -> None:
    carrier, layer_link, code = image_chain(BASE, version("1"))

    assert carrier.dockerfile == f"FROM {BASE}\nADD carrier.tar /\n"
    assert layer_link.dockerfile == f"FROM {carrier.tag}\nADD artifact.tar /opt/\n"
    assert code.dockerfile == f"FROM {layer_link.tag}\nADD artifact.tar /var/task/\n"


def test_names_resolve_from_files_or_a_server_that_is_not_there() -> None:
    files = {each.path: each.content for each in image_chain(BASE, version())[0].files}

    lines = files["etc/nsswitch.conf"].splitlines()
    assert [line for line in lines if line.startswith(b"hosts:")] == [b"hosts: files dns"]
    assert b"sbx_user1051:x:993:990:" in files["etc/passwd"]


def test_carrier_can_be_run_and_not_read() -> None:
    (carrier,) = (
        each for each in image_chain(BASE, version())[0].files if not each.path.startswith("etc/")
    )

    assert (carrier.path, carrier.mode) == ("lambda-rollback-carrier", 0o111)
    assert carrier.content == b"the carrier"


def test_labels_carry_role_and_digest() -> None:
    for link in image_chain(BASE, version("1")):
        assert dict(link.labels) == {
            "pytest-lambda-rollback.role": link.role,
            "pytest-lambda-rollback.digest": link.tag.partition(":")[2],
            "pytest-lambda-rollback.parent": link.parent,
        }
        assert link.tag.startswith(f"lambda-rollback/{link.role}:")


def test_equal_content_has_equal_tags() -> None:
    assert tags(image_chain(BASE, version("1", "2"))) == tags(image_chain(BASE, version("1", "2")))


def test_versions_share_the_links_they_have_in_common() -> None:
    old = tags(image_chain(BASE, version("1", "2", code="c")))
    new = tags(image_chain(BASE, version("1", "3", code="c")))

    assert old[:2] == new[:2]
    assert not set(old[2:]) & set(new[2:])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(image_chain("sha256:" + "e" * 64, version("1", "2")), id="base"),
        pytest.param(image_chain(BASE, version("2", "1")), id="layer-order"),
        pytest.param(image_chain(BASE, version("1", "3")), id="layer"),
        pytest.param(image_chain(BASE, version("1", "2", code="d")), id="code"),
        pytest.param(image_chain(BASE, version("1")), id="fewer-layers"),
        pytest.param(image_chain(BASE, version("1", "2"), b"another carrier"), id="carrier"),
    ],
)
def test_other_content_has_another_final_tag(other: tuple[ImageLink, ...]) -> None:
    assert other[-1].tag != image_chain(BASE, version("1", "2"))[-1].tag


@pytest.mark.parametrize(
    "changes",
    [
        {"handler": "other.handler"},
        {"environment": (("A", "1"),)},
        {"memory_mb": 1024},
        {"timeout_s": 9.0},
        {"version": "5"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_belongs_to_the_container_leaves_the_image_alone(changes: dict[str, object]) -> None:
    assert tags(image_chain(BASE, version("1", **changes))) == tags(image_chain(BASE, version("1")))


def test_same_package_as_layer_and_as_code_are_two_links() -> None:
    as_layer = image_chain(BASE, version("1", code="1"))

    assert len(set(tags(as_layer))) == 3


@pytest.mark.parametrize(
    ("runtime", "architecture", "image"),
    [
        ("python3.11", "x86_64", "amazon/aws-lambda-python:3.11-x86_64"),
        ("python3.8", "arm64", "amazon/aws-lambda-python:3.8-arm64"),
        ("python3.14", "x86_64", "amazon/aws-lambda-python:3.14-x86_64"),
        ("nodejs16.x", "x86_64", "amazon/aws-lambda-nodejs:16-x86_64"),
        ("nodejs24.x", "arm64", "amazon/aws-lambda-nodejs:24-arm64"),
    ],
)
def test_base_image_of_a_runtime(runtime: str, architecture: str, image: str) -> None:
    assert base_image(runtime, architecture) == image


def test_every_known_runtime_has_a_base_image_for_both_architectures() -> None:
    images = {
        base_image(runtime, architecture)
        for runtime in known_runtimes()
        for architecture in ("x86_64", "arm64")
    }

    assert len(images) == 2 * len(known_runtimes()) == 24


def test_override_replaces_and_adds_and_the_last_one_wins() -> None:
    overrides = (("python3.11", "mine:1"), ("ruby3.3", "ruby:1"), ("python3.11", "mine:2"))

    assert base_image("python3.11", "x86_64", overrides) == "mine:2"
    assert base_image("ruby3.3", "arm64", overrides) == "ruby:1"
    assert base_image("python3.12", "x86_64", overrides) == "amazon/aws-lambda-python:3.12-x86_64"


def test_unknown_runtime_names_the_nearest_and_the_way_to_add_one() -> None:
    with pytest.raises(EngineError) as raised:
        base_image("pyton3.11")

    text = str(raised.value)
    assert text.startswith("no base image is known for the runtime 'pyton3.11'")
    assert "Did you mean python3.11" in text
    assert "--lambda-rollback-base-image pyton3.11=IMAGE" in text


def test_nearest_runtimes_know_overrides_and_may_be_none() -> None:
    assert nearest_runtimes("nodejs22")[0] == "nodejs22.x"
    assert nearest_runtimes("rubyy3.3", (("ruby3.3", "r:1"),)) == ("ruby3.3",)
    assert nearest_runtimes("zzzzzz") == ()


def test_unknown_architecture_is_refused() -> None:
    with pytest.raises(EngineError, match="architecture 'riscv'"):
        base_image("python3.11", "riscv")
