"""The code of a template's functions and the content of its layers on this machine.

Templates name a folder or zip beside them, or an object in S3 that an assembly of CDK has as an
asset. It asks which paths exist, and opens no package.
https://docs.aws.amazon.com/cli/latest/reference/cloudformation/package.html
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.sources.builds.template_functions import TemplateFunction
from pytest_lambda_rollback.sources.builds.template_stacks import (
    LAYER_TYPES,
    Stack,
    Stacks,
    is_intrinsic,
    table,
)
from pytest_lambda_rollback.sources.builds.templates import shown

_SHOWN = 5
_SAM_CODE = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}


def refuse_unbuilt(metadata: Mapping[str, Any], what: str) -> None:
    """Raise SourceError for what ``sam build`` makes with a method of its own, before it did.

    What it has made bears the id of what it was made from.
    """
    if "BuildMethod" in metadata and "SamResourceId" not in metadata:
        raise SourceError(
            f"{what} is not built",
            why=f"sam build has to package its sources ({metadata['BuildMethod']})",
            do="Run sam build, and name .aws-sam/build",
        )


def unbuilt_requirements(function: TemplateFunction, code: Path) -> str | None:
    """The packages that ``sam build`` would put into a plain folder with requirements."""
    requirements = code / "requirements.txt"
    if function.kind not in _SAM_CODE or "SamResourceId" in function.metadata:
        return None
    try:
        lines = requirements.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    if all(line.strip() == "" or line.lstrip().startswith("#") for line in lines):
        return None
    return (
        f"{function.origin} was not built by sam build: the requirements in requirements.txt "
        "are not in it"
    )


def how_to_build(stack: Stack) -> str:
    """The command that makes missing files of a stack appear."""
    if stack.of_cdk or stack.assets:
        return "Run cdk synth again"
    return "Run sam build, or correct the template"


def code_of(function: TemplateFunction, stacks: Stacks) -> Path:
    """The folder or zip with a function's code. Raises SourceError."""
    properties = function.properties
    inline = properties.get("InlineCode", table(properties.get("Code")).get("ZipFile"))
    if inline is not None:
        raise SourceError(
            f"{function.origin} has its code in the template",
            why="a build needs a folder or .zip file",
            do="Put the code into a folder, and name that in CodeUri, Code or Code.from_asset",
        )
    refuse_unbuilt(function.metadata, f"the code of {function.origin}")
    found = local_path(
        function.stack, function.kind, properties, {"Metadata": function.metadata}, stacks
    )
    if found is None:
        raise SourceError(
            f"the code of {function.origin} is not on this machine",
            why="the template names an object in S3, or a value that only a deployment knows",
            do=_zips_beside(function.stack)
            or "Name the template before it is packaged, or the output of sam build or cdk synth",
        )
    return package(found, f"the code of {function.origin}", function.stack)


def _zips_beside(stack: Stack) -> str:
    """The advice to name a package that lies beside a template; empty if there is none."""
    beside = sorted(shown(each) for each in stack.path.parent.glob("*.zip") if each.is_file())
    if not beside:
        return ""
    return f"Name its package, which may be {' or '.join(beside[:_SHOWN])} beside the template"


def local_path(
    stack: Stack,
    kind: str,
    properties: Mapping[str, Any],
    resource: Mapping[str, Any],
    stacks: Stacks,
) -> Path | None:
    """The path of a resource's code or content; ``None`` for one that is elsewhere."""
    key = _SAM_CODE.get(kind) or ("Content" if kind in LAYER_TYPES else "Code")
    said = properties.get(key)
    if said is None:
        # As `aws cloudformation package` and SAM take it: all that is beside the template.
        return stack.path.parent
    found = stacks.value(said, stack)
    if isinstance(found, str):
        return None if "://" in found else Path(os.path.normpath(stack.path.parent / found))
    if isinstance(found, dict) and not is_intrinsic(found):
        uploaded = stacks.text(found.get("S3Key"), stack)
        if uploaded is not None and uploaded in stack.assets:
            return stack.assets[uploaded].path
    metadata = table(resource.get("Metadata"))
    asset, of = metadata.get("aws:asset:path"), metadata.get("aws:asset:property", key)
    if isinstance(asset, str) and of == key:
        return Path(os.path.normpath(stack.path.parent / asset))
    return None


def package(path: Path, what: str, stack: Stack) -> Path:
    """The path, if there is a folder or zip. Raises SourceError."""
    try:
        usable = path.is_dir() or (path.is_file() and zipfile.is_zipfile(path))
        there = path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise SourceError(
            f"{what} cannot be read", why=error.strerror or str(error), do="Correct the template"
        ) from error
    if usable:
        return path
    if there:
        raise SourceError(
            f"{what} is neither a folder nor a zip archive",
            why=f"expected at {path}",
            do=how_to_build(stack),
        )
    raise SourceError(f"{what} is missing", why=f"looked for {path}", do=how_to_build(stack))
