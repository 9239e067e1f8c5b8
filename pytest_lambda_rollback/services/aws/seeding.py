"""What is in a private AWS at the start of a pass: resources of a template, data files, a seed.

It runs in the seeded process, where boto3's calls go to moto and to nothing else.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.services.aws.data_files import SeedingError, load
from pytest_lambda_rollback.services.aws.template_resources import TemplateStack, stack_name

Resources = dict[str, dict[str, str]]


def seed(content: dict[str, Any], *, region: str, account: str) -> tuple[Resources, list[str]]:
    """Make the content: template, data, seed, in this order.

    The answer is what ``Ref`` and ``GetAtt`` give for each logical id, and what was left out.
    Raises SeedingError.
    """
    resources: Resources = {}
    notes: list[str] = []
    if not any(content.get(name) for name in ("template", "data", "seed")):
        return resources, notes
    import boto3
    from moto import mock_aws

    mock = mock_aws(config={"core": {"mock_credentials": False, "reset_boto3_session": False}})
    mock.start(reset=False)
    try:
        session = boto3.Session(region_name=region)
        if template := content.get("template"):
            name = stack_name(content["template_name"])
            resources, notes = TemplateStack(
                template, name=name, region=region, account=account, session=session
            ).make()
        names = {
            logical_id: made["Name"] for logical_id, made in resources.items() if "Name" in made
        }
        paths = [Path(each) for each in content.get("data") or ()]
        load(paths, names=names, session=session, region=region)
        if path := content.get("seed"):
            _run(Path(path), session)
    finally:
        mock.stop(remove_data=False)
    return resources, notes


def _run(path: Path, session: Any) -> None:
    """Call ``seed(session)`` of a Python file. Raises SeedingError."""
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location("lambda_rollback_seed", path)
        if spec is None or spec.loader is None:
            raise SeedingError(
                f"the seed {path} is not a Python file",
                why="its name does not end with .py",
                do="Name a Python file with def seed(session)",
            )
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        function = getattr(module, "seed", None)
        if not callable(function):
            raise SeedingError(
                f"the seed {path} has no function seed",
                why="it is called with a boto3 session before the first replay",
                do="Add def seed(session) to it",
            )
        function(session)
    except SeedingError:
        raise
    except (Exception, SystemExit) as error:
        raise SeedingError(
            f"the seed of the private AWS failed at {_place(error, path)}",
            why=f"{type(error).__name__}: {error}"[:2000].rstrip(". "),
            do="Correct the seed",
        ) from error


def _place(error: BaseException, path: Path) -> str:
    """``seed.py:12``: the last line of the seed's own folder that the error passed through."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(path.parent)]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else path.name
