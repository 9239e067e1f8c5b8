"""Local versions: declared values and stored packages become one function version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.settings import FunctionSettings, LocalVersion
from pytest_lambda_rollback.model.versions import (
    Artifact,
    ContainerImage,
    FunctionConfiguration,
    FunctionVersion,
    Layer,
    PackageKind,
    RemotePackage,
)
from pytest_lambda_rollback.sources.local import function_version, redeployed

CONFIGURATION = FunctionConfiguration(
    runtime="nodejs22.x",
    handler="index.handler",
    architecture="arm64",
    environment=(("TABLE", "orders"),),
    memory_mb=256,
    timeout_s=10.0,
    ephemeral_storage_mb=1024,
)
LOCAL = LocalVersion(
    version="3",
    code=Path("/project/versions/3.zip"),
    layers=(Path("/project/layers/acme-shared-2"), Path("/project/layers/base.zip")),
    configuration=CONFIGURATION,
)
SETTINGS = FunctionSettings(
    name="orders", current=LOCAL, targets=(), region="eu-west-1", account="000000000001"
)


class Store:
    """Loads anything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Path, str, str]] = []

    def load(self, path: Path, *, label: str, root_dir: str) -> Artifact:
        self.asked.append((path, label, root_dir))
        return artifact(label)


def artifact(label: str) -> Artifact:
    return Artifact(label=label, digest=f"digest of {label}", size_bytes=1, tar=Path(label))


def fetched_layer(package: RemotePackage) -> Layer:
    return Layer(name=package.name.split()[0], version="7", artifact=artifact(package.arn))


def test_a_declared_version_becomes_a_function_version() -> None:
    store = Store()
    assert function_version(
        SETTINGS, LOCAL, store.load, load_remote=fetched_layer, empty=artifact
    ) == FunctionVersion(
        function="orders",
        version="3",
        code=artifact("/project/versions/3.zip"),
        layers=(
            Layer(
                name="acme-shared", version="2", artifact=artifact("/project/layers/acme-shared-2")
            ),
            Layer(name="base", version=None, artifact=artifact("/project/layers/base.zip")),
        ),
        configuration=CONFIGURATION,
        region="eu-west-1",
        account="000000000001",
    )
    assert store.asked == [
        (LOCAL.code, "/project/versions/3.zip", "/var/task"),
        (LOCAL.layers[0], "/project/layers/acme-shared-2", "/opt"),
        (LOCAL.layers[1], "/project/layers/base.zip", "/opt"),
    ]


@pytest.mark.parametrize(
    ("file", "name", "version"),
    [
        ("acme-shared-2", "acme-shared", "2"),
        ("acme-shared-2.zip", "acme-shared", "2"),
        ("acme-shared-2.ZIP", "acme-shared", "2"),
        ("third-party-2.10.1", "third-party", "2.10.1"),
        ("third-party-2.10.1.zip", "third-party", "2.10.1"),
        ("python-3-libs", "python-3-libs", None),
        ("base", "base", None),
        ("base.zip", "base", None),
        ("base2", "base2", None),
        ("base-v2", "base-v2", None),
        ("base-2.", "base-2.", None),
        ("42", "42", None),
        ("-2", "-2", None),
    ],
)
def test_a_layer_is_called_after_its_file(file: str, name: str, version: str | None) -> None:
    local = replace(LOCAL, layers=(Path("/project") / file,))
    (layer,) = function_version(
        SETTINGS, local, Store().load, load_remote=fetched_layer, empty=artifact
    ).layers
    assert (layer.name, layer.version) == (name, version)


def test_a_package_that_cannot_be_had_is_told_with_its_version() -> None:
    def load(path: Path, *, label: str, root_dir: str) -> Artifact:
        raise SourceError(f"{label} is encrypted", why="Lambda has no password", do="Zip it again")

    with pytest.raises(SourceError) as caught:
        function_version(SETTINGS, LOCAL, load, load_remote=fetched_layer, empty=artifact)
    assert str(caught.value) == (
        "orders:3: /project/versions/3.zip is encrypted: Lambda has no password. Zip it again."
    )


def test_a_redeployed_target_is_its_code_and_handler_on_the_current_stack() -> None:
    target = function_version(
        SETTINGS, LOCAL, Store().load, load_remote=fetched_layer, empty=artifact
    )
    current = FunctionVersion(
        function="orders",
        version="4",
        code=artifact("new code"),
        layers=(Layer(name="acme-shared", version="3", artifact=artifact("acme-shared-3")),),
        configuration=FunctionConfiguration(
            runtime="python3.13",
            handler="app.new",
            architecture="x86_64",
            environment=(("TABLE", "orders-2"),),
            memory_mb=512,
            timeout_s=20.0,
            ephemeral_storage_mb=2048,
        ),
        region="eu-west-1",
        account="000000000001",
    )
    again = redeployed(target, current)
    assert (again.version, again.code, again.configuration.handler) == (
        "3",
        target.code,
        "index.handler",
    )
    assert changed(again, version="4", code=current.code, handler="app.new") == current


def test_a_candidate_may_have_layers_of_aws_and_a_template_and_values_that_are_not_known() -> None:
    arn = "arn:aws:lambda:eu-west-1:111122223333:layer:third-party:7"
    candidate = replace(
        LOCAL,
        version="candidate",
        layers=(
            Path("/cdk.out/asset.0a1b"),
            RemotePackage(kind=PackageKind.LAYER, arn=arn, size_bytes=0),
        ),
        layer_names=("Shared", "third-party"),
        environment_names=("TABLE", "TOPIC"),
    )
    made = function_version(
        SETTINGS, candidate, Store().load, load_remote=fetched_layer, empty=artifact
    )
    assert [str(layer) for layer in made.layers] == ["Shared", "third-party 7"]
    assert made.layers[1].artifact == artifact(arn)
    assert made.configuration.environment == (
        ("TABLE", "orders"),
        ("TOPIC", "placeholder-for-TOPIC"),
    )
    assert made.placeholders == ("TOPIC",)


def test_a_container_image_reads_no_code_and_keeps_its_own_stack_when_deployed_again() -> None:
    image = ContainerImage(uri="orders:build", local=True)
    built = changed(LOCAL, image=image, layers=(), runtime="", handler="")
    store = Store()
    target = function_version(
        SETTINGS, built, store.load, load_remote=fetched_layer, empty=artifact
    )
    assert (target.image, target.code, store.asked) == (image, artifact("orders:build"), [])
    current = changed(target, version="4", image=ContainerImage(uri="new"), memory_mb=512)
    again = redeployed(target, current)
    assert (again.image, again.configuration.memory_mb, again.version) == (image, 512, "3")
