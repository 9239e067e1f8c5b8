"""What one function of a template becomes, property by property."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.made_versions import stated
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.versions import ContainerImage
from pytest_lambda_rollback.sources.builds.candidates import read_build

ARN = "arn:aws:lambda:eu-west-1:123456789012:layer:metrics:7"
REF = {"Ref": "Parameter"}


def read(
    folder: Path,
    properties: dict[str, Any],
    *,
    kind: str = "AWS::Serverless::Function",
    resources: dict[str, Any] | None = None,
    attributes: dict[str, Any] | None = None,
    **template: Any,
) -> Build:
    """The build of a function with these properties, code beside the template if not said."""
    function = {"Type": kind, "Properties": properties, **(attributes or {})}
    content = {"Resources": {"Orders": function, **(resources or {})}, **template}
    (folder / "t.json").write_text(json.dumps(content))
    return read_build(folder / "t.json", function="Orders", aws_name=None, region="eu-west-1")


@pytest.mark.parametrize(
    ("properties", "field", "value"),
    [
        ({"Runtime": "python3.13"}, "runtime", "python3.13"),
        ({}, "runtime", None),
        ({"Handler": "a.b"}, "handler", "a.b"),
        ({"MemorySize": 1024}, "memory_mb", 1024),
        ({"MemorySize": "1024"}, "memory_mb", 1024),
        ({"MemorySize": {"Ref": "AWS::NoValue"}}, "memory_mb", 128),
        ({"Timeout": 30}, "timeout_s", 30.0),
        ({}, "timeout_s", 3.0),
        ({"EphemeralStorage": {"Size": 2048}}, "ephemeral_storage_mb", 2048),
        ({}, "ephemeral_storage_mb", 512),
        ({"Architectures": ["arm64"]}, "architecture", "arm64"),
        ({}, "architecture", "x86_64"),
        ({}, "layers", ()),
        ({"Layers": [ARN, {"Ref": "AWS::NoValue"}]}, "layers", (ARN,)),
        ({"Layers": {"Ref": "AWS::NoValue"}}, "layers", ()),
        ({"Layers": [{"Fn::Sub": ARN.replace("eu-west-1", "${AWS::Region}")}]}, "layers", (ARN,)),
        ({}, "environment_names", ()),
        ({"Environment": {}}, "environment_names", ()),
        ({"FunctionName": "shop-orders"}, "function_name", "shop-orders"),
        ({"FunctionName": REF}, "function_name", None),
    ],
)
def test_what_is_said_and_what_lambda_does_by_default(
    tmp_path: Path, properties: dict[str, Any], field: str, value: object
) -> None:
    build = read(tmp_path, properties)
    assert (stated(build, field), build.computed) == (value, ())


@pytest.mark.parametrize(
    ("properties", "field", "computed"),
    [
        ({"Runtime": REF}, "runtime", "Runtime"),
        ({"Handler": REF}, "handler", "Handler"),
        ({"MemorySize": REF}, "memory_mb", "MemorySize"),
        ({"Timeout": REF}, "timeout_s", "Timeout"),
        ({"EphemeralStorage": {"Size": REF}}, "ephemeral_storage_mb", "EphemeralStorage.Size"),
        ({"Architectures": [REF]}, "architecture", "Architectures"),
        ({"Layers": [ARN, REF]}, "layers", "Layers[1]"),
        ({"Layers": REF}, "layers", "Layers"),
        ({"Layers": [{"Ref": "Bucket"}]}, "layers", "Layers[0]"),
        ({"Layers": [{"Ref": "Uploaded"}]}, "layers", "Layers[0]"),
        ({"Environment": REF}, "environment_names", "Environment.Variables"),
        ({"Environment": {"Variables": REF}}, "environment_names", "Environment.Variables"),
    ],
)
def test_what_only_a_deployment_knows_counts_as_not_said(
    tmp_path: Path, properties: dict[str, Any], field: str, computed: str
) -> None:
    uploaded = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "s3://b/k"}}
    resources = {"Bucket": {"Type": "AWS::S3::Bucket"}, "Uploaded": uploaded}
    parameters = {"Parameter": {"Type": "String", "Default": "python3.13"}}
    build = read(tmp_path, properties, resources=resources, Parameters=parameters)
    assert (stated(build, field), build.computed) == (None, (computed,))


def test_variables_are_texts_and_computed_ones_keep_their_names(tmp_path: Path) -> None:
    variables = {
        "TEXT": "a",
        "NUMBER": 8,
        "REAL": 1.5,
        "ON": True,
        "OFF": False,
        "EMPTY": "",
        "TABLE": REF,
        "TOKEN": "{{resolve:secretsmanager:token}}",
        "LEFT_OUT": {"Ref": "AWS::NoValue"},
    }
    build = read(tmp_path, {"Environment": {"Variables": variables}})
    assert dict(build.configuration.environment) == {
        "EMPTY": "",
        "NUMBER": "8",
        "OFF": "false",
        "ON": "true",
        "REAL": "1.5",
        "TEXT": "a",
    }
    assert build.environment_names == tuple(sorted(set(variables) - {"LEFT_OUT"}))
    assert build.computed == ("Environment.Variables.TABLE", "Environment.Variables.TOKEN")


def test_globals_are_merged_as_sam_does(tmp_path: Path) -> None:
    shared = {
        "Runtime": "python3.12",
        "Timeout": 30,
        "Architectures": ["x86_64"],
        "Layers": [ARN],
        "Environment": {"Variables": {"A": "shared", "B": "shared"}},
    }
    own = {
        "Timeout": 5,
        "Architectures": ["arm64"],
        "Layers": [ARN.replace("metrics", "own")],
        "Environment": {"Variables": {"B": "own", "C": "own"}},
    }
    build = read(tmp_path, own, Globals={"Function": shared})
    assert (
        stated(build, "runtime"),
        stated(build, "timeout_s"),
        stated(build, "architecture"),
    ) == ("python3.12", 5.0, "arm64")
    assert build.layer_names == ("metrics", "own")
    assert build.configuration.environment == (("A", "shared"), ("B", "own"), ("C", "own"))


@pytest.mark.parametrize(
    ("ignored", "runtime", "timeout_s"),
    [("*", None, 3.0), (["Runtime"], None, 30.0), ([], "python3.12", 30.0)],
)
def test_globals_that_a_function_ignores(
    tmp_path: Path, ignored: object, runtime: str | None, timeout_s: float
) -> None:
    shared = {"Function": {"Runtime": "python3.12", "Timeout": 30}}
    build = read(tmp_path, {}, attributes={"IgnoreGlobals": ignored}, Globals=shared)
    assert (stated(build, "runtime"), stated(build, "timeout_s")) == (runtime, timeout_s)


def test_globals_are_for_functions_of_sam_alone(tmp_path: Path) -> None:
    build = read(
        tmp_path, {}, kind="AWS::Lambda::Function", Globals={"Function": {"Runtime": "python3.12"}}
    )
    assert stated(build, "runtime") is None


@pytest.mark.parametrize(
    "template",
    [
        {"Transform": ["AWS::Serverless-2016-10-31", "Instrument"]},
        {"Transform": {"Name": "AWS::Include", "Parameters": {"Location": "s3://b/k"}}},
        {"Fn::Transform": {"Name": "Instrument"}},
    ],
)
def test_after_a_macro_nothing_but_the_code_is_known(
    tmp_path: Path, template: dict[str, Any]
) -> None:
    build = read(tmp_path, {"Handler": "app.handler", "MemorySize": 512}, **template)
    assert (build.path, stated(build, "handler"), stated(build, "memory_mb")) == (
        tmp_path,
        None,
        None,
    )
    assert {"Handler", "Layers", "Environment", "MemorySize"} <= set(build.computed)


def test_properties_that_are_included_make_all_of_them_computed(tmp_path: Path) -> None:
    build = read(tmp_path, {"Handler": "app.handler", "Fn::Transform": {"Name": "AWS::Include"}})
    assert (stated(build, "handler"), build.path) == (None, tmp_path)


def test_transforms_of_aws_that_change_no_function_are_no_macros(tmp_path: Path) -> None:
    build = read(
        tmp_path,
        {"Handler": "app.handler"},
        Transform=["AWS::LanguageExtensions", "AWS::Serverless-2016-10-31"],
    )
    assert (stated(build, "handler"), build.computed) == ("app.handler", ())


@pytest.mark.parametrize("kind", ["AWS::Lambda::Function", "AWS::Serverless::Function"])
@pytest.mark.parametrize("code", ["src", "./src/", "../{name}/src", "{folder}/src", None])
def test_where_the_code_is(tmp_path: Path, kind: str, code: str | None) -> None:
    (tmp_path / "src").mkdir()
    key = "Code" if "Lambda" in kind else "CodeUri"
    said = {key: code.format(name=tmp_path.name, folder=tmp_path)} if code else {}
    assert read(tmp_path, said, kind=kind).path == (tmp_path / "src" if code else tmp_path)


@pytest.mark.parametrize(
    ("properties", "what"),
    [
        ({"CodeUri": "s3://bucket/key"}, "is not on this machine"),
        ({"CodeUri": {"Bucket": "b", "Key": "k"}}, "is not on this machine"),
        ({"CodeUri": REF}, "is not on this machine"),
        ({"CodeUri": "nowhere"}, "is missing: looked for"),
        ({"CodeUri": "t.json"}, "is neither a folder nor a zip archive"),
        ({"InlineCode": "secret"}, "has its code in the template"),
        ({"PackageType": "Image"}, "is a container image that is not built"),
        ({"PackageType": "Image", "ImageUri": REF}, "is a container image that is not built"),
        ({"ImageUri": "a:b", "ImageConfig": {"Command": REF}}, "ImageConfig of Orders"),
        ({"ImageUri": "a:b", "ImageConfig": {"Command": [REF]}}, "ImageConfig of Orders"),
        ({"Timeout": "soon"}, "Timeout of Orders"),
        ({"Timeout": True}, "Timeout of Orders"),
        ({"Timeout": "inf"}, "Timeout of Orders"),
        ({"MemorySize": 128.5}, "MemorySize of Orders"),
        ({"MemorySize": 0}, "MemorySize of Orders"),
        ({"EphemeralStorage": 512}, "EphemeralStorage of Orders"),
        ({"Runtime": 3.13}, "Runtime of Orders"),
        ({"Architectures": ["arm64", "x86_64"]}, "Architectures of Orders"),
        ({"Architectures": ["sparc"]}, "Architectures of Orders"),
        ({"Layers": ARN}, "Layers of Orders"),
        ({"Environment": ["secret"]}, "Environment of Orders"),
        ({"Environment": {"Variables": "secret"}}, "Environment.Variables of Orders"),
        ({"Environment": {"Variables": {"A": ["secret"]}}}, "Environment.Variables.A of Orders"),
    ],
)
def test_what_is_refused(tmp_path: Path, properties: dict[str, Any], what: str) -> None:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, properties)
    assert what in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("AWS::Serverless::Function", {"ImageUri": "orders:v1"}),
        ("AWS::Lambda::Function", {"Code": {"ImageUri": "orders:v1"}}),
    ],
)
def test_a_local_image_with_its_overrides(tmp_path: Path, kind: str, code: dict[str, Any]) -> None:
    config = {"Command": ["a.b"], "EntryPoint": ["/e", "-v"], "WorkingDirectory": "/srv"}
    build = read(tmp_path, {"PackageType": "Image", "ImageConfig": config, **code}, kind=kind)
    assert build.image == ContainerImage(
        uri="orders:v1",
        entry_point=("/e", "-v"),
        command=("a.b",),
        working_directory="/srv",
        local=True,
    )
    assert (build.path, build.layers, stated(build, "runtime")) == (tmp_path / "t.json", (), None)


def test_an_image_by_digest_can_be_pulled(tmp_path: Path) -> None:
    uri = f"registry.example/orders@sha256:{'0' * 64}"
    image = read(tmp_path, {"ImageUri": uri}).image
    assert image == ContainerImage(uri=uri, local=False)


LAYER = {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "shared"}}


@pytest.mark.parametrize("of_layer", [False, True])
def test_what_sam_builds_by_a_method_is_no_package_before_it_did(
    tmp_path: Path, of_layer: bool
) -> None:
    (tmp_path / "shared").mkdir()
    method = {"Metadata": {"BuildMethod": "python3.11"}}
    built = {"Metadata": {"BuildMethod": "python3.11", "SamResourceId": "Shared"}}
    properties = {"Layers": [{"Ref": "Shared"}]}

    def made(metadata: dict[str, Any]) -> Build:
        if of_layer:
            return read(tmp_path, properties, resources={"Shared": {**LAYER, **metadata}})
        return read(tmp_path, properties, resources={"Shared": LAYER}, attributes=metadata)

    with pytest.raises(SourceError, match="is not built") as caught:
        made(method)
    assert caught.value.do == "Run sam build, and name .aws-sam/build"
    assert made(built).layers == (tmp_path / "shared",)


@pytest.mark.parametrize(
    ("requirements", "metadata", "kind", "said"),
    [
        ("pyjwt==2\n", {}, "AWS::Serverless::Function", True),
        ("pyjwt==2\n", {"SamResourceId": "Orders"}, "AWS::Serverless::Function", False),
        ("# none\n\n", {}, "AWS::Serverless::Function", False),
        ("pyjwt==2\n", {}, "AWS::Lambda::Function", False),
    ],
)
def test_requirements_that_nobody_installed_are_said(
    tmp_path: Path, requirements: str, metadata: dict[str, str], kind: str, said: bool
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "requirements.txt").write_text(requirements)
    key = "CodeUri" if "Serverless" in kind else "Code"
    build = read(tmp_path, {key: "code"}, kind=kind, attributes={"Metadata": metadata})
    assert (build.unbuilt is not None) == said
    if said:
        assert (
            "was not built by sam build: the requirements in requirements.txt are not in it"
            in str(build.unbuilt)
        )


@pytest.mark.parametrize("arn", ["not-an-arn", "arn:aws:lambda:eu-west-1:123456789012:layer:a"])
def test_what_is_no_layer_is_a_mistake_of_the_template(tmp_path: Path, arn: str) -> None:
    with pytest.raises(SourceError, match=r"Layers\[0\] of Orders .* is not the ARN of a layer"):
        read(tmp_path, {"Layers": [arn]})


def test_a_path_that_no_file_system_takes_is_a_mistake_of_the_template(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read: File name too long"):
        read(tmp_path, {"CodeUri": "x" * 300})
