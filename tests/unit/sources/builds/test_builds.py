"""Candidate builds as SAM and CDK really leave them, and what a user reads where they fail."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.versions import ContainerImage, FunctionConfiguration
from pytest_lambda_rollback.sources.builds.candidates import read_build

ASSETS = Path(__file__).parents[3] / "assets"
SAM_APP = ASSETS / "sam-app"
SAM_BUILD = SAM_APP / ".aws-sam" / "build"
CDK_OUT = ASSETS / "cdk-app" / "cdk.out"
ARN = "arn:aws:lambda:eu-west-1:123456789012:layer:metrics:7"


@pytest.fixture(autouse=True)
def _in_the_assets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages show paths from here."""
    monkeypatch.chdir(ASSETS)


def cdk_asset(app: str) -> Path:
    """The one asset of cdk.out with this code."""
    (found,) = (p.parent for p in CDK_OUT.glob("asset.*/app.py") if f'"{app}"' in p.read_text())
    return found


def cdk_layer() -> Path:
    (found,) = CDK_OUT.glob("asset.*/python")
    return found.parent


EVERYTHING = frozenset(each.name for each in fields(FunctionConfiguration))


def built_orders(path: Path, origin: str) -> Build:
    return Build(
        path=path,
        origin=origin,
        function_name="shop-orders",
        layers=(SAM_APP / "layers/shared", ARN),
        layer_names=("acme-shared", "metrics"),
        configuration=FunctionConfiguration(
            runtime="python3.11",
            handler="app.handler",
            architecture="arm64",
            environment=(("LIMIT", "8"), ("LOG_LEVEL", "DEBUG"), ("STRICT", "true")),
            memory_mb=512,
            timeout_s=10.0,
            ephemeral_storage_mb=1024,
        ),
        stated=EVERYTHING,
        environment_names=("LIMIT", "LOG_LEVEL", "STAGE", "STRICT", "TABLE"),
        computed=("Environment.Variables.STAGE", "Environment.Variables.TABLE"),
    )


SAM_BUILDS = {
    "OrdersFunction": built_orders(
        SAM_BUILD / "OrdersFunction", "OrdersFunction in sam-app/.aws-sam/build/template.yaml"
    ),
    "ReportsFunction": Build(
        path=SAM_BUILD / "ReportsFunction",
        origin="ReportsFunction in sam-app/.aws-sam/build/template.yaml",
        layers=(SAM_APP / "layers/shared",),
        layer_names=("acme-shared",),
        configuration=FunctionConfiguration(
            runtime="python3.11",
            handler="app.handler",
            architecture="arm64",
            environment=(("LOG_LEVEL", "INFO"),),
            memory_mb=256,
            ephemeral_storage_mb=512,
        ),
        stated=EVERYTHING - {"timeout_s"},
        environment_names=("LOG_LEVEL", "STAGE"),
        computed=("Environment.Variables.STAGE", "Timeout"),
    ),
    "ReceiptsFunction": Build(
        path=SAM_BUILD,
        image=ContainerImage(uri="receiptsfunction:v1", command=("app.handler",), local=True),
        origin="ReceiptsFunction in sam-app/.aws-sam/build/template.yaml",
        layers=(),
        configuration=FunctionConfiguration(
            architecture="arm64",
            environment=(("LOG_LEVEL", "INFO"),),
            memory_mb=256,
            timeout_s=10.0,
            ephemeral_storage_mb=512,
        ),
        stated=EVERYTHING - {"handler", "runtime"},
        environment_names=("LOG_LEVEL", "STAGE"),
        computed=("Environment.Variables.STAGE",),
    ),
    "Refunds/RefundsFunction": Build(
        path=SAM_BUILD / "Refunds/RefundsFunction",
        origin="RefundsFunction in sam-app/.aws-sam/build/Refunds/template.yaml",
        layers=(SAM_APP / "layers/shared",),
        layer_names=("acme-shared",),
        configuration=FunctionConfiguration(
            runtime="python3.11",
            handler="app.handler",
            architecture="x86_64",
            memory_mb=128,
            timeout_s=3.0,
            ephemeral_storage_mb=512,
        ),
        stated=EVERYTHING,
        environment_names=(),
    ),
}

CDK_BUILDS = {
    "Shop/Orders": Build(
        path=cdk_asset("orders"),
        origin="Shop/Orders in cdk-app/cdk.out/Shop.template.json",
        function_name="shop-orders",
        layers=(cdk_layer(), cdk_layer(), ARN),
        layer_names=("acme-shared", "Own", "metrics"),
        configuration=FunctionConfiguration(
            runtime="python3.13",
            handler="app.handler",
            architecture="arm64",
            environment=(("LOG_LEVEL", "DEBUG"),),
            memory_mb=512,
            timeout_s=10.0,
            ephemeral_storage_mb=1024,
        ),
        stated=EVERYTHING,
        environment_names=("LOG_LEVEL", "TABLE"),
        computed=("Environment.Variables.TABLE",),
    ),
    "Shop/Nested/Refunds": Build(
        path=cdk_asset("refunds"),
        origin="Shop/Nested/Refunds in cdk-app/cdk.out/ShopNestedE5719FB0.nested.template.json",
        layers=(cdk_layer(),),
        layer_names=("Own",),
        configuration=FunctionConfiguration(
            runtime="python3.13",
            handler="app.handler",
            architecture="x86_64",
            memory_mb=128,
            timeout_s=3.0,
            ephemeral_storage_mb=512,
        ),
        stated=EVERYTHING,
        environment_names=(),
    ),
    "Prod/Billing/Billing": Build(
        path=cdk_asset("orders"),
        origin="Prod/Billing/Billing in "
        "cdk-app/cdk.out/assembly-Prod/ProdBillingDDA55E22.template.json",
        layers=(),
        configuration=FunctionConfiguration(
            runtime="python3.13",
            handler="app.handler",
            architecture="x86_64",
            memory_mb=128,
            timeout_s=3.0,
            ephemeral_storage_mb=512,
        ),
        stated=EVERYTHING,
        environment_names=(),
    ),
}


def read(path: Path | str, function: str = "any", aws_name: str | None = None) -> Build:
    """A build, without what a private AWS needs of its template."""
    build = read_build(Path(path), function=function, aws_name=aws_name)
    return replace(build, template=None, computed_environment=())


def message(path: Path | str, function: str = "any", aws_name: str | None = None) -> str:
    with pytest.raises((SourceError, ConfigError)) as caught:
        read(path, function, aws_name)
    return str(caught.value)


# --- what is at a path ----------------------------------------------------------------------


def test_a_folder_of_plain_code_is_the_code_and_says_no_more() -> None:
    assert read("sam-app/orders") == Build(path=SAM_APP / "orders")


def test_a_zip_is_the_code_and_says_no_more(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "orders.zip", "w") as archive:
        archive.writestr("template.yaml", "Resources: {A: {Type: AWS::Lambda::Function}}")
    assert read(tmp_path / "orders.zip") == Build(path=tmp_path / "orders.zip")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", '{"version": "1", "artifacts": {"a": {"type": "icon"}}}'),
        ("manifest.json", "{"),
        ("manifest.json", "[]"),
        ("template.yaml", "title: {{ Resources }} for AWS::Everybody"),
        ("template.json", '{"Resources": 4}'),
    ],
)
def test_code_with_files_of_such_names_is_still_plain_code(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    assert read(tmp_path) == Build(path=tmp_path)


@pytest.mark.parametrize("path", ["sam-app/.aws-sam/build", "sam-app/.aws-sam", SAM_BUILD])
@pytest.mark.parametrize("function", SAM_BUILDS)
def test_a_sam_build(path: Path | str, function: str) -> None:
    expected = SAM_BUILDS[function]
    build = read(path, function)
    if expected.image:
        # Nothing is read from there: it is what the user named.
        expected = replace(expected, path=ASSETS / path)
    assert build == expected
    assert "DEBUG" not in repr(build)


def test_a_build_says_where_its_template_is_and_what_that_computes() -> None:
    orders = read_build(SAM_BUILD, function="OrdersFunction", aws_name=None)
    assert orders.template == SAM_BUILD / "template.yaml"
    assert dict(orders.computed_environment) == {
        "STAGE": '{"Ref": "Stage"}',
        "TABLE": '{"Ref": "Table"}',
    }
    plain = read_build(SAM_APP / "orders", function="orders", aws_name=None)
    assert (plain.template, plain.computed_environment) == (None, ())


@pytest.mark.parametrize("path", ["sam-app/template.yaml", "sam-app"])
def test_a_sam_template_with_local_code(path: str) -> None:
    origin = "OrdersFunction in sam-app/template.yaml"
    assert read(path, "OrdersFunction") == built_orders(SAM_APP / "orders", origin)


@pytest.mark.parametrize("path", ["cdk-app/cdk.out", CDK_OUT, "cdk-app/cdk.out/manifest.json"])
@pytest.mark.parametrize("function", CDK_BUILDS)
def test_a_cdk_assembly(path: Path | str, function: str) -> None:
    assert read(path, function) == CDK_BUILDS[function]


def test_one_stack_of_a_cdk_assembly_knows_the_layers_of_the_others() -> None:
    build = read("cdk-app/cdk.out/Shop.template.json", "Orders")
    assert build == CDK_BUILDS["Shop/Orders"]
    assert (
        "Billing"
        not in message("cdk-app/cdk.out/Shop.template.json", "Billing").partition("it has")[2]
    )


def test_one_stage_of_a_cdk_assembly() -> None:
    assert read("cdk-app/cdk.out/assembly-Prod", "Billing") == CDK_BUILDS["Prod/Billing/Billing"]


def test_a_cdk_assembly_without_metadata(tmp_path: Path) -> None:
    out = copy_of(CDK_OUT, tmp_path)
    for path in out.rglob("*.template.json"):
        edit(path, lambda text: re.sub(r'"aws:(asset|cdk):[a-z-]+": ("[^"]*"|false),?', "", text))
        edit(path, lambda text: re.sub(r",(\s*})", r"\1", text))
    refunds = read(out, "Refunds5C942FA9")
    asset = out / cdk_asset("refunds").name
    assert (refunds.path, refunds.layers) == (asset, (out / cdk_layer().name,))
    assert refunds.layer_names == ("Own30425842",)
    assert "LogRetention" not in message(out, "nothing")


def test_a_layer_of_another_stack_by_a_weak_reference(tmp_path: Path) -> None:
    out = copy_of(CDK_OUT, tmp_path)
    strong = '"Fn::ImportValue": "Layers:ExportsOutputRefSharedDACC02AAC9763D33"'
    weak = (
        '"Fn::GetStackOutput": {"StackName": "Layers", "Region": "eu-west-1", '
        '"OutputName": "ExportsOutputRefSharedDACC02AAC9763D33"}'
    )
    edit(out / "Shop.template.json", lambda text: text.replace(strong, weak))
    assert read(out, "Orders").layer_names == ("acme-shared", "Own", "metrics")


def test_what_sam_built_of_a_cdk_template_is_taken_before_what_cdk_left(tmp_path: Path) -> None:
    for folder in ("Nested/Refunds", "raw"):
        (tmp_path / folder).mkdir(parents=True)
    nested = cloudformation({"Fn": function_resource("Refunds", path="Shop/Nested/Refunds")})
    (tmp_path / "Nested/template.json").write_text(nested)
    (tmp_path / "raw/nested.json").write_text('{"Resources": {}}')
    stack = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": "Nested/template.json"},
        "Metadata": {"aws:asset:property": "TemplateURL", "aws:asset:path": "raw/nested.json"},
    }
    (tmp_path / "template.json").write_text(cloudformation({"Nested": stack}))
    assert read(tmp_path, "Refunds").path == tmp_path / "Nested/Refunds"


# --- which function -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "function", "aws_name", "name"),
    [
        ("sam-app", "anything", "shop-orders", "OrdersFunction"),
        ("sam-app", "x", "arn:aws:lambda:eu-west-1:1:function:shop-orders", "OrdersFunction"),
        ("sam-app", "ReportsFunction", "shop-orders", "OrdersFunction"),
        ("sam-app", "shop-orders", None, "OrdersFunction"),
        ("sam-app", "orders", None, "OrdersFunction"),
        ("sam-app", "ORDERS-function", None, "OrdersFunction"),
        ("sam-app", "RefundsFunction", None, "RefundsFunction"),
        ("sam-app", "x", "shop-ReportsFunction-1A2B3C4D5E6F", "ReportsFunction"),
        ("sam-app", "x", "shop-Refunds-1ABC-RefundsFunction-1a2B3c4D5e6F", "RefundsFunction"),
        ("cdk-app/cdk.out", "Orders", None, "Shop/Orders"),
        ("cdk-app/cdk.out", "orders", None, "Shop/Orders"),
        ("cdk-app/cdk.out", "OrdersA9B65338", None, "Shop/Orders"),
        ("cdk-app/cdk.out", "x", "Shop-Reports65402A0A-ZYXWVUTSRQPO", "Shop/Reports"),
        ("cdk-app/cdk.out", "Nested/Refunds", None, "Shop/Nested/Refunds"),
        ("cdk-app/cdk.out#Shop/Reports", "orders", "shop-orders", "Shop/Reports"),
        ("cdk-app/cdk.out#Reports", "orders", None, "Shop/Reports"),
        ("sam-app#Refunds/RefundsFunction", "orders", None, "RefundsFunction"),
        ("sam-app/template.yaml#ReportsFunction", "orders", "shop-orders", "ReportsFunction"),
    ],
)
def test_the_function_that_is_meant(
    path: str, function: str, aws_name: str | None, name: str
) -> None:
    assert read(path, function, aws_name).origin.partition(" in ")[0] == name


def test_the_only_function_never_stands_in_for_another_name(tmp_path: Path) -> None:
    out = copy_of(CDK_OUT, tmp_path)
    edit(out / "Shop.template.json", without({"Reports", "Notes", "Receipts", "Nested"}))
    path = out / "Shop.template.json"
    assert message(path, "billing") == (
        f'{path} has no function "billing": it has Shop/Orders. Name one, as in {path}#Shop/Orders.'
    )
    assert read(path, "orders").origin.startswith("Shop/Orders in ")
    assert read(f"{path}#Shop/Orders", "billing").origin.startswith("Shop/Orders in ")


def test_a_name_that_no_function_has_is_told_with_those_that_there_are() -> None:
    assert message("cdk-app/cdk.out", "ordrs") == (
        'cdk-app/cdk.out has no function "ordrs": it has Prod/Billing/Billing, '
        "Shop/Orders, Shop/Reports, Shop/Notes, Shop/Receipts and Shop/Nested/Refunds. "
        'Did you mean "Shop/Orders"? Name one, as in cdk-app/cdk.out#Shop/Orders.'
    )
    assert message("sam-app#Orders").startswith('sam-app has no function "Orders"')


def test_a_name_that_two_functions_have_is_told_with_both(tmp_path: Path) -> None:
    functions = {
        "BetaFn": function_resource(".", path="Beta/Shop/Orders/Resource"),
        "ProdFn": function_resource(".", path="Prod/Shop/Orders/Resource"),
    }
    template = tmp_path / "template.json"
    template.write_text(cloudformation(functions))
    assert message(template, "Orders") == (
        f'{template} has 2 functions that "Orders" may mean: Beta/Shop/Orders ({template}) '
        f"and Prod/Shop/Orders ({template}). Name one, as in {template}#Beta/Shop/Orders."
    )
    assert read(f"{template}#Prod/Shop/Orders").path == tmp_path


def test_a_template_without_functions(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(cloudformation({"Bucket": {"Type": "AWS::S3::Bucket"}}))
    assert message(tmp_path / "t.json").startswith(f"{tmp_path}/t.json has no Lambda function: ")


def test_macros_are_named_where_a_function_is_not_found(tmp_path: Path) -> None:
    text = cloudformation({"Orders": function_resource(".")}, Transform="MakeFunctions")
    (tmp_path / "t.json").write_text(text)
    assert "the transform MakeFunctions may add others" in message(f"{tmp_path}/t.json#Reports")
    assert "the transform" not in message("sam-app", "nothing")


# --- what fails -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "what_and_do"),
    [
        ("ordrs", "Build it first (sam build, cdk synth), or correct the path."),
        ("sam-app/orders/.aws-sam", "Run sam build first."),
        ("sam-app/orders/.aws-sam/build/A", "Run sam build first."),
        ("sam-app/cdk.out", "Run cdk synth first."),
        ("cdk-app/cdk.outs#Shop/Orders", "or correct the path."),
    ],
)
def test_a_path_that_leads_nowhere(path: str, what_and_do: str) -> None:
    text = message(path)
    shown = path.partition("#")[0]
    assert text.startswith(f"{shown} does not exist: looked for {ASSETS / shown}. ")
    assert text.endswith(what_and_do)


def test_a_sam_folder_in_which_nothing_was_built(tmp_path: Path) -> None:
    (tmp_path / ".aws-sam/build").mkdir(parents=True)
    for path in (tmp_path / ".aws-sam", tmp_path / ".aws-sam/build"):
        assert message(path) == (
            f"{tmp_path}/.aws-sam/build has no template: it is not the output of sam build. "
            "Run sam build first."
        )


def test_a_name_behind_plain_code() -> None:
    assert message("sam-app/orders#Orders") == (
        "sam-app/orders#Orders names a function of a folder or zip with plain code. "
        "Write sam-app/orders only, or name a template or a build of SAM or CDK."
    )


def test_a_folder_may_have_a_number_sign_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "build#7").mkdir()
    assert read(tmp_path / "build#7").path == tmp_path / "build#7"


def test_files_that_are_no_build(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("PK, or not")
    assert "a.zip is not a zip archive: " in message(tmp_path / "a.zip")
    (tmp_path / "app.py").write_text("")
    assert "app.py is not a build: it is not a folder, .zip file or template" in message(
        tmp_path / "app.py"
    )
    (tmp_path / "event.json").write_text("[1]")
    assert "event.json is not a CloudFormation or SAM template: it has no Resources" in message(
        tmp_path / "event.json"
    )


def test_an_image_that_cdk_did_not_build() -> None:
    assert message("cdk-app/cdk.out", "Receipts") == (
        "Shop/Receipts in cdk-app/cdk.out/Shop.template.json is a container image that is not "
        "built: only the template of a build names an image on this machine. "
        "Run sam build -t cdk-app/cdk.out/Shop.template.json and name .aws-sam/build."
    )


def test_an_image_that_sam_did_not_build() -> None:
    text = message("sam-app/template.yaml", "ReceiptsFunction")
    assert text.endswith("Run sam build and name .aws-sam/build.")


def test_code_that_stands_in_the_template() -> None:
    text = message("cdk-app/cdk.out", "Notes")
    assert "Shop/Notes in cdk-app/cdk.out/Shop.template.json has its code in the template" in text


def test_an_asset_that_is_gone(tmp_path: Path) -> None:
    out = copy_of(CDK_OUT, tmp_path)
    gone = out / cdk_asset("orders").name
    shutil.rmtree(gone)
    assert message(out, "Orders") == (
        f"the code of Shop/Orders in {out}/Shop.template.json is missing: looked for {gone}. "
        "Run cdk synth again."
    )


def test_a_layer_that_is_gone(tmp_path: Path) -> None:
    app = copy_of(SAM_APP, tmp_path)
    shutil.rmtree(app / "layers")
    assert message(app / ".aws-sam", "OrdersFunction") == (
        f"layer SharedLayer in {app}/.aws-sam/build/template.yaml is missing: "
        f"looked for {app}/layers/shared. Run sam build, or correct the template."
    )


def test_a_nested_template_that_is_gone(tmp_path: Path) -> None:
    app = copy_of(SAM_APP, tmp_path)
    (app / "nested/template.yaml").unlink()
    text = message(app / "template.yaml", "OrdersFunction")
    assert f"the nested stack Refunds in {app}/template.yaml is expected there" in text


def test_a_nested_stack_that_leads_back(tmp_path: Path) -> None:
    stack = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "t.json"}}
    (tmp_path / "t.json").write_text(cloudformation({"Again": stack}))
    assert "t.json has more than 500 stacks" in message(tmp_path / "t.json")


@pytest.mark.parametrize(
    "broken",
    ["{", '{"artifacts": {"S": {"type": "aws:cloudformation:stack"}}}'],
)
def test_a_damaged_assembly(tmp_path: Path, broken: str) -> None:
    (tmp_path / "cdk.out").write_text('{"version": "36.0.0"}')
    (tmp_path / "manifest.json").write_text(broken)
    assert message(tmp_path).startswith(f"{tmp_path}/manifest.json ")


# --- makers ---------------------------------------------------------------------------------


def copy_of(folder: Path, into: Path) -> Path:
    return Path(shutil.copytree(folder, into / folder.name))


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def without(names: set[str]) -> Callable[[str], str]:
    """A template without the resources whose ids begin so."""

    def change(text: str) -> str:
        content = json.loads(text)
        content["Resources"] = {
            key: value
            for key, value in content["Resources"].items()
            if not key.startswith(tuple(names))
        }
        return json.dumps(content)

    return change


def function_resource(code: str, *, path: str | None = None) -> dict[str, object]:
    found: dict[str, object] = {"Type": "AWS::Lambda::Function", "Properties": {"Code": code}}
    return {**found, "Metadata": {"aws:cdk:path": path}} if path else found


def cloudformation(resources: dict[str, object], **more: object) -> str:
    return json.dumps({"Resources": resources, **more})
