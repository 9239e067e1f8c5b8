"""What a build that is not published yet says of one function, frozen. Standard library only.

A build is a folder, a zip, or what SAM and CDK leave behind: then it says more than the code.
What it does not say is ``None``, and is taken over from ``$LATEST``, which is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pytest_lambda_rollback.model.versions import ContainerImage


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One function of a build; every path is absolute."""

    path: Path
    """Folder or zip with the code; the build itself where ``image`` is set."""
    image: ContainerImage | None = None
    origin: str = ""
    """What was read, for messages: ``Orders in .aws-sam/build/template.yaml``; empty for a plain
    folder or zip."""
    function_name: str | None = None
    """The name that the template gives the function in AWS, where it is written out."""
    layers: tuple[Path | str, ...] | None = None
    """In order: a folder or zip, or the ARN of a layer version."""
    layer_names: tuple[str, ...] = ()
    """One for each of ``layers``: what the template or the ARN calls it."""
    runtime: str | None = None
    handler: str | None = None
    architecture: str | None = None
    environment: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Sorted (name, value) of the variables whose values are written out."""
    environment_names: tuple[str, ...] | None = None
    """All variables, sorted, those with computed values included; ``None`` where none is said."""
    memory_mb: int | None = None
    timeout_s: float | None = None
    ephemeral_storage_mb: int | None = None
    computed: tuple[str, ...] = ()
    """Properties whose values only CloudFormation knows (a parameter, an import), as in
    ``Layers[1]``: they count as not said."""
    unbuilt: str | None = None
    """What the package may lack, because the template is none of a build."""
