"""Libraries that Lambda's Python runtimes bring, at versions that AWS changes at will.

boto3 with its dependencies, those of AWS's runtime client, and the C library. AWS says so under
"Runtime-included SDK versions" in
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html.
"""

from __future__ import annotations

from pytest_lambda_rollback.aws_lambda.runtimes import minor_version

_IMPORT_PACKAGES = {
    "awslambdaric": "awslambdaric",
    "boto3": "boto3",
    "botocore": "botocore",
    "jmespath": "jmespath",
    "python-dateutil": "dateutil",
    "s3transfer": "s3transfer",
    "simplejson": "simplejson",
    "six": "six",
    "snapshot-restore-py": "snapshot_restore_py",
    "urllib3": "urllib3",
}
"""By distribution, as PEP 503 normalises its name."""

IMPORT_PACKAGES = frozenset(_IMPORT_PACKAGES.values())

LOADED_FIRST = frozenset({"awslambdaric", "simplejson", "snapshot_restore_py"})
"""Import packages of the runtime client, which loads them before /var/task is searched. A package
of the same name in code or layers is not the one that runs."""

PERHAPS_INSTALLED = frozenset(
    {"_distutils_hack", "bootstrap", "ensurepip", "pip", "pkg_resources", "setuptools", "wheel"}
)
"""Import packages that may be installed beside the libraries: nothing is certain about them."""

_GLIBC = {"al2": (2, 26), "al2023": (2, 34)}


def provides(key: str, python: str) -> bool:
    """True for a distribution that the runtime may bring; setuptools up to Python 3.11."""
    if key == "setuptools":
        return minor_version(python) < (3, 12)
    return key in _IMPORT_PACKAGES or key == "pip"


def glibc(python: str) -> tuple[int, int]:
    """The C library of the runtime: Amazon Linux 2 up to Python 3.11, then Amazon Linux 2023."""
    return _GLIBC["al2023" if minor_version(python) >= (3, 12) else "al2"]
