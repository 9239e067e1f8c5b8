"""Checks, what contracts find in them, and their verdicts, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from pytest_lambda_rollback.model.causes import Cause
from pytest_lambda_rollback.model.settings import Accept, Strategy
from pytest_lambda_rollback.model.versions import TargetRef


class Verdict(StrEnum):
    """The result of a check."""

    SAFE = "safe"
    BREAKS = "breaks"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


class Contract(StrEnum):
    """Something that a safe target must meet; plugins add others by name."""

    INVOCATION = "invocation"
    RESPONSE = "response"
    DEPENDENCIES = "dependencies"
    IMPORTS = "imports"
    PLATFORM = "platform"
    STATE = "state"
    DOWNSTREAM = "downstream"

    @property
    def has_own_check(self) -> bool:
        """True for a contract that is judged once for each target, not for each event."""
        return self in (
            Contract.DEPENDENCIES,
            Contract.IMPORTS,
            Contract.PLATFORM,
            Contract.STATE,
        )


Detail: TypeAlias = "str | int | float | bool | tuple[Detail, ...] | None"
Details: TypeAlias = tuple[tuple[str, Detail], ...]
"""Named values that a sentence needs, in the order given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who a finding is about: a target by a strategy, compared with the current version."""

    target: TargetRef
    current: TargetRef
    strategy: Strategy | None = None

    @property
    def target_name(self) -> str:
        """``orders:2``."""
        return f"{self.target.function}:{self.target.version}"

    @property
    def current_name(self) -> str:
        """``orders:4``."""
        return f"{self.current.function}:{self.current.version}"

    @property
    def name(self) -> str:
        """``orders:2 by redeploy``."""
        return f"{self.target_name} by {self.strategy}" if self.strategy else self.target_name

    @property
    def label(self) -> str:
        """``2``, or ``orders-v1:2`` for a version of another function."""
        return self.target.label(self.current.function)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One way in which a target misses a contract, as data.

    `reports.sentences` makes its sentence. ``text`` is for contracts that the package does not
    know: their own sentence, which is shown as it is.
    """

    contract: str
    """A `Contract`, or the name of a plugin's."""
    kind: str
    """A rule's name, in kebab-case: ``lost-key``, ``timeout``, …"""
    subject: Subject
    location: str | None = None
    """A JSON Pointer into the response, or ``file:line`` in the code."""
    current: str | None = field(default=None, repr=False)
    """The current version's value, as text."""
    target: str | None = field(default=None, repr=False)
    """The target's value, as text."""
    replay_pass: str | None = None
    """The `ReplayPass` that the target failed in; ``None`` for both, and without replays."""
    after: tuple[str, ...] = ()
    """In the warm pass, events that its environment had handled: as few as are known to do."""
    details: Details = ()
    """Named values for the sentence beside the fields above; the names depend on the kind."""
    text: str | None = None
    """One sentence without a full stop, for findings that the package has no wording for."""
    cause: Cause | None = None
    stack_trace: tuple[str, ...] = ()
    logs: tuple[str, ...] = field(default=(), repr=False)

    @property
    def pointer(self) -> str | None:
        """The JSON Pointer into the response; ``None`` for a finding about anything else."""
        return self.location if self.contract == Contract.RESPONSE else None

    @property
    def code_location(self) -> str | None:
        """``file:line`` in the code; ``None`` for a finding about a response."""
        return self.location if self.contract != Contract.RESPONSE else None

    def detail(self, name: str) -> Detail:
        """One of ``details``. Raises KeyError for a name that is not there."""
        return dict(self.details)[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that a contract did not check, and why; `reports.sentences` words it."""

    kind: str
    about: Details = ()
    """The names of functions and versions in the sentence. Notes that differ only in these
    are the same note of several functions."""
    details: Details = ()
    """The other values in the sentence."""
    text: str | None = None
    """One sentence without a full stop, for notes that the package has no wording for."""

    @property
    def key(self) -> str:
        """Equal for all functions with the same facts."""
        return repr((self.kind, self.details, self.text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The judgement of a contract on one target, or on one replay of it.

    ``reason`` is set only for ``unknown``, where ``findings`` is empty.
    """

    findings: tuple[Finding, ...] = ()
    reason: str | None = None
    warnings: tuple[Finding, ...] = field(default=(), repr=False)
    """Findings that are likely but not certain; they never make a break."""
    notes: tuple[Note, ...] = ()
    """Gaps of the check, and their reasons."""

    @property
    def verdict(self) -> Verdict:
        """``unknown`` with a reason, else by the findings."""
        if self.reason is not None:
            return Verdict.UNKNOWN
        return Verdict.BREAKS if self.findings else Verdict.SAFE


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to find out: one event (or one contract) on one target by one strategy."""

    function: str
    group: str
    """The second last part of the id, ``3-alias``."""
    name: str
    """The event's name or the contract's: the last part of the id."""
    target: TargetRef | None = None
    """``None`` only where a function has no target to check."""
    strategy: Strategy | None = None
    event: Path | None = None
    """The fixture to replay; ``None`` for a check that needs no event or could not be created."""
    contract: str | None = None
    """The contract of a check that needs no event."""
    reason: str | None = None
    """Why nothing can be checked here: such a check is ``unknown`` from the start."""
    accept: Accept | None = None
    accept_covers: int = 1
    """How many checks the same acceptance covers."""

    @property
    def replays(self) -> bool:
        """True for a check that rests on replays: of one event, or of all on one state."""
        return self.event is not None or self.contract == Contract.STATE


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The verdict on one check, with its evidence."""

    check: Check
    verdict: Verdict
    contract: str = Contract.INVOCATION
    reason: str | None = None
    """Why it is unknown, accepted, or (for a stale acceptance) breaks."""
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    """Findings that are likely but not certain; they never make a break."""
    notes: tuple[Note, ...] = ()
    """Gaps of the check, and their reasons."""
    passes: tuple[str, ...] = ()
    """Each `ReplayPass` that the target was tried in."""
    duration_s: float = 0.0
    engine: str = ""
    started_at: float | None = None
    """Seconds since the epoch."""
    ended_at: float | None = None
    event_digest: str | None = None
    """SHA-256 of the event that was replayed, in hexadecimal."""
    stale_accept: str | None = None
    """Set when an acceptance does not hold any more: the suite must fail."""
