"""One function of a build that is not published yet, frozen. Standard library only.

A build is a folder, a zip, or what SAM and CDK leave behind: then it says more than the code.
What it does not state is taken over from ``$LATEST``, which is reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_lambda_rollback.model.versions import DEFAULTS, ContainerImage, FunctionConfiguration


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One function of a build; every path is absolute."""

    path: Path
    """Folder or zip with the code; the build itself where ``image`` is set."""
    image: ContainerImage | None = None
    origin: str = ""
    """The origin for messages, ``Orders in .aws-sam/build/template.yaml``; empty for a plain
    folder or zip."""
    function_name: str | None = None
    """The name that the template gives the function in AWS, if it is written out."""
    layers: tuple[Path | str, ...] | None = None
    """In order: a folder or zip, or the ARN of a layer version."""
    layer_names: tuple[str, ...] = ()
    """One for each of ``layers``: what the template or the ARN calls it."""
    configuration: FunctionConfiguration = DEFAULTS
    stated: frozenset[str] = frozenset()
    """Names of the fields of ``configuration`` that the build states."""
    environment_names: tuple[str, ...] = ()
    """All variables that the build states, sorted, those with computed values included."""
    template: Path | None = None
    """The template that states the function; ``None`` for a plain folder or zip."""
    computed_environment: tuple[tuple[str, str], ...] = ()
    """Variables with computed values: (name, JSON text of the intrinsic function), sorted."""
    computed: tuple[str, ...] = ()
    """Properties whose values only CloudFormation knows (a parameter, an import), as in
    ``Layers[1]``: they count as not said."""
    unbuilt: str | None = None
    """Packages that may be missing, because the template is not the output of a build."""
