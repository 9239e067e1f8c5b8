"""Small code and layer packages for tests: tables of files in an artefact store."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_lambda_rollback.model.packages import LayerView, VersionView
from pytest_lambda_rollback.model.versions import (
    Artifact,
    FunctionConfiguration,
    FunctionVersion,
    Layer,
)
from pytest_lambda_rollback.packages.artifacts import ArtifactStore
from pytest_lambda_rollback.packages.inventory import InventoryReader

Files = Mapping[str, str | bytes]

MACHINES = {"x86_64": 62, "aarch64": 183}
MACH_O = b"\xcf\xfa\xed\xfe" + bytes(60)
PE = b"MZ" + bytes(62)


def elf(machine: str = "x86_64", *, glibc: Sequence[str] = (), weak: Sequence[str] = ()) -> bytes:
    """A 64-bit ELF header, with one version-needs section for the symbol versions of libc.

    Those in ``weak`` may be missing.
    """
    names = b"\0libc.so.6\0"
    records = b""
    needed = [*((each, 0) for each in glibc), *((each, 2) for each in weak)]
    for index, (version, flags) in enumerate(needed):
        following = 16 if index + 1 < len(needed) else 0
        records += struct.pack("<IHHII", 0, flags, index + 2, len(names), following)
        names += f"GLIBC_{version}".encode() + b"\0"
    needs = struct.pack("<HHIII", 1, len(needed), 1, 16, 0) + records if needed else b""
    needs_at = 64
    names_at = needs_at + len(needs)
    sections_at = names_at + len(names)
    header = b"\x7fELF\x02\x01\x01" + bytes(9)
    header += struct.pack("<HHI", 3, MACHINES[machine], 1)
    header += struct.pack("<QQQ", 0, 0, sections_at)
    header += struct.pack("<IHHHHHH", 0, 64, 0, 0, 64, 3, 0)
    sections = bytes(64)
    sections += struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, names_at, len(names), 0, 0, 1, 0)
    sections += struct.pack(
        "<IIQQQQIIQQ", 0, 0x6FFFFFFE, 0, 0, needs_at, len(needs), 1, 1 if needed else 0, 4, 0
    )
    return header + needs + names + sections


def distribution(
    name: str,
    version: str,
    *,
    at: str = "",
    requires: Sequence[str] = (),
    extras: Sequence[str] = (),
    requires_python: str = "",
    tags: Sequence[str] = ("py3-none-any",),
    files: Files | None = None,
    record: bool = True,
) -> dict[str, str | bytes]:
    """A distribution as pip installs it into the folder ``at``; one package unless ``files``."""
    module = name.replace("-", "_").replace(".", "_").lower()
    content: dict[str, str | bytes] = dict(
        {f"{module}/__init__.py": f"__version__ = {version!r}\n"} if files is None else files
    )
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {text}" for text in requires]
    info = f"{module}-{version}.dist-info"
    content[f"{info}/METADATA"] = "\n".join(lines) + "\n\nA long\nRequires-Dist: description\n"
    content[f"{info}/WHEEL"] = "Wheel-Version: 1.0\n" + "".join(f"Tag: {tag}\n" for tag in tags)
    if record:
        content[f"{info}/RECORD"] = "".join(
            f"{path},sha256={_sha256(data)},{len(_bytes(data))}\n" for path, data in content.items()
        )
    return {f"{at}/{path}" if at else path: data for path, data in content.items()}


def zip_of(files: Files) -> bytes:
    """The files as a zip, a wheel or an egg."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()


class Packages:
    """Puts tables of files into an artefact store, and joins them to versions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = ArtifactStore(folder / "store")
        self._reader = InventoryReader(folder / "cache")
        self._count = 0

    def artifact(self, files: Files, *, root_dir: str = "/opt") -> Artifact:
        self._count += 1
        folder = self._folder / f"package-{self._count}"
        folder.mkdir()
        for path, data in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(_bytes(data))
        return self.load(folder, root_dir=root_dir)

    def load(self, folder: Path, *, root_dir: str = "/opt") -> Artifact:
        return self._store.load(folder, label=folder.name, root_dir=root_dir)

    def layer(
        self,
        name: str,
        *parts: Files,
        version: str = "1",
        runtimes: tuple[str, ...] | None = None,
        architectures: tuple[str, ...] | None = None,
    ) -> LayerView:
        artifact = self.artifact(_merged(parts))
        return LayerView(
            layer=Layer(name=name, version=version, artifact=artifact),
            inventory=self._reader.read(artifact, role="layer"),
            compatible_runtimes=runtimes,
            compatible_architectures=architectures,
        )

    def version(
        self,
        number: str,
        *parts: Files,
        layers: Sequence[LayerView] = (),
        runtime: str = "python3.11",
        architecture: str = "x86_64",
        environment: tuple[tuple[str, str], ...] = (),
    ) -> VersionView:
        code = self.artifact(_merged(parts) or {"app.py": "\n"}, root_dir="/var/task")
        return VersionView(
            version=FunctionVersion(
                function="orders",
                version=number,
                code=code,
                layers=tuple(view.layer for view in layers),
                configuration=FunctionConfiguration(
                    runtime=runtime,
                    handler="app.handler",
                    architecture=architecture,
                    environment=environment,
                ),
            ),
            code=self._reader.read(code, role="code"),
            layers=tuple(layers),
        )


def _merged(parts: Sequence[Files]) -> dict[str, str | bytes]:
    return {path: data for part in parts for path, data in part.items()}


def _bytes(data: str | bytes) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _sha256(data: str | bytes) -> str:
    digest = hashlib.sha256(_bytes(data)).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
