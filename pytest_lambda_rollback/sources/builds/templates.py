"""Template files of CloudFormation, SAM and CDK as plain dictionaries.

It reads a bounded file, tells JSON from YAML, and says in a SourceError what it could not
read. What resources mean, and which function is looked for, is decided elsewhere.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.sources.builds import template_loops

SUFFIXES = (".yaml", ".yml", ".json", ".template")
NAMES = ("template.yaml", "template.yml", "template.json", "sam.json")
"""Names of templates in a folder: those of SAM in the order in which it looks for them, and that of
``chalice package``."""

YAML_LIMIT_BYTES = 2 * 1024 * 1024
"""CloudFormation takes 1 MB; comments and white space can go before it is uploaded."""

JSON_LIMIT_BYTES = 64 * 1024 * 1024
"""Manifests of CDK keep a stack trace for each construct."""

_RESOURCES = re.compile(r"""(^|[{,\s"'])Resources["']?\s*:""")


def shown(path: Path) -> str:
    """A path for a message: relative if it is below the working directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def is_template(path: Path) -> bool:
    """True for a file that looks like a template with AWS resources, read or not."""
    try:
        text = _text(path)
    except SourceError:
        return False
    return "AWS::" in text and _RESOURCES.search(text) is not None


def template_in(folder: Path) -> Path | None:
    """The template of a folder, if it has one."""
    paths = (folder / name for name in NAMES)
    return next((path for path in paths if path.is_file() and is_template(path)), None)


def read_template(path: Path) -> dict[str, Any]:
    """The template, which has at least a table of resources. Raises SourceError."""
    text = _text(path)
    is_json = path.suffix.lower() == ".json" or text.lstrip().startswith("{")
    content = _json(text, path) if is_json else _yaml(text, path)
    resources = content.get("Resources") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(resources, dict):
        raise SourceError(
            f"{shown(path)} is not a CloudFormation or SAM template",
            why="it has no Resources",
            do="Name a template, or the folder or .zip file with the function's code",
        )
    try:
        return template_loops.written_out(content)
    except (template_loops.UnboundedLoopError, RecursionError) as error:
        raise _unreadable(path, "its loops (Fn::ForEach) make too much of it") from error


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises SourceError."""
    return _json(_text(path), path)


def _text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            # A FIFO or a device would be read without an end.
            raise _unreadable(path, "it is not a regular file")
        with path.open("rb") as file:
            content = file.read(JSON_LIMIT_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    if len(content) > JSON_LIMIT_BYTES:
        raise _too_large(path, JSON_LIMIT_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"byte {error.start} is not UTF-8 text") from error


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _unreadable(path, f"{error.msg} in line {error.lineno}") from error
    except (RecursionError, ValueError) as error:
        raise _unreadable(path, "it is nested too deeply, or has a number too long") from error


def _yaml(text: str, path: Path) -> Any:
    if len(text) > YAML_LIMIT_BYTES:
        raise _too_large(path, YAML_LIMIT_BYTES)
    from pytest_lambda_rollback.sources.builds import yaml_documents

    try:
        return yaml_documents.load(text)
    except yaml_documents.UnreadableError as error:
        raise _unreadable(path, str(error)) from error


def _too_large(path: Path, limit_bytes: int) -> SourceError:
    return _unreadable(path, f"it has more than {limit_bytes >> 20} MB")


def _unreadable(path: Path, why: str) -> SourceError:
    return SourceError(
        f"{shown(path)} cannot be read", why=why, do="Correct the file, or build it again"
    )
