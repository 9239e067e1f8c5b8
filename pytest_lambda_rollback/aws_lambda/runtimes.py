"""Lambda's runtimes: their names, and the dates on which AWS ends support.

The dates are those of the tables of supported and deprecated runtimes in ``SOURCE``, not read
from that page but from the copy that cfn-lint 1.58.0 keeps of it, released on ``AS_OF``
(``AdditionalSpecs/LmbdRuntimeLifecycle.json``). endoflife.date's page of February 2026 has the
same dates for the newest runtimes of each language. Dates in the future are AWS's forecast, and
AWS has moved them before.

``None`` where no date was found: ``nodejs26.x``, ``python3.15`` and the Java runtimes on
Amazon Linux 2023 are known to botocore 1.44.5 and to neither copy; ``custom`` is for runtimes
that a customer publishes, whose dates that customer sets. Runtimes that only ever were container
base images (.NET 5, 7 and 9) have no identifier and are not here.

What the dates mean: https://docs.aws.amazon.com/lambda/latest/dg/runtime-support-policy.html.
Invocations are never blocked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

SOURCE: Final = "https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html"
"""The page on which AWS publishes the dates."""

AS_OF: Final = date(2026, 10, 20)
"""The day on which the table was correct."""


class Language(StrEnum):
    """The language of a runtime, or `PROVIDED` for one that is an operating system only."""

    PYTHON = "python"
    NODE = "nodejs"
    JAVA = "java"
    DOTNET = "dotnet"
    RUBY = "ruby"
    GO = "go"
    PROVIDED = "provided"


_LANGUAGE: Final = re.compile(r"[a-z]+")
_PYTHON_3: Final = re.compile(r"python(?P<version>3\.[0-9]+)")


def language_of(runtime: str) -> Language | None:
    """The language of a runtime identifier, also of one that is newer than this table.

    ``None`` for a container image, which has no runtime, and for a runtime that a customer
    publishes.
    """
    match = _LANGUAGE.match(runtime)
    word = match[0].removesuffix("core") if match else ""
    return Language(word) if word in tuple(Language) else None


def python_version(runtime: str) -> str | None:
    """``3.11`` for ``python3.11``; ``None`` for any runtime that is not Python 3."""
    match = _PYTHON_3.fullmatch(runtime)
    return match["version"] if match else None


def minor_version(python: str) -> tuple[int, int]:
    """``3.11`` as numbers, to be compared."""
    major, _, minor = python.partition(".")
    return int(major), int(minor or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeSupport:
    """AWS's dates for one runtime identifier; ``None`` if no date is known."""

    identifier: str
    deprecated: date | None = None
    """From this day it may get no security patches, and no technical support."""
    create_blocked: date | None = None
    """From this day no function can be created with it."""
    update_blocked: date | None = None
    """From this day neither code nor configuration of a function with it can be updated."""


def _row(
    identifier: str,
    deprecated: str | None = None,
    create_blocked: str | None = None,
    update_blocked: str | None = None,
) -> RuntimeSupport:
    days = (deprecated, create_blocked, update_blocked)
    first, second, third = (date.fromisoformat(day) if day else None for day in days)
    return RuntimeSupport(
        identifier=identifier, deprecated=first, create_blocked=second, update_blocked=third
    )


_ROWS: Final = (
    # Python
    _row("python2.7", "2021-07-15", "2021-07-15", "2022-05-30"),
    _row("python3.6", "2022-07-18", "2022-07-18", "2022-08-29"),
    _row("python3.7", "2023-12-04", "2024-01-09", "2027-03-03"),
    _row("python3.8", "2024-10-14", "2027-02-01", "2027-03-03"),
    _row("python3.9", "2025-12-15", "2027-02-01", "2027-03-03"),
    _row("python3.10", "2026-10-31", "2027-02-01", "2027-03-03"),
    _row("python3.11", "2027-06-30", "2027-07-31", "2027-08-31"),
    _row("python3.12", "2028-10-31", "2028-11-30", "2029-01-10"),
    _row("python3.13", "2029-06-30", "2029-07-31", "2029-08-31"),
    _row("python3.14", "2029-06-30", "2029-07-31", "2029-08-31"),
    _row("python3.15"),
    # Node.js
    _row("nodejs", "2016-08-30", "2016-09-30", "2016-10-31"),
    _row("nodejs4.3", "2020-03-05", "2020-02-03", "2020-03-05"),
    _row("nodejs4.3-edge", "2020-03-05", "2019-03-31", "2019-04-30"),
    _row("nodejs6.10", "2019-08-12", "2019-07-12", "2019-08-12"),
    _row("nodejs8.10", "2020-03-06", "2020-02-04", "2020-03-06"),
    _row("nodejs10.x", "2021-07-30", "2021-07-30", "2022-02-14"),
    _row("nodejs12.x", "2023-03-31", "2023-03-31", "2023-04-30"),
    _row("nodejs14.x", "2023-12-04", "2024-01-09", "2027-03-03"),
    _row("nodejs16.x", "2024-06-12", "2027-02-01", "2027-03-03"),
    _row("nodejs18.x", "2025-09-01", "2027-02-01", "2027-03-03"),
    _row("nodejs20.x", "2026-04-30", "2027-02-01", "2027-03-03"),
    _row("nodejs22.x", "2027-04-30", "2027-06-01", "2027-07-01"),
    _row("nodejs24.x", "2028-04-30", "2028-06-01", "2028-07-01"),
    _row("nodejs26.x"),
    # Java
    _row("java8", "2024-01-08", "2024-02-08", "2027-03-03"),
    _row("java8.al2", "2027-06-30", "2027-07-31", "2027-08-31"),
    _row("java8.al2023"),
    _row("java11", "2027-06-30", "2027-07-31", "2027-08-31"),
    _row("java11.al2023"),
    _row("java17", "2027-06-30", "2027-07-31", "2027-08-31"),
    _row("java17.al2023"),
    _row("java21", "2029-06-30", "2029-07-31", "2029-08-31"),
    _row("java25", "2029-06-30", "2029-07-31", "2029-08-31"),
    # .NET
    _row("dotnet6", "2024-12-20", "2027-02-01", "2027-03-03"),
    _row("dotnet8", "2026-11-10", "2027-02-01", "2027-03-03"),
    _row("dotnet10", "2028-11-14", "2028-12-14", "2029-01-15"),
    _row("dotnetcore1.0", "2019-06-27", "2019-06-30", "2019-07-30"),
    _row("dotnetcore2.0", "2019-05-30", "2019-04-30", "2019-05-30"),
    _row("dotnetcore2.1", "2022-01-05", "2022-01-05", "2022-04-13"),
    _row("dotnetcore3.1", "2023-04-03", "2023-04-03", "2023-05-03"),
    # Ruby
    _row("ruby2.5", "2021-07-30", "2021-07-30", "2022-03-31"),
    _row("ruby2.7", "2023-12-07", "2024-01-09", "2027-03-03"),
    _row("ruby3.2", "2026-03-31", "2027-02-01", "2027-03-03"),
    _row("ruby3.3", "2027-03-31", "2027-04-30", "2027-05-31"),
    _row("ruby3.4", "2028-03-31", "2028-04-30", "2028-05-31"),
    _row("ruby4.0", "2029-03-31", "2029-04-30", "2029-05-31"),
    # Go
    _row("go1.x", "2024-01-08", "2024-02-08", "2027-03-03"),
    # OS only, and runtimes that a customer publishes
    _row("custom"),
    _row("provided", "2024-01-08", "2024-02-08", "2027-03-03"),
    _row("provided.al2", "2026-07-31", "2027-02-01", "2027-03-03"),
    _row("provided.al2023", "2029-06-30", "2029-07-31", "2029-08-31"),
)

RUNTIMES: Final[Mapping[str, RuntimeSupport]] = MappingProxyType(
    {row.identifier: row for row in _ROWS}
)
"""By runtime identifier, as ``python3.12``."""
