"""Function versions with some fields changed, those of their configuration included."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.published import PublishedVersion
from pytest_lambda_rollback.model.settings import LocalVersion
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion

Version = TypeVar("Version", FunctionVersion, LocalVersion, PublishedVersion)

_CONFIGURATION = frozenset(each.name for each in fields(FunctionConfiguration))


def changed(version: Version, /, **changes: Any) -> Version:
    """The version with these fields, of itself or of its configuration, changed."""
    configuration = {name: each for name, each in changes.items() if name in _CONFIGURATION}
    own = {name: each for name, each in changes.items() if name not in _CONFIGURATION}
    return replace(version, configuration=replace(version.configuration, **configuration), **own)


def stated(build: Build, name: str) -> Any:
    """The value that a build states for a field of its own or of its configuration, or ``None``."""
    if name == "environment_names":
        return build.environment_names if "environment" in build.stated else None
    if name in _CONFIGURATION:
        return getattr(build.configuration, name) if name in build.stated else None
    return getattr(build, name)
