"""Sandbox engines for the tests, as whoever runs them and as an ordinary user."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.made_versions import changed
from helpers.sandbox_gate import needed_bubblewrap
from pytest_lambda_rollback.engines.carrier.program import CarrierProgram, carrier_program
from pytest_lambda_rollback.engines.host import runtime_bootstrap
from pytest_lambda_rollback.engines.host.interpreters import Interpreter, InterpreterFinder
from pytest_lambda_rollback.engines.sandbox import engine as engine_module
from pytest_lambda_rollback.engines.sandbox import file_system
from pytest_lambda_rollback.engines.sandbox.engine import SandboxEngine
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, Layer
from pytest_lambda_rollback.packages.artifacts import ArtifactStore

OWN = "{}.{}".format(*sys.version_info)
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
USER = 12_345
"""An ordinary user, who need not be known to the machine."""

MakeVersion = Callable[..., FunctionVersion]


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can look into."""
    folder = Path(tempfile.mkdtemp(prefix="open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def store(open_folder: Path) -> ArtifactStore:
    return ArtifactStore(open_folder / "store")


@pytest.fixture(scope="module", params=["own user", "ordinary user"])
def engine(
    request: pytest.FixtureRequest,
    open_folder: Path,
    store: ArtifactStore,
    pytestconfig: pytest.Config,
) -> Iterator[SandboxEngine]:
    """As whoever runs the tests, and where that is root as an ordinary user as well."""
    bubblewrap = needed_bubblewrap()
    finder = InterpreterFinder(cache_dir=pytestconfig.rootpath / ".cache" / "process-engine")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "ordinary user":
            if os.geteuid() != 0:
                pytest.skip("the tests run as an ordinary user already")
            script = open_folder / "bwrap"
            identity = f"--reuid={USER} --regid={USER} --clear-groups"
            # It is called once more in the network that it made, as that user.
            script.write_text(
                f'#!/bin/sh\nchange="setpriv {identity}"\n[ -z "$CHANGED" ] || change=\n'
                f'CHANGED=1 exec $change {bubblewrap.executable} "$@"\n'
            )
            script.chmod(0o755)
            bubblewrap = replace(bubblewrap, executable=script, as_root=False)
            interpreter = readable_by_all(finder.find(OWN, print), open_folder, patch)
            finder = SimpleNamespace(find=lambda *_: interpreter)  # type: ignore[assignment]
        engine = SandboxEngine(
            bubblewrap=bubblewrap,
            store_unpack=store.unpack,
            interpreters=finder,
            work_dir=open_folder / "work",
        )
        new_folder = engine._preparation._folder

        def folder(kind: str) -> Path:
            made = new_folder(kind)
            for each in (made, made.parent):
                each.chmod(0o755)
            return made

        # The folder of a run is its user's own, who is another one than ours here.
        patch.setattr(engine._preparation, "_folder", folder)
        yield engine
        engine.close()
        assert list((open_folder / "work").iterdir()) == []


def readable_by_all(interpreter: Interpreter, into: Path, patch: pytest.MonkeyPatch) -> Interpreter:
    """The system's interpreter, with copies of what may lie in root's home."""
    system = Path(f"/usr/bin/python{OWN}")
    if not system.exists():
        pytest.skip(f"there is no {system} for an ordinary user")
    carrier = into / "carrier"
    shutil.copy(carrier_program(ARCHITECTURE).path, carrier)
    bootstrap = Path(runtime_bootstrap.__file__)
    for path in (bootstrap, bootstrap.with_suffix(".sh")):
        shutil.copy(path, into)
    patch.setattr(
        engine_module, "carrier_program", lambda _: CarrierProgram(path=carrier, sha256="")
    )
    patch.setattr(
        file_system, "runtime_bootstrap", SimpleNamespace(__file__=str(into / bootstrap.name))
    )
    packages = into / "packages"
    packages.mkdir()
    copies = []
    for path in interpreter.runtime_paths:
        if not path.name.startswith(("boto", "s3transfer")):
            copy = packages / path.name
            copies.append(copy)
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)
    return replace(
        interpreter,
        executable=system,
        prefix=Path("/usr"),
        stdlib=Path(f"/usr/lib/python{OWN}"),
        libraries=(),
        runtime_paths=tuple(copies),
    )


@pytest.fixture
def make_version(store: ArtifactStore, tmp_path: Path) -> MakeVersion:
    def package(files: dict[str, str]) -> Path:
        folder = tmp_path / f"package-{len(list(tmp_path.iterdir()))}"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
            path.chmod(0o755 if text.startswith("#!") else 0o644)
        return folder

    def make(code: str, *, layer: dict[str, str] | None = None, **changes: Any) -> FunctionVersion:
        files = {"app.py": code}
        layers = ()
        if layer:
            artifact = store.load(package(layer), label="layer", root_dir="/opt")
            layers = (Layer(name="layer", version="1", artifact=artifact),)
        version = FunctionVersion(
            function="orders",
            version="3",
            code=store.load(package(files), label="code", root_dir="/var/task"),
            layers=layers,
            configuration=FunctionConfiguration(
                runtime=f"python{OWN}",
                architecture=ARCHITECTURE,
                handler="app.handler",
                timeout_s=20.0,
            ),
        )
        return changed(version, **changes)

    return make
