"""A wheel, from a working copy or a source distribution, holds the carrier for both machines."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from helpers.carrier_process import CarrierProcess
from pytest_lambda_rollback.engines.carrier import sources
from pytest_lambda_rollback.engines.carrier.program import carrier_program

REPOSITORY = Path(__file__).parents[4]
WITHIN = Path("pytest_lambda_rollback/engines/carrier")
BACKEND = "from pytest_lambda_rollback.engines.carrier import packaging_backend as backend; "


@pytest.fixture(scope="module", autouse=True)
def build_tools() -> None:
    missing = [name for name in ("ziglang", "hatchling") if not importlib.util.find_spec(name)]
    if missing:
        reason = f"{' and '.join(missing)} missing: run .ci/setup zig"
        if os.environ.get("CI", "").lower() not in ("", "0", "false"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def copied(to: Path) -> Path:
    """The repository as a release is built from it, without what was built before."""
    to.mkdir(parents=True)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", ".gitignore"):
        shutil.copy(REPOSITORY / name, to)
    ignored = shutil.ignore_patterns("carrier-*", "__pycache__")
    shutil.copytree(REPOSITORY / "pytest_lambda_rollback", to / WITHIN.parts[0], ignore=ignored)
    return to


def backend(folder: Path, call: str) -> Path:
    """What the build backend makes, run as a frontend runs it: from the project's folder."""
    done = subprocess.run(
        [sys.executable, "-c", f"{BACKEND}print(backend.{call})"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "out" / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One from a working copy; one from its source distribution, in another folder."""
    first = copied(tmp_path_factory.mktemp("one") / "working-copy")
    wheel = backend(first, "build_wheel('out')")
    with tarfile.open(backend(first, "build_sdist('out')")) as archive:
        second = tmp_path_factory.mktemp("another-place")
        archive.extractall(second, filter="data")
    return wheel, backend(next(second.iterdir()), "build_wheel('out')")


def content(wheel: Path, machine: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read((WITHIN / sources.program_name(machine)).as_posix())


@pytest.mark.parametrize("machine", sources.MACHINES)
def test_program_is_static_and_small(wheels: tuple[Path, Path], machine: str) -> None:
    program = content(wheels[0], machine)
    elf = ELFFile(io.BytesIO(program))
    assert elf.header.e_machine == {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}[machine]
    kinds = {segment.header.p_type for segment in elf.iter_segments()}
    assert kinds.isdisjoint({"PT_INTERP", "PT_DYNAMIC"})
    executable = [s for s in elf.iter_segments() if s.header.p_flags & 1]
    assert all(not segment.header.p_flags & 2 for segment in executable)
    assert len(program) < 65536
    assert str(wheels[0].parents[1]).encode() not in program


@pytest.mark.parametrize("machine", sources.MACHINES)
def test_build_is_reproducible(wheels: tuple[Path, Path], machine: str) -> None:
    assert content(wheels[0], machine) == content(wheels[1], machine)


def test_installed_wheel_has_usable_carriers(wheels: tuple[Path, Path], tmp_path: Path) -> None:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for machine in sources.MACHINES:
                name = (WITHIN / sources.program_name(machine)).as_posix()
                assert archive.getinfo(name).external_attr >> 16 & 0o111 == 0o111
            archive.extractall(tmp_path / wheel.parent.parent.name)
        folder = tmp_path / wheel.parent.parent.name / WITHIN
        programs = [carrier_program(name, folder) for name in ("x86_64", "arm64")]
        own = next(p for p in programs if p.path.name.endswith(sources.own_machine()))
        own.path.chmod(0o755)
        with CarrierProcess([own.path]) as carrier:
            carrier.expect("H")
            assert carrier.run(1, "/bin/sh", "-c", "exit 6")[0] == "exited=6"


def test_source_distribution_has_sources_alone(wheels: tuple[Path, Path]) -> None:
    with tarfile.open(next(wheels[0].parent.glob("*.tar.gz"))) as archive:
        names = {Path(name).name for name in archive.getnames() if WITHIN.as_posix() in name}
    assert {"carrier.c", "system.h", "PROTOCOL.md", "packaging_backend.py"} <= names
    assert not any(name.startswith("carrier-") for name in names)


def test_zig_is_asked_for_where_it_is_needed(tmp_path: Path) -> None:
    copy = copied(tmp_path / "copy")
    asked = "json.dumps([backend.get_requires_for_build_wheel(), " \
        "backend.get_requires_for_build_editable()])"  # fmt: skip
    for compiler, needed in (("cc", [True, False]), ("/no/compiler", [True, True])):
        done = subprocess.run(
            [sys.executable, "-c", f"import json; {BACKEND}print({asked})"],
            cwd=copy, env={**os.environ, "CC": compiler, "PYTHONPATH": str(copy)},
            capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        lists = json.loads(done.stdout)
        assert [any("ziglang>=" in name for name in names) for names in lists] == needed
