"""The package's build backend: hatchling, and the carrier built before it packs.

pyproject.toml names it. A wheel, also one from the source distribution, holds the carrier for both
machines and therefore needs zig; an editable installation needs zig only where the machine's C
compiler cannot build the carrier.
"""

from __future__ import annotations

from typing import Any

from hatchling import build as hatchling

from pytest_lambda_rollback.engines.carrier import build, sources

ZIG = "ziglang>=0.14"

build_sdist = hatchling.build_sdist
get_requires_for_build_sdist = hatchling.get_requires_for_build_sdist


def get_requires_for_build_wheel(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Zig besides what hatchling needs."""
    return [*hatchling.get_requires_for_build_wheel(config_settings), ZIG]


def get_requires_for_build_editable(config_settings: dict[str, Any] | None = None) -> list[str]:
    """Zig only where there is no C compiler for the job."""
    needed = hatchling.get_requires_for_build_editable(config_settings)
    return needed if build.machine_compiler() else [*needed, ZIG]


def build_wheel(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """A wheel with the carrier for both machines."""
    build.build(sources.MACHINES, "zig")
    return str(hatchling.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """An editable installation, with the carrier for this machine in the working copy."""
    build.build_own()
    return str(hatchling.build_editable(wheel_directory, config_settings, metadata_directory))
