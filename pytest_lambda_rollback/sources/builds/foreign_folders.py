"""Folders of other build tools that look like plain code, and are none.

The sources of a project of the Serverless Framework or Chalice lack their dependencies, and what
these tools and CDK leave behind is packages and templates, not code.
https://www.serverless.com/framework/docs/providers/aws/guide/packaging
https://aws.github.io/chalice/topics/packaging.html
https://docs.aws.amazon.com/cdk/v2/guide/deploy.html#deploy-how-synth-assemblies
"""

from __future__ import annotations

from pathlib import Path

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.sources.builds.templates import shown

_SERVERLESS = tuple(f"serverless.{end}" for end in ("yml", "yaml", "json", "js", "ts"))
_CDK_FILES = ("cdk.out", "tree.json")


def refuse(folder: Path) -> None:
    """Raise SourceError for a folder of another build tool, with what to name instead."""
    if folder.name == "cdk.out" or all((folder / name).is_file() for name in _CDK_FILES):
        raise SourceError(
            f"{shown(folder)} is an incomplete CDK assembly",
            why="it has no manifest.json, which names its stacks",
            do="Run cdk synth again",
        )
    if folder.name == ".serverless":
        raise SourceError(
            f"{shown(folder)} is the output of the Serverless Framework",
            why="it holds packages, not code",
            do=_zips(folder) or "Run serverless package, and name the .zip file that it writes",
        )
    if found := next((name for name in _SERVERLESS if (folder / name).is_file()), None):
        raise SourceError(
            f"{shown(folder)} is a project of the Serverless Framework",
            why=f"it has {found}, and its code is not packaged",
            do=_zips(folder / ".serverless")
            or "Run serverless package, and name the .zip file in .serverless",
        )
    if (folder / ".chalice" / "config.json").is_file() or folder.name == ".chalice":
        raise SourceError(
            f"{shown(folder)} is a project of Chalice",
            why="its code is not packaged",
            do="Run chalice package out, and name out/sam.json",
        )


def _zips(folder: Path) -> str:
    """The advice to name one of a folder's packages; empty if it has none."""
    zips = sorted(shown(path) for path in folder.glob("*.zip") if path.is_file())
    return f"Name the package of the function: {' or '.join(zips)}" if zips else ""
