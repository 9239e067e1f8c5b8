"""The built carrier: found, checked against its sources, and refused with what to do."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pytest_lambda_rollback.engines.carrier import build, sources
from pytest_lambda_rollback.engines.carrier.program import carrier_program
from pytest_lambda_rollback.errors import EngineError

OWN = {"x86_64": "x86_64", "aarch64": "arm64"}[sources.own_machine()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the carrier's sources and what is built of them."""
    return Path(shutil.copytree(sources.FOLDER, tmp_path / "carrier"))


def test_program_of_this_machine(folder: Path) -> None:
    program = carrier_program(OWN, folder)
    assert program.path == folder / f"carrier-{sources.own_machine()}"
    assert program.sha256 == hashlib.sha256(program.path.read_bytes()).hexdigest()
    assert os.access(program.path, os.X_OK)


def test_missing_program_says_how_to_build_it(folder: Path) -> None:
    (folder / f"carrier-{sources.own_machine()}").unlink()
    with pytest.raises(EngineError, match=r"was not built.*carrier\.build; else install"):
        carrier_program(OWN, folder)


def test_missing_program_of_another_machine_needs_both(folder: Path) -> None:
    other = {"x86_64": "arm64", "arm64": "x86_64"}[OWN]
    for machine in sources.MACHINES:
        if machine != sources.own_machine():
            (folder / f"carrier-{machine}").unlink(missing_ok=True)
    with pytest.raises(EngineError, match=r"carrier\.build --both"):
        carrier_program(other, folder)


def test_nothing_built_is_the_same_as_missing(folder: Path) -> None:
    (folder / sources.STAMP).unlink()
    with pytest.raises(EngineError, match="was not built"):
        carrier_program(OWN, folder)


@pytest.mark.parametrize("name", ["carrier.c", "system.h", "new.h"])
def test_program_of_other_sources_is_refused(folder: Path, name: str) -> None:
    with (folder / name).open("a") as file:
        file.write("/* changed */\n")
    with pytest.raises(EngineError, match="built from other sources"):
        carrier_program(OWN, folder)


def test_changed_program_is_refused(folder: Path) -> None:
    with (folder / f"carrier-{sources.own_machine()}").open("ab") as file:
        file.write(b"x")
    with pytest.raises(EngineError, match="is not what the build made"):
        carrier_program(OWN, folder)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"sources": 1, "programs": []}'])
def test_broken_stamp_is_an_engine_error(folder: Path, content: str) -> None:
    (folder / sources.STAMP).write_text(content)
    with pytest.raises(EngineError, match="the carrier for"):
        carrier_program(OWN, folder)


def test_unknown_architecture_names_those_of_lambda(folder: Path) -> None:
    with pytest.raises(EngineError, match="x86_64 and arm64"):
        carrier_program("riscv64", folder)


def test_build_keeps_only_what_is_of_these_sources(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "FOLDER", folder)
    monkeypatch.setattr(sources.sources_digest, "__defaults__", (folder,))
    other = folder / ("carrier-aarch64" if OWN == "x86_64" else "carrier-x86_64")
    other.write_bytes(b"old")
    (folder / "carrier.c").write_text((folder / "carrier.c").read_text() + "/* changed */\n")
    assert not build.is_built((sources.own_machine(),))
    build.build_own()
    assert build.is_built((sources.own_machine(),))
    assert not other.exists()
    stamp = json.loads((folder / sources.STAMP).read_text())
    assert stamp["sources"] == sources.sources_digest(folder)
    assert carrier_program(OWN, folder).path.exists()


def test_compiler_error_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "FOLDER", folder)
    (folder / "carrier.c").write_text("#error it is broken\n")
    compiler = shutil.which("cc")
    assert compiler, ".ci/setup compiler installs one"
    with pytest.raises(build.BuildError, match="it is broken"):
        build.compile_with(compiler, sources.own_machine(), folder / "out")
    assert build.machine_compiler() is None


def test_neither_compiler_nor_zig_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "FOLDER", folder)
    monkeypatch.setattr(build, "has_zig", lambda: False)
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(build.BuildError, match=r"gcc and libc6-dev.*pip install ziglang"):
        build.build_own()
    (folder / "carrier.c").write_text("#error it is broken\n")
    monkeypatch.delenv("CC")
    with pytest.raises(build.BuildError, match="it is broken"):
        build.build_own()


def test_binaries_are_not_in_git() -> None:
    done = subprocess.run(
        ["git", "ls-files", str(sources.FOLDER)],
        cwd=sources.FOLDER, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    names = {Path(line).name for line in done.stdout.split()}
    assert {"carrier.c", "PROTOCOL.md"} <= names
    assert not any(name.startswith("carrier-") for name in names)
