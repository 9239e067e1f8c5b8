"""Lambda's instruction sets, and what Linux, Docker and other systems call them.

https://docs.aws.amazon.com/lambda/latest/dg/foundation-arch.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ARCHITECTURES: Final = ("x86_64", "arm64")

MACHINES: Final[Mapping[str, str]] = MappingProxyType({"x86_64": "x86_64", "arm64": "aarch64"})
"""By architecture: ``uname -m`` of the runtime, and the machine of an ELF file."""

PLATFORMS: Final[Mapping[str, str]] = MappingProxyType(
    {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
)
"""By architecture: the platform of a container image."""

_BY_MACHINE: Final = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def architecture_of(machine: str) -> str | None:
    """The architecture of a computer by `platform.machine`, which every system spells its way."""
    return _BY_MACHINE.get(machine.lower())
