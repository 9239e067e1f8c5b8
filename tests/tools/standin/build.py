"""Makes the stand-in base images that the Docker tests run on.

    python3 tests/tools/standin/build.py [--emulator] [python3.11 python3.13 nodejs22.x]

AWS's base images come from a registry that a test machine may not reach. A stand-in keeps their
contract (``/lambda-entrypoint.sh``, ``/var/runtime/bootstrap``, ``/var/task``, ``/opt``, the
environment variables, AWS's own runtime clients) on top of a minimal Debian: bookworm for Python
3.11, trixie for 3.13 and for Node.js 22. It needs Debian's mirror, the Python package index and
npm's, and root, because debootstrap does; no registry of containers. Users of the plugin get AWS's
images, never these.

Images: ``lambda-rollback-standin:python3.11``, ``:python3.13`` and ``:nodejs22.x``, each with the
digest of its recipe (``rootfs.py``) as label ``lambda-rollback-standin``. An image with the right
label is left alone. The files are also kept as ``<digest>.tar.gz`` in the folder
``lambda-rollback-standin`` of ``$XDG_CACHE_HOME`` (``~/.cache``), so that a new Docker daemon only
needs an import, and that needs neither root nor the network.

``--emulator`` adds ``lambda-rollback-standin:<Python runtime>-rie`` with AWS's Runtime Interface
Emulator at /usr/local/bin/aws-lambda-rie, taken from the aws-sam-cli wheel. Only the benchmarks,
which measure against it, need that.

This file knows Docker and the cache; what is in an image is decided in ``rootfs.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the tests' folder

from tools.standin.rootfs import (
    ENVIRONMENT,
    Recipe,
    check_prerequisites,
    make_rootfs,
    mounts_below,
    recipes,
)
from tools.standin.steps import BuildError, run

NAME = "lambda-rollback-standin"
LABEL = "lambda-rollback-standin"
SAM_CLI = "aws-sam-cli==1.170.0"
PROGRESS_INTERVAL_S = 1.5


class Progress:
    """Prints what each image is at, at least every PROGRESS_INTERVAL_S while work goes on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: dict[str, str] = {}
        self._started = time.monotonic()

    def reporter(self, name: str) -> Callable[[str], None]:
        """The function that a worker calls with each line of progress."""

        def say(text: str) -> None:
            with self._lock:
                self._steps[name] = text.removeprefix("I: ")  # debootstrap's mark

        return say

    @contextmanager
    def running(self) -> Iterator[None]:
        """Print from a thread of its own until the block ends."""
        done = threading.Event()

        def print_steps() -> None:
            while not done.wait(PROGRESS_INTERVAL_S):
                elapsed_s = time.monotonic() - self._started
                with self._lock:
                    steps = sorted(self._steps.items())
                for name, text in steps:
                    print(f"  {elapsed_s:4.0f} s  {name}: {text[:90]}", flush=True)

        thread = threading.Thread(target=print_steps, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def finish(self, name: str, text: str) -> None:
        """Take the image off the list and print how it ended."""
        with self._lock:
            self._steps.pop(name, None)
        print(f"  {time.monotonic() - self._started:4.0f} s  {name}: {text}", flush=True)


def main(arguments: list[str]) -> int:
    """Run the command line; 0 when every image is there, else 1 with a message on stderr."""
    known = recipes()
    parser = argparse.ArgumentParser(
        prog="build.py", description="Make the stand-in base images for the Docker tests."
    )
    parser.add_argument(
        "runtimes", nargs="*", metavar="RUNTIME", help=f"{', '.join(known)}; all when none is given"
    )
    parser.add_argument(
        "--emulator", action="store_true", help="also make Python's -rie images for the benchmark"
    )
    options = parser.parse_args(arguments)
    unknown = [runtime for runtime in options.runtimes if runtime not in known]
    if unknown:
        parser.error(f"no stand-in for {', '.join(unknown)}; there are {', '.join(known)}")
    wanted = [known[runtime] for runtime in options.runtimes or known]
    try:
        check_docker()
        build([recipe for recipe in wanted if image_label(tag(recipe)) != recipe.digest])
        if options.emulator:
            add_emulator([recipe for recipe in wanted if recipe.runtime.startswith("python")])
    except BuildError as error:
        print(f"Stand-in images not built: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stand-in images not built: interrupted.", file=sys.stderr)
        return 130
    made = " ".join(tag(recipe) for recipe in wanted)
    made += " (Python's also with -rie)" if options.emulator else ""
    print(f"Stand-in images ready: {made}")
    return 0


def tag(recipe: Recipe) -> str:
    """The image reference of a recipe."""
    return f"{NAME}:{recipe.runtime}"


def cache_folder() -> Path:
    """The folder that keeps the images' files between runs."""
    configured = os.environ.get("XDG_CACHE_HOME")
    return (Path(configured) if configured else Path.home() / ".cache") / NAME


def build(missing: list[Recipe]) -> None:
    """Make and import the images that are missing, all at the same time."""
    if not missing:
        return
    new = [recipe for recipe in missing if not archive_of(recipe).exists()]
    if new:
        check_prerequisites(new)
    print(f"Building {', '.join(tag(recipe) for recipe in missing)} (about 3 minutes when new)")
    progress = Progress()
    with progress.running(), ThreadPoolExecutor(len(missing)) as workers:
        for result in [workers.submit(build_one, recipe, progress) for recipe in missing]:
            result.result()


def build_one(recipe: Recipe, progress: Progress) -> None:
    """Make one image, from the cached files where they are."""
    say = progress.reporter(recipe.runtime)
    archive = archive_of(recipe)
    if not archive.exists():
        say(f"starting debootstrap {recipe.suite}")
        make_archive(recipe, archive, say)
    say("importing into Docker")
    changes = [f"ENV {name}={value}" for name, value in ENVIRONMENT.items()]
    changes += [
        f"LABEL {LABEL}={recipe.digest}",
        "WORKDIR /var/task",
        f"ENTRYPOINT {json.dumps(['/lambda-entrypoint.sh'])}",
    ]
    options = [option for change in changes for option in ("--change", change)]
    outdated = image_id(tag(recipe))
    docker("import", *options, str(archive), tag(recipe))
    remove_image(outdated)
    progress.finish(recipe.runtime, "ready")


def archive_of(recipe: Recipe) -> Path:
    """The cached files of an image."""
    return cache_folder() / f"{recipe.digest}.tar.gz"


def make_archive(recipe: Recipe, archive: Path, say: Callable[[str], None]) -> None:
    """Make the files of an image and pack them; the archive appears whole or not at all."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f"{recipe.runtime}-", dir=archive.parent)).resolve()
    root = work / "root"
    try:
        root.mkdir()
        make_rootfs(recipe, root, say)
        say("packing the files")
        packed = work / "packed.tar.gz"
        run(
            [
                *("tar", "--create", "--sort=name", "--numeric-owner", "--one-file-system"),
                *("--use-compress-program=gzip -1", f"--file={packed}", f"--directory={root}", "."),
            ],
            say,
            advice=f"See whether the disk that holds {archive.parent} is full.",
        )
        packed.replace(archive)
    finally:
        for mount in mounts_below(root):
            subprocess.run(["umount", "--lazy", mount], check=False)
        if not any(mounts_below(root)):  # else the removal would reach into the host's own files
            shutil.rmtree(work, ignore_errors=True)


def add_emulator(wanted: list[Recipe]) -> None:
    """Make the ``-rie`` image of each stand-in: the same with AWS's emulator in it."""
    for recipe in wanted:
        expected = f"{recipe.digest}-{SAM_CLI}"
        if image_label(f"{tag(recipe)}-rie") == expected:
            continue
        print(f"  adding AWS's emulator ({SAM_CLI}) to {tag(recipe)}", flush=True)
        outdated = image_id(f"{tag(recipe)}-rie")
        container = docker("create", tag(recipe), "unused.handler").strip()
        try:
            docker("cp", str(emulator(recipe)), f"{container}:/usr/local/bin/aws-lambda-rie")
            change = f"LABEL {LABEL}={expected}"
            # The command that `create` demands must not become a part of the image.
            docker(
                "commit", "--change", change, "--change", "CMD []", container, f"{tag(recipe)}-rie"
            )
        finally:
            docker("rm", container)
        remove_image(outdated)


def emulator(recipe: Recipe) -> Path:
    """AWS's emulator for the machine, from the cache or the aws-sam-cli wheel."""
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[recipe.machine]
    cached = cache_folder() / f"aws-lambda-rie-{machine}-{SAM_CLI.partition('==')[2]}"
    if cached.exists():
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
        run(
            [
                *(sys.executable, "-m", "pip", "download", "--no-deps", "--progress-bar", "off"),
                *("--only-binary", ":all:", "--dest", folder, SAM_CLI),
            ],
            lambda line: print(f"  {line[:100]}", flush=True),
            advice="The Python package index must be reachable; try again when it is.",
        )
        wheel = next(Path(folder).glob("*.whl"))
        with zipfile.ZipFile(wheel) as content:
            binary = Path(folder, "aws-lambda-rie")
            binary.write_bytes(content.read(f"samcli/local/rapid/aws-lambda-rie-{machine}"))
        binary.chmod(0o755)
        binary.replace(cached)
    return cached


def check_docker() -> None:
    """Raise BuildError where no Docker daemon answers."""
    if not shutil.which("docker"):
        raise BuildError(
            "there is no docker command. Install Docker "
            "(Debian and Ubuntu: apt-get install -y docker.io iptables) and start it."
        )
    docker("version", "--format", "{{.Server.Version}}")


def image_label(reference: str) -> str | None:
    """The stand-in label of an image, None where there is no such image."""
    inspected = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", reference],
        capture_output=True,
        text=True,
        check=False,
    )
    if inspected.returncode:
        return None
    label: str | None = (json.loads(inspected.stdout) or {}).get(LABEL)
    return label


def image_id(reference: str) -> str | None:
    """The id of an image, None where there is no such image."""
    found = docker("image", "ls", "--quiet", "--no-trunc", reference).split()
    return found[0] if found else None


def remove_image(outdated: str | None) -> None:
    """Remove an image that lost its tag, unless other images or containers stand on it."""
    if outdated is not None:
        subprocess.run(["docker", "image", "rm", outdated], capture_output=True, check=False)


def docker(*arguments: str) -> str:
    """Run the docker command and return what it prints; BuildError with its message."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        message = " ".join(done.stderr.split()) or "no message"
        raise BuildError(
            f"docker {arguments[0]} failed ({message}). "
            "Start Docker, or see that your user may use it (group docker), and try again."
        )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
