"""What is inside a stand-in base image: the recipe, its digest, and how its files are made.

Knows Debian and AWS's layout of a base image. Must not know Docker or the cache; those are in
``build.py``, nor what a language needs; that is in ``python_runtime.py`` and ``nodejs_runtime.py``.
The digest covers this file, the language's own and its part of ``assets/``: an edit there means
that the images are built again, an edit to ``build.py`` does not.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tools.standin import nodejs_runtime, python_runtime
from tools.standin.steps import BuildError, run

MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEBOOTSTRAP_SCRIPTS = Path("/usr/share/debootstrap/scripts")
ASSETS = Path(__file__).with_name("assets")

DEBIAN_PACKAGES = ("ca-certificates",)
ENTRY_POINT = "lambda-entrypoint.sh"

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One stand-in image: a Lambda runtime, and the Debian release that it stands on."""

    runtime: str
    suite: str
    machine: str

    @property
    def language(self) -> ModuleType:
        """The module that knows how the runtime's language is installed."""
        return python_runtime if self.runtime.startswith("python") else nodejs_runtime

    @property
    def version(self) -> str:
        """The language's version: ``3.11`` of Python, ``22`` of Node.js."""
        return self.runtime.removeprefix("python").removeprefix("nodejs").removesuffix(".x")

    @property
    def assets(self) -> tuple[Path, ...]:
        """The files that become a part of /var/runtime."""
        folder = ASSETS / ("python" if self.language is python_runtime else "nodejs")
        return tuple(sorted(folder.iterdir()))

    @property
    def digest(self) -> str:
        """Hex digest of everything that decides what the image holds."""
        content = hashlib.sha256()
        files = (Path(__file__), Path(str(self.language.__file__)), ASSETS / ENTRY_POINT)
        parts = [part.encode() for part in (self.runtime, self.suite, self.machine)]
        parts += [path.read_bytes() for path in (*files, *self.assets)]
        for part in parts:
            content.update(len(part).to_bytes(8, "big") + part)
        return content.hexdigest()


def recipes() -> dict[str, Recipe]:
    """The images that can be made, by Lambda runtime, for the machine this runs on."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    suites = {"python3.11": "bookworm", "python3.13": "trixie", "nodejs22.x": "trixie"}
    return {
        runtime: Recipe(runtime=runtime, suite=suite, machine=machine)
        for runtime, suite in suites.items()
    }


def check_prerequisites(wanted: Iterable[Recipe]) -> None:
    """Raise BuildError where this machine cannot make these root file systems."""
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
    if any(recipe.language is nodejs_runtime for recipe in wanted):
        nodejs_runtime.check_prerequisites()


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
            f"--include={','.join((*DEBIAN_PACKAGES, *recipe.language.DEBIAN_PACKAGES))}",
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
    for directory in ("var/runtime", "var/task", "var/lang/bin", "var/lang/lib", "opt"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    recipe.language.install(recipe.version, recipe.machine, root, say)
    _copy_asset(ASSETS / ENTRY_POINT, root, recipe)
    for asset in recipe.assets:
        _copy_asset(asset, root / "var/runtime", recipe)
    recipe.language.finish(root, say)


def _copy_asset(asset: Path, folder: Path, recipe: Recipe) -> None:
    text = asset.read_text(encoding="utf-8")
    for name, value in recipe.language.texts(recipe.version).items():
        text = text.replace(name, value)
    target = folder / asset.name
    target.write_text(text, encoding="utf-8")
    target.chmod(0o755 if text.startswith("#!") else 0o644)
