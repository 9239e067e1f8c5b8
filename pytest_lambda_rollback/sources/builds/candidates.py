"""Candidate builds: what a folder, zip, SAM build, CDK assembly or template has of one function.

The entry of this step: it finds out what a path is and which templates belong to it. Which of
their functions is meant is decided in `template_functions`, what it is made of in
`template_builds`. Nothing is built, unpacked or downloaded here, and AWS is not queried.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.sources.builds import (
    assemblies,
    foreign_folders,
    template_builds,
    template_functions,
)
from pytest_lambda_rollback.sources.builds.template_functions import functions_of
from pytest_lambda_rollback.sources.builds.template_packages import how_to_build
from pytest_lambda_rollback.sources.builds.template_stacks import Stack, Stacks, table
from pytest_lambda_rollback.sources.builds.templates import (
    SUFFIXES,
    read_template,
    shown,
    template_in,
)

_STACK_LIMIT = 500
_NESTED = {"AWS::Serverless::Application": "Location", "AWS::CloudFormation::Stack": "TemplateURL"}
_SAM_FOLDER = ".aws-sam"


def read_build(
    path: Path,
    *,
    function: str,
    aws_name: str | None,
    region: str | None = None,
    account: str | None = None,
) -> Build:
    """The build at ``path`` for a function, every path in it absolute.

    ``path`` is a folder or .zip of plain code; or a SAM build (``.aws-sam/build`` or
    ``.aws-sam``), a CDK assembly (``cdk.out`` or one of its stages), or a CloudFormation or SAM
    template, a folder that holds one included. A path of the second kind may end in ``#`` and the
    name of the one function that is meant: its logical id, ``Stack/Construct``, or its name.

    ``function`` is what the configuration calls it, ``aws_name`` its name or ARN in AWS where it
    is known. ``region`` and ``account`` are where it would be deployed: they tell pseudo
    parameters, as in the ARNs of layers.

    A template says everything: what it leaves out has Lambda's default (no layers, 128 MB). What
    only a deployment knows is ``None`` and named in ``computed``. Parameters count as such also
    where they have a default, because a deployment may say, or keep, another value.

    Raises SourceError for what cannot be read or is not built, ConfigError if it is unclear which
    function is meant.
    """
    path, wanted = _split(path)
    folder = _folder(path)
    stacks = _stacks(path if folder is None else folder, region=region, account=account)
    if stacks is None:
        if wanted is not None:
            raise ConfigError(
                f"{shown(path)}#{wanted} names a function of a folder or zip with plain code",
                do=f"Write {shown(path)} only, or name a template or a build of SAM or CDK",
            )
        return Build(path=path)
    known = tuple(functions_of(stacks))
    if any(stack.path == path for stack in stacks.stacks):
        # The template of one stack of an assembly: that stack and those nested in it.
        known = tuple(each for each in known if path in _files(each.stack))
    if wanted is not None:
        chosen = template_functions.named(known, wanted, path=path, stacks=stacks.stacks)
    else:
        chosen = template_functions.chosen(
            known, function=function, aws_name=aws_name, path=path, stacks=stacks.stacks
        )
    return template_builds.build_of(chosen, stacks, path=path)


def _split(path: Path) -> tuple[Path, str | None]:
    """The absolute path, and what is behind ``#`` unless a file is called so."""
    absolute = Path(os.path.normpath(path.absolute()))
    text, mark, wanted = str(absolute).rpartition("#")
    if absolute.exists() or not mark or not wanted:
        return absolute, None
    return Path(text), wanted


def _folder(path: Path) -> Path | None:
    """The folder of SAM's or CDK's build, ``None`` for all else. Raises SourceError."""
    if not path.exists():
        raise SourceError(
            f"{shown(path)} does not exist", why=f"looked for {path}", do=_how_to_build(path)
        )
    if path.is_file() and path.name == assemblies.MANIFEST and assemblies.is_assembly(path.parent):
        return path.parent
    if not path.is_dir():
        return None
    build = path / "build" if path.name == _SAM_FOLDER else path
    if build.parent.name == _SAM_FOLDER and build.name == "build" and not template_in(build):
        raise SourceError(
            f"{shown(build)} has no template",
            why="it is not the output of sam build",
            do=_SAM_BUILD,
        )
    return build


_SAM_BUILD = "Run sam build first"
_CDK_SYNTH = "Run cdk synth first"


def _how_to_build(path: Path) -> str:
    if _SAM_FOLDER in path.parts:
        return _SAM_BUILD
    if "cdk.out" in path.parts:
        return _CDK_SYNTH
    return "Build it first (sam build, cdk synth), or correct the path"


def _stacks(path: Path, *, region: str | None, account: str | None) -> Stacks | None:
    """The stacks at a path; ``None`` for plain code. Raises SourceError."""
    if path.is_dir():
        if assemblies.is_assembly(path):
            return _assembly(path, region=region, account=account)
        template = template_in(path)
        if template is None:
            foreign_folders.refuse(path)
            return None
        path = template
    elif path.suffix.lower() == ".zip":
        if not zipfile.is_zipfile(path):
            raise SourceError(
                f"{shown(path)} is not a zip archive",
                why="its content is something else or is truncated",
                do="Build the package again",
            )
        return None
    elif path.suffix.lower() not in SUFFIXES:
        raise SourceError(
            f"{shown(path)} is not a build",
            why=f"it is not a folder, .zip file or template ({', '.join(SUFFIXES)})",
            do="Name the folder or .zip file with the code, or what SAM or CDK built",
        )
    elif assemblies.is_assembly(path.parent):
        stacks = _assembly(path.parent, region=region, account=account)
        if any(stack.path == path for stack in stacks.stacks):
            return stacks
    template_alone = read_template(path)
    return _with_nested(
        [Stack(path=path, template=template_alone, region=region, account=account)], path
    )


def _assembly(folder: Path, *, region: str | None, account: str | None) -> Stacks:
    """The stacks of a CDK assembly, each where it says that it goes, else in the given place."""
    found = assemblies.stacks_in(folder)
    told = (
        replace(each, region=each.region or region, account=each.account or account)
        for each in found
    )
    return _with_nested(told, folder)


def _with_nested(outer: Iterator[Stack] | list[Stack], path: Path) -> Stacks:
    """The stacks with those that are nested in them and are local."""
    waiting = list(outer)
    found: list[Stack] = []
    while waiting:
        stack = waiting.pop(0)
        found.append(stack)
        waiting.extend(_nested(stack))
        if len(found) + len(waiting) > _STACK_LIMIT:
            raise SourceError(
                f"{shown(path)} has more than {_STACK_LIMIT} stacks",
                why="a nested stack may contain itself",
                do="Name the template of the function",
            )
    return Stacks(stacks=tuple(found))


def _files(stack: Stack) -> tuple[Path, ...]:
    """The template of a stack and of those that it is nested in."""
    above = _files(stack.parent) if stack.parent else ()
    return (stack.path, *above)


def _nested(stack: Stack) -> Iterator[Stack]:
    for logical_id, resource in stack.resources():
        key = _NESTED.get(resource["Type"])
        path = _nested_template(stack, table(resource.get("Properties")).get(key or ""), resource)
        if key is None or path is None:
            continue
        if not path.is_file():
            raise SourceError(
                f"{shown(path)} does not exist",
                why=f"the nested stack {logical_id} in {shown(stack.path)} is expected there",
                do=how_to_build(stack),
            )
        yield replace(
            stack,
            path=path,
            template=read_template(path),
            name="",
            parent=stack,
            logical_id=logical_id,
        )


def _nested_template(stack: Stack, said: object, resource: object) -> Path | None:
    """The template of a nested stack; ``None`` for one that is not local."""
    if isinstance(said, str) and "://" not in said:
        return Path(os.path.normpath(stack.path.parent / said))
    metadata = table(table(resource).get("Metadata"))
    asset = metadata.get("aws:asset:path")
    if metadata.get("aws:asset:property") == "TemplateURL" and isinstance(asset, str):
        return Path(os.path.normpath(stack.path.parent / asset))
    # Without metadata, CDK's URL still ends in the key of an asset.
    texts = [said] if isinstance(said, str) else _texts(said)
    keys = (text.rpartition("/")[2] for text in texts)
    return next((stack.assets[key].path for key in keys if key in stack.assets), None)


def _texts(value: object) -> list[str]:
    """The strings in a ``Fn::Join`` or ``Fn::Sub``."""
    joined = table(value).get("Fn::Join")
    if isinstance(joined, list) and len(joined) == 2 and isinstance(joined[1], list):
        return [each for each in joined[1] if isinstance(each, str)]
    substituted = table(value).get("Fn::Sub")
    return [substituted] if isinstance(substituted, str) else []
