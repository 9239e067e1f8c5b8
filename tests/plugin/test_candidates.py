"""Candidate builds as SAM and CDK leave them behind, checked against versions on disk."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from helpers.made_projects import RUNTIME, Project

ASSETS = Path(__file__).parents[1] / "assets"
ANSWERS = "def handler(event, context): return {'handled_by': 'reports'}\n"
NEEDS_LAYER = "import acme_shared\n" + ANSWERS
OTHER = "def handler(event, context): return {'by': 'reports'}\n"


@pytest.fixture
def shop(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """What the tools built, beside versions 1 and 2 of a function, without AWS."""
    for name in ("sam-app", "cdk-app"):
        shutil.copytree(ASSETS / name, project.path / name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(project.path / "no-such-file"))
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    shutil.rmtree(project.path / "events")
    project.event("any", {"id": 1})
    project.version("1", ANSWERS)
    project.version("2", ANSWERS)
    declare(project, "reports")
    return project


def declare(project: Project, name: str, *lines: str) -> None:
    tables = "".join(
        f'[functions.{name}.versions.{version}]\ncode = "versions/{version}"\n'
        f'runtime = "{RUNTIME}"\nhandler = "app.handler"\n'
        for version in ("2", "1")
    )
    body = "\n".join(lines)
    project.write(f'[functions.{name}]\nevents = "events"\n{body}\n{tables}')


def checked(project: Project, *candidates: str, more: tuple[str, ...] = ()) -> tuple[int, str]:
    options = [f"--lambda-rollback-candidate={each}" for each in candidates]
    result = project.run(*options, *more)
    text = str(result.stdout) + str(result.stderr)
    assert "Traceback" not in text
    return result.ret, text


def test_a_function_of_a_sam_build_brings_its_layers_and_settings(shop: Project) -> None:
    shop.version("2", NEEDS_LAYER)
    shop.version("1", OTHER)
    build = 'path = "sam-app/.aws-sam/build", architecture = "x86_64"'
    declare(shop, "reports", f"current = {{ {build} }}")
    code, text = checked(shop)
    assert code == 1
    shows(
        text,
        "reports, current version candidate",
        "inherited: settings from ReportsFunction in sam-app/.aws-sam/build/template.yaml, "
        "timeout_s from 2, known only at deployment: Environment.Variables.STAGE and Timeout",
        "placeholders for values of: STAGE",
        # The layer is the one in the build, by the name that the template gives it.
        "imports acme_shared (app.py:1), which nothing offers, as there are no layers; "
        "acme-shared does",
        "reports:1 by alias answers without /handled_by, which reports:candidate always returns",
        "The newest safe target of reports is 2, by redeploy",
    )


def test_a_function_of_a_cdk_assembly_in_the_file(shop: Project) -> None:
    declare(shop, "reports", f'current = {{ path = "cdk-app/cdk.out", runtime = "{RUNTIME}" }}')
    code, text = checked(shop)
    assert code == 0, text
    shows(
        text,
        "inherited: settings from Shop/Reports in cdk-app/cdk.out/Shop.template.json",
        "The newest safe target of reports is 2, by alias and redeploy",
    )


@pytest.mark.parametrize("name", ["Reports", "Shop/Reports", "logical id"])
def test_the_function_of_a_build_can_be_named(shop: Project, name: str) -> None:
    if name == "logical id":
        name = logical_id(shop, "Reports")
    declare(shop, "anything", f'current = {{ path = "nowhere", runtime = "{RUNTIME}" }}')
    (shop.path / "nowhere").mkdir()
    code, text = checked(shop, f"anything=cdk-app/cdk.out#{name}", more=("-k", "1-alias"))
    assert code == 0, text
    shows(text, "settings from Shop/Reports in cdk-app/cdk.out/Shop.template.json")


def logical_id(project: Project, construct: str) -> str:
    template = json.loads((project.path / "cdk-app/cdk.out/Shop.template.json").read_text())
    return next(
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function" and name.startswith(construct)
    )


@pytest.mark.parametrize(
    ("candidate", "shown"),
    [
        (
            "sam-app/.aws-sam/build",
            'sam-app/.aws-sam/build has no function "anything": it has '
            "OrdersFunction, ReportsFunction, ReceiptsFunction and Refunds/RefundsFunction. "
            "Name one, as in sam-app/.aws-sam/build#OrdersFunction",
        ),
        (
            "cdk-app/cdk.out#Repo",
            'Did you mean "Shop/Reports"? Name one, as in cdk-app/cdk.out#Shop/Reports',
        ),
        (
            "sam-app/.aws-sam/built",
            'names "sam-app/.aws-sam/built", which does not exist',
        ),
        (
            "versions/1#Reports",
            "names a function of a folder or zip with plain code",
        ),
        ("broken.zip", "which is not a zip archive"),
    ],
)
def test_what_is_not_clear_is_a_usage_error(shop: Project, candidate: str, shown: str) -> None:
    declare(shop, "anything")
    (shop.path / "broken.zip").write_text("cut off")
    code, text = checked(shop, candidate)
    assert code == pytest.ExitCode.USAGE_ERROR
    shows(text, shown)


def test_what_is_not_built_is_unknown_with_what_to_do(shop: Project) -> None:
    shutil.rmtree(shop.path / "sam-app" / ".aws-sam" / "build" / "ReportsFunction")
    code, text = checked(shop, "sam-app/.aws-sam/build")
    assert code == 1
    shows(
        text,
        "lambda-rollback.toml::reports::versions::current - ",
        "unknown: the code of ReportsFunction in sam-app/.aws-sam/build/template.yaml is missing",
        "Run sam build, or correct the template",
        "Nothing was checked for reports",
    )


def test_an_image_that_only_cdk_describes_is_unknown_with_what_to_do(shop: Project) -> None:
    code, text = checked(shop, "cdk-app/cdk.out#Receipts")
    assert code == 1
    shows(text, "is a container image that is not built", "Run sam build -t cdk-app/cdk.out/Shop")


def test_an_image_that_sam_built_needs_docker(shop: Project) -> None:
    code, text = checked(shop, "sam-app/.aws-sam/build#ReceiptsFunction", more=("-k", "1-alias"))
    assert code == 1
    shows(
        text,
        "reports:candidate cannot be run by the sandbox engine: its package is a container "
        "image, which needs Docker",
    )


def test_a_layer_that_only_aws_has_needs_credentials(shop: Project) -> None:
    declare(shop, "orders")
    code, text = checked(shop, "sam-app/.aws-sam/build", more=("-k", "1-alias"))
    assert code == 1
    shows(
        text,
        "unknown: orders:1 by alias on any: the current version of orders cannot be run: "
        "orders:candidate: the layer metrics 7 is unavailable: there are no AWS credentials",
        "set AWS_PROFILE",
    )


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_plain_code_takes_all_else_from_the_newest_version(shop: Project, kind: str) -> None:
    path = shop.path / "build"
    if kind == "folder":
        shutil.copytree(shop.path / "versions" / "1", path)
    else:
        path = shop.path / "build.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(shop.path / "versions" / "1" / "app.py", "app.py")
    code, text = checked(shop, path.name, more=("-k", "alias"))
    assert code == 0, text
    shows(text, "inherited: layers from 2, runtime from 2, handler from 2")


def shows(text: str, *parts: str) -> None:
    for part in parts:
        assert part in text, text
