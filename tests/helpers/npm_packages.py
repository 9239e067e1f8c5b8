"""Packages from npm for tests of Node.js handlers, installed once into the cases' cache."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from helpers.docker_gate import stop

_TIMEOUT_S = 300


def installed(root: Path, *pins: str) -> Path:
    """The folder ``node_modules`` with packages of the form ``name@version``, scripts not run.

    It is below ``root``; what is there needs no network. Stops the test where there is no npm.
    """
    digest = hashlib.sha256("\n".join(sorted(pins)).encode()).hexdigest()[:32]
    folder = root / f"npm-{digest}"
    if not folder.is_dir():
        npm = shutil.which("npm")
        if npm is None:
            stop("npm is not installed. Install Node.js with npm.")
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root, prefix=".installing-") as scratch:
            (Path(scratch) / "package.json").write_text("{}")
            options = ["--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts", "--silent"]
            subprocess.run(
                [npm, "install", *options, *pins], cwd=scratch, check=True, timeout=_TIMEOUT_S
            )
            # Another process may have been faster; its folder is as good.
            with contextlib.suppress(OSError):
                Path(scratch, "node_modules").rename(folder)
    return folder
