"""The errors of the project, one child for each party that must act.

Every message says what failed (function and version if there is one), why, and what to do.
No vendor is known here: boto3, docker and pytest errors are translated where they arise,
with ``raise … from error``.
"""

from __future__ import annotations

from pytest_lambda_rollback.model.text import printable


class RollbackError(Exception):
    """Base of all errors raised on purpose by this package.

    ``what`` failed, ``why``, and what the reader should ``do`` about it; each is one sentence
    or fragment without a final full stop.
    """

    def __init__(self, what: str, *, why: str = "", do: str = "") -> None:
        self.what = what
        self.why = why
        self.do = do
        super().__init__(what, why, do)

    def __str__(self) -> str:
        text = self.what
        if self.why:
            text += f": {self.why}"
        text += "."
        if self.do:
            text += f" {self.do}" if self.do.endswith("?") else f" {self.do}."
        return printable(text)


class ConfigError(RollbackError):
    """The user's configuration, command line or event fixture is wrong: the user must act."""


class SourceError(RollbackError):
    """A version, layer or artefact is unavailable or refused: its owner must act."""


class EngineError(RollbackError):
    """An execution environment could not be created on this machine: the machine must change."""
