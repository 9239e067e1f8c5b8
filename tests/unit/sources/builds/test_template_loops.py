"""Loops in templates are written out, or what they may hide is said."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.sources.builds.candidates import read_build
from pytest_lambda_rollback.sources.builds.template_loops import (
    UnboundedLoopError,
    loops_in,
    written_out,
)

FUNCTION = {
    "Type": "AWS::Serverless::Function",
    "Properties": {
        "FunctionName": {"Fn::Sub": "shop-${Name}"},
        "CodeUri": "./${Name}",
        "Handler": "app.handler",
        "Runtime": "python3.11",
        "Environment": {"Variables": {"QUEUE": {"Ref": "Name"}}},
    },
}


def loop(collection: Any, body: Any, name: str = "Name") -> dict[str, Any]:
    return {"Fn::ForEach::Loop": [name, collection, body]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (loop(["A", "B"], {"Q${Name}": {"N": "${Name}"}}), {"QA": {"N": "A"}, "QB": {"N": "B"}}),
        (loop(["a.b", "c-d"], {"Q&{Name}": "${Name}"}), {"Qab": "a.b", "Qcd": "c-d"}),
        (loop(["A"], {"Q${Name}": {"Ref": "Name"}}), {"QA": "A"}),
        (loop(["A"], {"Q${Name}": {"Ref": "Other"}}), {"QA": {"Ref": "Other"}}),
        (loop([], {"Q${Name}": 1}), {}),
        (
            loop(["A", "B"], loop(["1", "2"], {"${Name}${N}": {"Fn::Sub": "${Name}-${N}"}}, "N")),
            {f"{a}{n}": {"Fn::Sub": f"{a}-{n}"} for a in "AB" for n in "12"},
        ),
        # Values that only a deployment knows.
        *(
            (left, left)
            for left in (
                loop({"Ref": "Names"}, {"Q${Name}": 1}),
                loop(["A", {"Ref": "Names"}], {"Q${Name}": 1}),
                {"Fn::ForEach::Broken": "no loop"},
            )
        ),
        ({"a": ["${Name}", 1, None]}, {"a": ["${Name}", 1, None]}),
    ],
)
def test_loops(value: Any, expected: Any) -> None:
    assert written_out({"Resources": value}) == {"Resources": expected}


def test_loops_that_multiply_end() -> None:
    body: Any = {"${A}${B}${C}": 1}
    for name in "ABCDEF":
        body = loop([str(n) for n in range(10)], body, name)
    with pytest.raises(UnboundedLoopError):
        written_out({"Resources": body})


def test_loops_that_are_left() -> None:
    assert loops_in({"a": [loop({"Ref": "X"}, {})]}) == ("Fn::ForEach::Loop",)
    assert loops_in({"a": "Fn::ForEach::Loop"}) == ()


def template(folder: Path, resources: dict[str, Any]) -> Path:
    path = folder / "template.json"
    path.write_text(json.dumps({"Transform": "AWS::LanguageExtensions", "Resources": resources}))
    for name in ("orders", "refunds"):
        (folder / name).mkdir(exist_ok=True)
    return path


def failure(path: Path, function: str) -> str:
    with pytest.raises((ConfigError, SourceError)) as caught:
        read_build(path, function=function, aws_name=None)
    return str(caught.value)


def test_functions_of_a_loop(tmp_path: Path) -> None:
    body = {"${Name}Function": FUNCTION}
    path = template(tmp_path, loop(["orders", "refunds"], body))
    for name in ("orders", "shop-refunds"):
        plain = name.removeprefix("shop-")
        build = read_build(path, function=name, aws_name=None)
        assert build.path == tmp_path / plain
        assert build.function_name == f"shop-{plain}"
        assert build.configuration.environment == (("QUEUE", plain),)
    assert "has no function" in failure(path, "billing")


def test_a_loop_over_a_parameter_hides_functions(tmp_path: Path) -> None:
    body = {"${Name}Function": FUNCTION}
    other = {"Audit": {**FUNCTION, "Properties": {"CodeUri": "./orders", "Handler": "a.b"}}}
    path = template(tmp_path, {**loop({"Ref": "Names"}, body), **other})
    text = failure(path, "orders")
    assert "it has Audit, and Fn::ForEach::Loop may make others" in text
    assert read_build(path, function="audit", aws_name=None).path == tmp_path / "orders"


def test_a_loop_of_other_resources_is_not_told(tmp_path: Path) -> None:
    queues = loop({"Ref": "Names"}, {"${Name}Queue": {"Type": "AWS::SQS::Queue"}})
    other = {"Audit": {**FUNCTION, "Properties": {"CodeUri": "./orders", "Handler": "a.b"}}}
    assert "ForEach" not in failure(template(tmp_path, {**queues, **other}), "orders")


def test_properties_in_a_loop_that_is_left_count_as_computed(tmp_path: Path) -> None:
    variables = loop({"Ref": "Names"}, {"V${Name}": "1"})
    properties = {
        "CodeUri": "./orders",
        "Handler": "a.b",
        "Environment": {"Variables": variables},
    }
    path = template(tmp_path, {"Audit": {**FUNCTION, "Properties": properties}})
    build = read_build(path, function="audit", aws_name=None)
    assert "Environment" in build.computed
    assert build.environment_names == ()


# --- folders of other tools -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "files", "says"),
    [
        ("shop", ["serverless.yml"], ["is a project of the Serverless Framework",
                                      "Run serverless package"]),
        ("shop", ["serverless.ts", ".serverless/shop.zip"], ["shop/.serverless/shop.zip"]),
        (".serverless", ["a.zip", "b.zip"], [".serverless/a.zip or ", ".serverless/b.zip"]),
        (".serverless", ["state.json"], ["Run serverless package"]),
        ("shop", [".chalice/config.json", "app.py"], ["is a project of Chalice",
                                                      "name out/sam.json"]),
        ("cdk.out", ["Shop.template.json"], ["incomplete CDK assembly", "no manifest.json",
                                             "Run cdk synth again"]),
        ("out", ["cdk.out", "tree.json"], ["incomplete CDK assembly"]),
    ],
)  # fmt: skip
def test_folders_of_other_tools(
    folder: str, files: list[str], says: list[str], tmp_path: Path
) -> None:
    for name in files:
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    text = failure(tmp_path / folder, "orders")
    assert all(each in text for each in says), text


def test_plain_code_stays_plain_code(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("")
    (tmp_path / "chalicelib").mkdir()
    assert read_build(tmp_path, function="orders", aws_name=None).path == tmp_path


def test_what_chalice_packaged_is_a_template(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "deployment.zip", "w") as made:
        made.writestr("app.py", "")
    properties = {"CodeUri": "./deployment.zip", "Handler": "app.app", "Runtime": "python3.11"}
    resource = {"Type": "AWS::Serverless::Function", "Properties": properties}
    (tmp_path / "sam.json").write_text(json.dumps({"Resources": {"APIHandler": resource}}))
    build = read_build(tmp_path, function="APIHandler", aws_name=None)
    assert build.path == tmp_path / "deployment.zip"


def test_a_zip_beside_a_template_of_code_in_s3_is_named(tmp_path: Path) -> None:
    properties = {"Code": {"S3Bucket": "b", "S3Key": "k/orders.zip"}, "Handler": "a.b"}
    resource = {"Type": "AWS::Lambda::Function", "Properties": properties}
    path = tmp_path / "template.json"
    path.write_text(json.dumps({"Resources": {"Orders": resource}}))
    assert "Name the template before it is packaged" in failure(path, "orders")
    (tmp_path / "orders.zip").write_bytes(b"PK")
    assert f"which may be {tmp_path}/orders.zip beside the template" in failure(path, "orders")


def test_stacks_alike_are_told_by_place_and_file(tmp_path: Path) -> None:
    artifacts = {}
    for region in ("eu-west-1", "us-east-1"):
        name = f"Shop-{region}"
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "environment": f"aws://123456789012/{region}",
            "properties": {"templateFile": f"{name}.template.json"},
        }
        resource = {"Type": "AWS::Lambda::Function", "Properties": {"Code": "./code"}}
        document = {"Resources": {"Orders": resource}}
        (tmp_path / f"{name}.template.json").write_text(json.dumps(document))
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    (tmp_path / "code").mkdir()
    text = failure(tmp_path, "orders")
    assert "Orders (stack Shop-eu-west-1, 123456789012/eu-west-1, " in text
    advice = text.partition("Name one, as in ")[2].rstrip(".")
    assert advice == f"{tmp_path}/Shop-eu-west-1.template.json#Orders"
    assert read_build(Path(advice), function="x", aws_name=None).path == tmp_path / "code"
