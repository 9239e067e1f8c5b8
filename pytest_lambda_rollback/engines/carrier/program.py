"""The built carrier for a version's architecture.

It knows files beside it, and nothing of engines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_lambda_rollback.engines.carrier import sources
from pytest_lambda_rollback.errors import EngineError

_MACHINES: Final = {"x86_64": "x86_64", "arm64": "aarch64"}
_BUILD: Final = "python -m pytest_lambda_rollback.engines.carrier.build"


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierProgram:
    """A static program for Linux; ``sha256`` of its file in hexadecimal."""

    path: Path
    sha256: str


def carrier_program(architecture: str, folder: Path = sources.FOLDER) -> CarrierProgram:
    """The carrier for an architecture in Lambda's words, ``x86_64`` or ``arm64``.

    Raises EngineError if it was not built, or from other sources than those beside it.
    """
    machine = _MACHINES.get(architecture)
    if machine is None:
        raise EngineError(
            f"there is no carrier for the architecture {architecture!r}",
            why="Lambda has the architectures " + " and ".join(_MACHINES),
            do="Correct the version's architecture",
        )
    path = folder / sources.program_name(machine)
    both = "" if machine == sources.own_machine() else " --both"
    what = f"the carrier for {architecture} cannot be used"
    do = f"In a working copy run {_BUILD}{both}; else install the package again"
    try:
        stamp = json.loads((folder / sources.STAMP).read_text(encoding="utf-8"))
        built_from, wanted = str(stamp["sources"]), stamp["programs"].get(machine)
        found = sources.file_digest(path)
    except FileNotFoundError as error:
        raise EngineError(what, why=f"{path} was not built", do=do) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(what, why=f"{path} cannot be read ({error})", do=do) from error
    if built_from != sources.sources_digest(folder):
        raise EngineError(what, why="it was built from other sources than these", do=do)
    if found != wanted:
        raise EngineError(what, why=f"{path} is not what the build made", do=do)
    return CarrierProgram(path=path, sha256=found)
