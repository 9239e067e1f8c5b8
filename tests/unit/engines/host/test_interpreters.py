"""Interpreters are found, asked what they are, and refused with a way out."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_rollback.engines.host.interpreters import InterpreterFinder, candidates
from pytest_lambda_rollback.errors import EngineError

Fake = Callable[..., Path]


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """An executable that answers as an interpreter would, and has no pip."""

    def make(name: str, **changes: Any) -> Path:
        path = tmp_path / name
        answer = {
            "executable": str(path),
            "implementation": "cpython",
            "version": "3.77",
            "full_version": "3.77.1",
            "prefix": "/usr",
            "stdlib": "/usr/lib/python3.77",
            "libraries": ["/usr/lib/libpython3.77.so"],
            "awslambdaric": ["/packages/awslambdaric"],
            "boto3": ["/packages/boto3"],
        }
        text = shlex.quote(json.dumps({**answer, **changes}))
        no_pip = 'case "$*" in *"-m pip"*) echo "ERROR: no pip" >&2; exit 1;; esac'
        path.write_text(f"#!/bin/sh\n{no_pip}\necho {text}\n")
        path.chmod(0o755)
        return path

    return make


def _find(tmp_path: Path, *paths: Path, progress: Callable[[str], None] = print) -> Any:
    finder = InterpreterFinder(
        cache_dir=tmp_path / "cache", candidates=lambda _version: iter(paths)
    )
    return finder.find("3.77", progress)


def test_the_first_that_fits_is_taken(tmp_path: Path, fake: Fake) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'pyenv: command not found' >&2\nexit 127\n")
    broken.chmod(0o755)
    found = _find(
        tmp_path,
        tmp_path / "missing",
        broken,
        fake("other-version", version="3.7"),
        fake("pypy", implementation="pypy"),
        fake("without-client", awslambdaric=None),
        fake("good"),
        fake("never-asked"),
    )
    assert found.executable == tmp_path / "good"
    assert found.full_version == "3.77.1"
    assert found.runtime_paths == (Path("/packages/awslambdaric"), Path("/packages/boto3"))


def test_an_interpreter_is_asked_once(tmp_path: Path, fake: Fake) -> None:
    asked: list[str] = []

    def listing(version: str) -> Iterator[Path]:
        asked.append(version)
        yield fake("good")

    finder = InterpreterFinder(cache_dir=tmp_path, candidates=listing)
    assert finder.find("3.77", print) is finder.find("3.77", print)
    assert asked == ["3.77"]


def test_no_interpreter_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        _find(tmp_path, tmp_path / "missing")
    assert str(caught.value) == (
        "no Python 3.77 on this machine: without Docker a function runs under its runtime's own "
        "Python version. Install Python 3.77, for instance with `pyenv install 3.77` or "
        "`uv python install 3.77`, or use the docker engine."
    )


def test_a_runtime_client_that_cannot_be_installed_says_which_command_would(
    tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    lines: list[str] = []
    with pytest.raises(EngineError) as caught:
        _find(tmp_path, fake("python", awslambdaric=None), progress=lines.append)
    assert lines == ["Installing AWS's runtime client for Python 3.77 with pip"]
    text = str(caught.value)
    assert text.startswith("AWS's runtime client (awslambdaric) is missing for Python 3.77: ERROR")
    assert "-m pip install" in text
    assert f"--target {tmp_path}/cache/awslambdaric/3.77 awslambdaric boto3" in text
    assert list((tmp_path / "cache" / "awslambdaric").iterdir()) == []


def test_our_own_interpreter_comes_first_and_pyenv_and_uv_are_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = "{}.{}".format(*sys.version_info)
    assert next(candidates(own)) == Path(sys.executable)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "uv"))
    for name in ("pyenv/versions/3.77.1", "pyenv/versions/3.78.0", "uv/cpython-3.77.2-linux"):
        (tmp_path / name).mkdir(parents=True)
    found = [str(path) for path in candidates("3.77")]
    assert found == [
        f"{tmp_path}/pyenv/versions/3.77.1/bin/python3.77",
        f"{tmp_path}/uv/cpython-3.77.2-linux/bin/python3.77",
        "/usr/local/bin/python3.77",
        "/usr/bin/python3.77",
    ]
