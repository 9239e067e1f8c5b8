"""Small Python code and layers for tests, and the imports contract's judgement of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from helpers.made_versions import changed
from helpers.subjects import subject, worded
from pytest_lambda_rollback.contracts.imports.contract import judge
from pytest_lambda_rollback.import_analysis.api_changes import ApiReader
from pytest_lambda_rollback.import_analysis.module_reader import ModuleReader
from pytest_lambda_rollback.model.findings import Judgement
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import FunctionConfiguration, FunctionVersion, Layer
from pytest_lambda_rollback.packages.artifacts import ArtifactStore

Files = Mapping[str, str | bytes]

MONEY_1: Files = {
    "acme/__init__.py": "",
    "acme/money.py": "def to_text(cents): ...\n\n\ndef add(a, b): ...\n",
    "acme/extra.py": "VALUE = 1\n",
}
MONEY_2: Files = {
    "acme/__init__.py": "",
    "acme/money.py": "def format_amount(cents, currency): ...\n\n\ndef add(a, b): ...\n",
}
"""The next version of it: ``to_text`` and ``acme.extra`` are gone."""


def installed(name: str, version: str, *tops: str) -> dict[str, str]:
    """The metadata of a distribution, as pip leaves them beside its packages."""
    info = f"{name}-{version}.dist-info"
    return {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/top_level.txt": "\n".join(tops) + "\n",
    }


class Workbench:
    """Makes function versions from tables of files, in one artefact store."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = 0
        self._store = ArtifactStore(root / "store")
        self.reader = ModuleReader(root / "cache")
        self.api = ApiReader(root / "cache")

    def version(
        self,
        number: str,
        code: Files,
        layers: Mapping[str, Files],
        *,
        runtime: str = "python3.11",
        handler: str = "app.handler",
        environment: Mapping[str, str] | None = None,
    ) -> FunctionVersion:
        """``layers`` by name and version, ``shared 1``; the names in them begin at /opt."""
        return FunctionVersion(
            function="orders",
            version=number,
            code=self._store.load(self._folder(code), label="code", root_dir="/var/task"),
            layers=tuple(self._layer(name, files) for name, files in layers.items()),
            configuration=FunctionConfiguration(
                runtime=runtime, handler=handler, environment=tuple((environment or {}).items())
            ),
        )

    def judge(
        self, target: FunctionVersion, current: FunctionVersion, strategy: Strategy
    ) -> Judgement:
        """Judge as a session does."""
        redeployed = changed(
            current, version=target.version, code=target.code, handler=target.configuration.handler
        )
        judgement = judge(
            subject(target.version, strategy, current=current.version),
            own=self.reader.view(target),
            redeployed=self.reader.view(redeployed),
            live=self.reader.view(current),
            api=self.api.compare(target, redeployed) if strategy is Strategy.REDEPLOY else None,
        )
        return worded(judgement)

    def rollback(
        self,
        code: str | Files,
        old: Files,
        new: Files,
        *,
        strategy: Strategy = Strategy.REDEPLOY,
        runtime: str = "python3.11",
        current_runtime: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Judgement:
        """Version 2's code, built on layer ``shared 1`` with ``old``, where ``new`` is current."""
        files = {"app.py": code} if isinstance(code, str) else code
        target = self.version(
            "2", files, {"shared 1": in_python(old)}, runtime=runtime, environment=environment
        )
        current = self.version(
            "4",
            {"app.py": "def handler(event, context): ...\n"},
            {"shared 2": in_python(new)},
            runtime=current_runtime or runtime,
            environment=environment,
        )
        return self.judge(target, current, strategy)

    def _layer(self, name: str, files: Files) -> Layer:
        words = name.split()
        folder = self._folder(files)
        return Layer(
            name=words[0],
            version=words[1] if words[1:] else None,
            artifact=self._store.load(folder, label=name, root_dir="/opt"),
        )

    def _folder(self, files: Files) -> Path:
        self._count += 1
        folder = self._root / f"package-{self._count}"
        folder.mkdir()
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder


def in_python(files: Files) -> dict[str, str | bytes]:
    """Files as a layer has them, where Python finds them."""
    return {f"python/{name}": content for name, content in files.items()}
