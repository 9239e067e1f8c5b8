"""Checks, what contracts find in them, and their verdicts, frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pytest_lambda_rollback.model.settings import Accept, Strategy
from pytest_lambda_rollback.model.versions import TargetRef


class Verdict(StrEnum):
    """What is known about a check."""

    SAFE = "safe"
    BREAKS = "breaks"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


class Contract(StrEnum):
    """What a target must meet to be a safe target."""

    INVOCATION = "invocation"
    RESPONSE = "response"
    DEPENDENCIES = "dependencies"
    IMPORTS = "imports"
    PLATFORM = "platform"
    STATE = "state"
    DOWNSTREAM = "downstream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The dependency that makes the difference."""

    layer: str | None = None
    """Name and version of the layer, as the target would run on it."""
    distribution: str | None = None
    current_version: str | None = None
    target_version: str | None = None
    event_path: str | None = None
    """A JSON Pointer into the event, where the event itself is the cause."""
    sentence: str | None = None
    """The cause in one sentence for a person, without a full stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One way in which a target misses a contract."""

    contract: Contract
    kind: str
    """A rule's name, in kebab-case: ``lost-key``, ``timeout``, …"""
    message: str
    """One sentence in the user's terms, without a final full stop."""
    location: str | None = None
    """A JSON Pointer into the response, or ``file:line`` in the code."""
    current: str | None = field(default=None, repr=False)
    target: str | None = field(default=None, repr=False)
    cause: Cause | None = None
    stack_trace: tuple[str, ...] = ()
    logs: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What contracts say of one comparison: findings, or why nothing can be said.

    ``reason`` is set for ``unknown`` alone, where ``findings`` is empty.
    """

    findings: tuple[Finding, ...] = ()
    reason: str | None = None

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
    """The fixture to replay; ``None`` for a check that needs no event or cannot be made."""
    contract: Contract | None = None
    """The contract of a check that needs no event."""
    reason: str | None = None
    """Why nothing can be checked here: such a check is ``unknown`` from the start."""
    accept: Accept | None = None
    accept_covers: int = 1
    """How many checks the same acceptance covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The verdict on one check, with its evidence."""

    check: Check
    verdict: Verdict
    contract: Contract = Contract.INVOCATION
    reason: str | None = None
    """Why it is unknown, accepted, or (for a stale acceptance) breaks."""
    findings: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    """What is likely but not certain; it never makes a break."""
    notes: tuple[str, ...] = ()
    """What was not looked at and why, one sentence each."""
    duration_s: float = 0.0
    engine: str = ""
    stale_accept: str | None = None
    """Set when an acceptance does not hold any more: the suite must fail."""
