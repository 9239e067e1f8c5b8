"""Libraries that Lambda's Python runtimes bring."""

from __future__ import annotations

from importlib import metadata

import pytest

from pytest_lambda_rollback.aws_lambda import runtime_libraries


@pytest.mark.parametrize(
    ("key", "python", "provided"),
    [
        ("boto3", "3.13", True),
        ("python-dateutil", "3.9", True),
        ("pip", "3.12", True),
        ("setuptools", "3.11", True),
        ("setuptools", "3.12", False),
        ("requests", "3.8", False),
    ],
)
def test_distributions(key: str, python: str, provided: bool) -> None:
    assert runtime_libraries.provides(key, python) is provided


def test_import_packages_are_those_of_the_distributions() -> None:
    assert {"dateutil", "boto3"} <= runtime_libraries.IMPORT_PACKAGES
    for key in ("boto3", "python-dateutil", "s3transfer", "urllib3"):
        files = metadata.files(key) or ()
        tops = {file.parts[0] for file in files if file.suffix == ".py"}
        assert tops & runtime_libraries.IMPORT_PACKAGES, key


def test_what_is_loaded_first_is_among_them() -> None:
    assert runtime_libraries.LOADED_FIRST <= runtime_libraries.IMPORT_PACKAGES


@pytest.mark.parametrize(
    ("python", "glibc"),
    [
        ("3.7", (2, 17)),
        ("3.8", (2, 26)),
        ("3.11", (2, 26)),
        ("3.12", (2, 34)),
        ("3.14", (2, 34)),
        ("3.99", None),
    ],
)
def test_c_library(python: str, glibc: tuple[int, int] | None) -> None:
    assert runtime_libraries.glibc(python) == glibc
