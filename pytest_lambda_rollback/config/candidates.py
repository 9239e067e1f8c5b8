"""Candidate builds that the command line or a ``current`` table names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.aws_lambda.names import FUNCTION_NAME
from pytest_lambda_rollback.config.paths import absolute, located, package
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.text import listed

OPTION: Final = "--lambda-rollback-candidate"

_TEMPLATES: Final = frozenset({".yaml", ".yml", ".json", ".template"})


def candidate_of(text: str) -> tuple[str | None, str]:
    """The function, if one is named, and the path of ``[FUNCTION=]PATH``."""
    function, equals, path = text.partition("=")
    if equals and FUNCTION_NAME.fullmatch(function):
        return function, path
    return None, text


def candidate_paths(
    texts: Sequence[str], names: Sequence[str], *, file: str, directory: Path
) -> dict[str, Path]:
    """The builds that the command line gives for functions of ``file``, by function.

    ``texts`` are ``[FUNCTION=]PATH`` with paths relative to ``directory``, ``names`` the functions
    of the file. Raises ConfigError.
    """
    base = absolute(directory, Path.cwd())
    found: dict[str, Path] = {}
    for text in texts:
        function, path = candidate_of(text)
        if function is None and len(names) > 1:
            raise ConfigError(
                f"{OPTION} {path} does not name the function that it is a build of",
                why=f"{file} has {listed(names)}",
                do=f"Write FUNCTION={path}, as in {OPTION} {names[0]}={path}",
            )
        function = function or names[0]
        if function not in names:
            continue
        if function in found:
            raise ConfigError(f"{OPTION} is given twice for {function}", do="Give it once")
        if not path.strip():
            raise ConfigError(f'{OPTION} is "{text}", expected [FUNCTION=]PATH')
        found[function] = build_path(path, base=base, where=OPTION)
    return found


def build_path(text: str, *, base: Path, where: str) -> Path:
    """The build that exists there; ``#NAME`` after it names the function in it."""
    build, mark, name = text.partition("#")
    if mark and not absolute(text, base).exists():
        path = located(build, base=base, where=where)
        return Path(f"{path}#{name}")  # CDK's names have slashes in them
    if Path(text).suffix.lower() in _TEMPLATES:
        return located(text, base=base, where=where)
    return package(text, base=base, where=where)
