"""Builds the carrier: ``python -m pytest_lambda_rollback.engines.carrier.build [--both]``.

A wheel holds the program for both machines, made by zig (``ziglang`` on PyPI), byte by byte the
same on every machine. A working copy needs it for its own machine only, which the machine's C
compiler makes where there is one: that saves the download of zig.

It is part of the package's own build, so it needs the standard library alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.engines.carrier import sources

FLAGS: Final = (
    "-std=c11", "-Os", "-Wall", "-Wextra", "-nostdlib", "-static", "-ffreestanding", "-fno-pie",
    "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fno-ident", "-s", "-g0",
    "-Wl,--build-id=none",
)  # fmt: skip
"""No C library, no start files, and nothing in the file that differs from build to build."""
BUILD_TIMEOUT_S: Final = 300


class BuildError(Exception):
    """The carrier could not be built; the text says why and what to do."""


def named_compiler() -> str | None:
    """The machine's own C compiler, if it is there and the machine is one of Lambda's."""
    if platform.system() != "Linux" or sources.own_machine() not in sources.MACHINES:
        return None
    return shutil.which(os.environ.get("CC", "cc"))


def machine_compiler() -> str | None:
    """The machine's own C compiler, if it makes a carrier."""
    compiler = named_compiler()
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        try:
            compile_with(compiler, sources.own_machine(), Path(folder) / "carrier")
        except BuildError:
            return None
    return compiler


def has_zig() -> bool:
    """True if this Python has the package ``ziglang``."""
    return importlib.util.find_spec("ziglang") is not None


def compile_with(compiler: str, machine: str, program: Path) -> None:
    """Build the program for a machine with its own compiler, or with ``zig`` for any.

    Raises BuildError with the compiler's messages.
    """
    command = [compiler, "-no-pie"]
    environment = dict(os.environ)
    if compiler == "zig":
        spec = importlib.util.find_spec("ziglang")
        if spec is None or spec.origin is None:
            raise BuildError("the package ziglang is not installed: pip install ziglang")
        headers = Path(spec.origin).parent / "lib" / "libc" / "include"
        kernel = {"x86_64": "x86-linux-any"}.get(machine, f"{machine}-linux-any")
        command = [sys.executable, "-m", "ziglang", "cc", "-target", f"{machine}-linux-none"]
        command += [f"-isystem{headers / kernel}", f"-isystem{headers / 'any-linux-any'}"]
    with tempfile.TemporaryDirectory() as cache:
        environment |= {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
        # Relative names of sources: nothing of this folder's place reaches the program.
        done = subprocess.run(
            [*command, *FLAGS, sources.MAIN, "-o", str(program)],
            cwd=sources.FOLDER,
            env=environment,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        raise BuildError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def build(machines: Sequence[str], compiler: str) -> None:
    """Build the programs beside their sources and write the stamp.

    Programs for other machines that were built from the same sources stay; others go.
    """
    built: dict[str, str] = {}
    digest = sources.sources_digest()
    for machine in sources.MACHINES:
        program = sources.FOLDER / sources.program_name(machine)
        if machine in machines:
            made = program.with_suffix(f".{os.getpid()}")
            try:
                compile_with(compiler, machine, made)
                made.chmod(0o755)
                made.replace(program)
            finally:
                made.unlink(missing_ok=True)
            built[machine] = sources.file_digest(program)
        elif is_built((machine,)):
            built[machine] = sources.file_digest(program)
        else:
            program.unlink(missing_ok=True)
    stamp = sources.FOLDER / sources.STAMP
    made = stamp.with_suffix(f".{os.getpid()}")
    made.write_text(json.dumps({"sources": digest, "programs": built}, indent=1) + "\n", "utf-8")
    made.replace(stamp)


def is_built(machines: Sequence[str]) -> bool:
    """True if these programs are there and were built from the sources as they are."""
    try:
        stamp = json.loads((sources.FOLDER / sources.STAMP).read_text(encoding="utf-8"))
        return stamp["sources"] == sources.sources_digest() and all(
            stamp["programs"].get(machine)
            == sources.file_digest(sources.FOLDER / sources.program_name(machine))
            for machine in machines
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def build_own() -> None:
    """Build the program for this machine with its C compiler, or else for both with zig.

    Raises BuildError if neither can.
    """
    why = "it is not there"
    if compiler := named_compiler():
        try:
            build((sources.own_machine(),), compiler)
        except BuildError as error:
            why = str(error)
        else:
            return
    if not has_zig():
        raise BuildError(
            "there is no C compiler with the kernel's headers (cc; on Debian and Ubuntu the "
            "packages gcc and libc6-dev) and no zig (pip install ziglang). Install one of them. "
            f"Of cc: {why}"
        )
    build(sources.MACHINES, "zig")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build from the command line; 0 when the programs are there."""
    parser = argparse.ArgumentParser(description="Build the carrier.")
    parser.add_argument("--both", action="store_true", help="for both machines, with zig")
    parser.add_argument("--if-changed", action="store_true", help="only if sources changed")
    options = parser.parse_args(arguments)
    wanted = sources.MACHINES if options.both else (sources.own_machine(),)
    if options.if_changed and is_built(wanted):
        return 0
    try:
        if options.both:
            build(sources.MACHINES, "zig")
        else:
            build_own()
    except BuildError as error:
        print(f"the carrier was not built: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
