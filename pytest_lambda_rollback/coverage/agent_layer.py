"""The version that measures: a target with one more layer, which holds the coverage agent.

Neither the target's packages nor the engines change, and no judged replay runs on such a version.
The layer's tar depends only on the agent's text. This module reads nothing of the target.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.aws_lambda.runtimes import minor_version, python_version
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import Artifact, FunctionVersion, Layer
from pytest_lambda_rollback.packages import new_files

MODULE: Final = "_lambda_rollback_coverage"
HANDLER: Final = f"{MODULE}.handler"
LABEL: Final = "lambda-rollback coverage agent"

_FOLDER: Final = "lambda-rollback-coverage"
_AGENT: Final = Path(__file__).with_name("agent.py")
_MTIME_S: Final = 315_532_800
_INIT_S: Final = 10.0
_SLOWER: Final = 12
"""Loops of nothing but Python, traced as before Python 3.12."""
_SLOWER_UP_TO_S: Final = 300.0
_MORE_MEMORY_MB: Final = 256


def not_measurable(version: FunctionVersion) -> str | None:
    """Why lines cannot be measured for a version, ``None`` if they can."""
    runtime = version.configuration.runtime
    python = python_version(runtime)
    if python is not None and minor_version(python) >= (3, 8):
        return None
    return f"lines are measured for Python runtimes only, and this one is {runtime}"


def coverage_version(version: FunctionVersion, artifacts_root: Path) -> FunctionVersion:
    """The version to replay on for coverage; `lines.answer_of` reads what it responds.

    The function is loaded within its first replay there, and runs slower: timeout and memory are
    larger, but the function sees its own ones. ``artifacts_root`` is the folder of the artefact
    store that holds the tars; the agent's is written there once. Raises SourceError.
    """
    layer = Layer(name=LABEL, version=None, artifact=_artifact(artifacts_root))
    configuration = version.configuration
    timeout_s = configuration.timeout_s
    own = dict(configuration.environment)
    added = {
        "LAMBDA_ROLLBACK_HANDLER": configuration.handler,
        "LAMBDA_ROLLBACK_TIMEOUT_S": repr(timeout_s),
        "LAMBDA_ROLLBACK_AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
    }
    if own.get("PYTHONPATH"):
        added["LAMBDA_ROLLBACK_PYTHONPATH"] = own["PYTHONPATH"]
        added["PYTHONPATH"] = f"{own['PYTHONPATH']}:/opt/{_FOLDER}"
    return replace(
        version,
        layers=(*version.layers, layer),
        configuration=replace(
            configuration,
            handler=HANDLER,
            environment=tuple(sorted((own | added).items())),
            memory_mb=configuration.memory_mb + _MORE_MEMORY_MB,
            timeout_s=_INIT_S + max(timeout_s, min(_SLOWER * timeout_s, _SLOWER_UP_TO_S)),
        ),
    )


def _artifact(folder: Path) -> Artifact:
    text = _AGENT.read_bytes()
    content = _tar(text)
    digest = hashlib.sha256(content).hexdigest()
    tar = folder / f"{digest}.tar"
    try:
        if not tar.is_file() or tar.read_bytes() != content:
            _write(tar, content)
    except OSError as error:
        raise SourceError(
            f"the {LABEL} cannot be written to {folder}",
            why=error.strerror or str(error),
            do="Choose a writable cache folder",
        ) from error
    return Artifact(label=LABEL, digest=digest, size_bytes=2 * len(text), tar=tar)


def _tar(text: bytes) -> bytes:
    """A tar as the artefact store makes them: nothing but names, modes and content matters."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for folder in (_FOLDER, "python"):
            member = tarfile.TarInfo(folder)
            member.type, member.mode, member.mtime = tarfile.DIRTYPE, 0o755, _MTIME_S
            tar.addfile(member)
            member = tarfile.TarInfo(f"{folder}/{MODULE}.py")
            member.size, member.mode, member.mtime = len(text), 0o644, _MTIME_S
            tar.addfile(member, io.BytesIO(text))
    return buffer.getvalue()


def _write(tar: Path, content: bytes) -> None:
    """Other processes see the file complete or not at all."""
    tar.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new_files.write(tar, content)
