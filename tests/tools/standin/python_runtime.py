"""Python in a stand-in image: Debian's interpreter, AWS's runtime client and SDK, their places.

As in AWS's images from Python 3.11 on, what AWS brings lies in Python's own site-packages below
/var/lang, and /var/runtime holds the bootstrap alone:
https://docs.aws.amazon.com/lambda/latest/dg/python-image.html#python-image-searchpath.
A ``pyvenv.cfg`` makes /var/lang the prefix of Debian's interpreter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from tools.standin.steps import run

DEBIAN_PACKAGES = ("python3",)

# AWS's runtime client and SDK with all they require, so that nothing is left to resolve.
PACKAGES = (
    "awslambdaric==4.2.2",
    "boto3==1.44.5",
    "botocore==1.44.5",
    "jmespath==1.1.0",
    "python-dateutil==2.9.0.post0",
    "s3transfer==0.19.3",
    "simplejson==4.3.0",
    "six==1.17.0",
    "snapshot-restore-py==1.0.0",
    "urllib3==2.8.0",
)


def texts(version: str) -> dict[str, str]:
    """What stands in the assets for the version, ``3.11``."""
    return {"@PYTHON@": version}


def install(version: str, machine: str, root: Path, say: Callable[[str], None]) -> None:
    """Install Python's links and AWS's packages into an image's files."""
    lang = root / "var/lang"
    for name in (f"python{version}", "python3", "python"):
        (lang / "bin" / name).symlink_to(f"/usr/bin/python{version}")
    (lang / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    packages = lang / f"lib/python{version}/site-packages"
    run(
        [
            *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-compile"),
            *("--progress-bar", "off", "--disable-pip-version-check"),
            *("--root-user-action", "ignore", "--target", str(packages)),
            *("--implementation", "cp", "--python-version", version),
            *("--platform", f"manylinux2014_{machine}"),
            *("--platform", f"manylinux_2_28_{machine}"),
            *("--only-binary", ":all:"),
            *PACKAGES,
        ],
        say,
        advice="The Python package index must be reachable; try again when it is.",
    )


def finish(root: Path, say: Callable[[str], None]) -> None:
    """Compile what AWS brings; the image's files are complete."""
    say("compiling the runtime's Python files")
    run(
        [
            *("chroot", str(root), "/usr/bin/python3", "-m", "compileall", "-q"),
            *("/var/runtime", "/var/lang/lib"),
        ],
        say,
        advice="The new system does not run on this machine.",
    )
