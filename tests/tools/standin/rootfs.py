"""What is inside a stand-in base image: the recipe, its digest, and how its files are made.

Knows Debian, pip and AWS's layout of a base image. Must not know Docker or the cache; those
are in ``build.py``. The digest covers this file and ``assets/``: an edit here means that the
images are built again, an edit to ``build.py`` does not.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEBOOTSTRAP_SCRIPTS = Path("/usr/share/debootstrap/scripts")
ASSETS = Path(__file__).with_name("assets")

DEBIAN_PACKAGES = ("python3", "ca-certificates")

# AWS's runtime client and SDK with all they require, so that nothing is left to resolve.
PYTHON_PACKAGES = (
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

# Of no use to a function, and half of the size.
UNWANTED = (
    "dev/*",
    "etc/hostname",
    "etc/resolv.conf",
    "usr/share/bash-completion",
    "usr/share/doc/*",
    "usr/share/info/*",
    "usr/share/locale/*",
    "usr/share/man/*",
    "var/cache/apt/*",
    "var/cache/debconf/*-old",
    "var/lib/apt/lists/*",
    "var/log/*",
)

# As AWS's base images for Python set them.
ENVIRONMENT = {
    "LANG": "en_US.UTF-8",
    "TZ": ":/etc/localtime",
    "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "LD_LIBRARY_PATH": (
        "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib"
        ":/var/task:/var/task/lib:/opt/lib"
    ),
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}


class BuildError(Exception):
    """The image could not be made; the message is one paragraph that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One stand-in image: a Lambda runtime, and the Debian release whose Python it is."""

    runtime: str
    suite: str
    machine: str

    @property
    def python(self) -> str:
        """The version as ``3.11``."""
        return self.runtime.removeprefix("python")

    @property
    def digest(self) -> str:
        """Hex digest of everything that decides what the image holds."""
        content = hashlib.sha256()
        parts = [part.encode() for part in (self.runtime, self.suite, self.machine)]
        parts += [path.read_bytes() for path in (Path(__file__), *sorted(ASSETS.iterdir()))]
        for part in parts:
            content.update(len(part).to_bytes(8, "big") + part)
        return content.hexdigest()


def recipes() -> dict[str, Recipe]:
    """The images that can be made, by Lambda runtime, for the machine this runs on."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    suites = {"python3.11": "bookworm", "python3.13": "trixie"}
    return {
        runtime: Recipe(runtime=runtime, suite=suite, machine=machine)
        for runtime, suite in suites.items()
    }


def check_prerequisites() -> None:
    """Raise BuildError where this machine cannot make a root file system."""
    if os.geteuid() != 0:
        raise BuildError(
            "making a stand-in image needs root (debootstrap changes into the new system). "
            "Run the same command with sudo, or as root in a container or virtual machine."
        )
    if not shutil.which("debootstrap") or not KEYRING.exists():
        raise BuildError(
            "debootstrap or Debian's signing keys are missing. Install them: "
            "apt-get install -y --no-install-recommends debootstrap debian-archive-keyring"
        )
    if importlib.util.find_spec("pip") is None:
        raise BuildError(
            f"{sys.executable} has no pip, which fetches AWS's runtime client. "
            "Run this with the Python of a virtual environment, e.g. .venv/bin/python."
        )


def make_rootfs(recipe: Recipe, root: Path, say: Callable[[str], None]) -> None:
    """Fill the new directory ``root`` with the image's files; ``say`` gets lines of progress.

    Raises BuildError with the last lines of the step that failed.
    """
    _install_debian(recipe, root, say)
    _install_runtime(recipe, root, say)
    say("removing what a function does not need")
    for pattern in UNWANTED:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    root.chmod(0o755)


def mounts_below(root: Path) -> Iterator[Path]:
    """What an interrupted debootstrap left mounted in ``root``, innermost first."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    targets = (Path(line.split()[1]) for line in lines)
    yield from sorted((t for t in targets if root in t.parents), reverse=True)


def _install_debian(recipe: Recipe, root: Path, say: Callable[[str], None]) -> None:
    script = DEBOOTSTRAP_SCRIPTS / recipe.suite
    if not script.exists():  # an older debootstrap; every Debian release is set up like sid
        script = DEBOOTSTRAP_SCRIPTS / "sid"
    run(
        [
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(DEBIAN_PACKAGES)}",
            f"--keyring={KEYRING}",
            recipe.suite,
            str(root),
            MIRROR,
            str(script),
        ],
        say,
        advice=f"Debian's mirror {MIRROR} must be reachable; try again when it is.",
    )


def _install_runtime(recipe: Recipe, root: Path, say: Callable[[str], None]) -> None:
    """Lay out /var/runtime, /var/lang, /var/task, /opt and the entry point."""
    runtime = root / "var/runtime"
    for directory in ("var/runtime", "var/task", "var/lang/bin", "var/lang/lib", "opt"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for name in (f"python{recipe.python}", "python3", "python"):
        (root / "var/lang/bin" / name).symlink_to(f"/usr/bin/python{recipe.python}")
    run(
        [
            *(sys.executable, "-m", "pip", "install", "--no-deps", "--no-compile"),
            *("--progress-bar", "off", "--disable-pip-version-check"),
            *("--root-user-action", "ignore", "--target", str(runtime)),
            *("--implementation", "cp", "--python-version", recipe.python),
            *("--platform", f"manylinux2014_{recipe.machine}"),
            *("--platform", f"manylinux_2_28_{recipe.machine}"),
            *("--only-binary", ":all:"),
            *PYTHON_PACKAGES,
        ],
        say,
        advice="The Python package index must be reachable; try again when it is.",
    )
    shutil.rmtree(runtime / "bin", ignore_errors=True)
    _copy_asset("lambda-entrypoint.sh", root / "lambda-entrypoint.sh", recipe, mode=0o755)
    _copy_asset("bootstrap", runtime / "bootstrap", recipe, mode=0o755)
    _copy_asset("bootstrap.py", runtime / "bootstrap.py", recipe, mode=0o644)
    say("compiling the runtime's Python files")
    run(
        ["chroot", str(root), "/usr/bin/python3", "-m", "compileall", "-q", "/var/runtime"],
        say,
        advice="The new system does not run on this machine.",
    )


def _copy_asset(name: str, target: Path, recipe: Recipe, *, mode: int) -> None:
    text = (ASSETS / name).read_text(encoding="utf-8")
    target.write_text(text.replace("@PYTHON@", recipe.python), encoding="utf-8")
    target.chmod(mode)


def run(command: list[str], say: Callable[[str], None], *, advice: str) -> None:
    """Run a command, handing on each line it prints; BuildError with ``advice`` if it fails."""
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ) as process:
        for line in process.stdout or ():
            if line.strip():
                lines.append(line.strip())
                say(line.strip())
    if process.returncode:
        last = " | ".join(lines[-3:]) or "no output"
        raise BuildError(
            f"{Path(command[0]).name} ended with exit code {process.returncode}: {last}. {advice}"
        )
