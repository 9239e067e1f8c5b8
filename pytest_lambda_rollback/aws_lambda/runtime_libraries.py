"""Libraries that Lambda's Python runtimes bring, at versions that AWS changes at will.

boto3 with its dependencies, those of AWS's runtime client, and the C library. AWS says so under
"Runtime-included SDK versions" in
https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html.

The C library is that of the runtime's operating system, which the table of runtimes names
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html). Its versions on Amazon Linux 2
and 2023: https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html.
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

_GLIBC = {
    (3, 6): (2, 17),  # Amazon Linux (2018.03)
    (3, 7): (2, 17),
    (3, 8): (2, 26),  # Amazon Linux 2
    (3, 9): (2, 26),
    (3, 10): (2, 26),
    (3, 11): (2, 26),
    (3, 12): (2, 34),  # Amazon Linux 2023
    (3, 13): (2, 34),
    (3, 14): (2, 34),
}
"""By Python. Amazon Linux keeps its C library's version for the whole life of a release."""


def provides(key: str, python: str) -> bool:
    """True for a distribution that the runtime may bring; setuptools up to Python 3.11."""
    if key == "setuptools":
        return minor_version(python) < (3, 12)
    return key in _IMPORT_PACKAGES or key == "pip"


def glibc(python: str) -> tuple[int, int] | None:
    """The version of the runtime's C library; ``None`` for a Python newer than the table."""
    return _GLIBC.get(minor_version(python))
