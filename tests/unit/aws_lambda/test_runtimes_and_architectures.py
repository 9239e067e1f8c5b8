"""Names of runtimes and architectures, read in one place."""

from __future__ import annotations

import pytest

from pytest_lambda_rollback.aws_lambda.architectures import (
    ARCHITECTURES,
    MACHINES,
    PLATFORMS,
    architecture_of,
)
from pytest_lambda_rollback.aws_lambda.runtimes import (
    RUNTIMES,
    Language,
    language_of,
    python_version,
)


@pytest.mark.parametrize(
    ("runtime", "language", "python"),
    [
        ("python3.13", Language.PYTHON, "3.13"),
        ("python3.8", Language.PYTHON, "3.8"),
        ("python2.7", Language.PYTHON, None),
        ("python3.13-beta", Language.PYTHON, None),
        ("nodejs", Language.NODE, None),
        ("nodejs22.x", Language.NODE, None),
        ("nodejs4.3-edge", Language.NODE, None),
        ("java8.al2", Language.JAVA, None),
        ("dotnet8", Language.DOTNET, None),
        ("dotnetcore3.1", Language.DOTNET, None),
        ("ruby3.4", Language.RUBY, None),
        ("go1.x", Language.GO, None),
        ("provided", Language.PROVIDED, None),
        ("provided.al2023", Language.PROVIDED, None),
        ("custom", None, None),
        ("", None, None),
        ("Python3.13", None, None),
    ],
)
def test_language_and_python_of_a_runtime(
    runtime: str, language: Language | None, python: str | None
) -> None:
    assert (language_of(runtime), python_version(runtime)) == (language, python)


def test_every_known_runtime_but_a_customers_own_has_a_language() -> None:
    assert {name for name in RUNTIMES if language_of(name) is None} == {"custom"}


def test_architectures_have_a_machine_and_a_platform() -> None:
    assert tuple(MACHINES) == tuple(PLATFORMS) == ARCHITECTURES


@pytest.mark.parametrize(
    ("machine", "architecture"),
    [
        ("x86_64", "x86_64"),
        ("AMD64", "x86_64"),
        ("aarch64", "arm64"),
        ("arm64", "arm64"),
        ("riscv64", None),
    ],
)
def test_architecture_of_a_machine(machine: str, architecture: str | None) -> None:
    assert architecture_of(machine) == architecture
