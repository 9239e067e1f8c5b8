"""Causes of breaks, frozen: what differs between two stacks, or between two events.

A *stack* is what a version's code runs on: layers, runtime, environment and settings. A cause
compares the stack on which the target breaks with the one on which it works.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CauseKind(StrEnum):
    """The sort of thing that makes the difference."""

    PACKAGES = "packages"
    """A layer, distribution or runtime that a contract found by reading packages."""
    DISTRIBUTION = "distribution"
    """The first of ``distributions``; the others differ too and may have a part in it."""
    LAYER = "layer"
    """A layer, by one of the ``distributions`` in it, none of which is more likely."""
    STACK = "stack"
    """``change`` of the stack, where no distribution explains more."""
    BINARY = "binary"
    """A distribution whose binaries do not fit what ``change`` brought."""
    STANDARD_LIBRARY = "standard-library"
    """A module or name that the runtime's Python does not have, needed by the first of
    ``distributions``, or by the function's own code without one."""
    CODE = "code"
    """The target's own code, whatever it runs on."""
    EVENT = "event"
    """The event has or lacks something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A distribution, or a module that no distribution claims, in its place on a stack."""

    layer: str | None = None
    """Name and version of the layer; ``None`` for the function's code."""
    distribution: str | None = None
    """``None`` for a module that no distribution claims."""
    module: str | None = None
    """Its first module, dotted."""
    version: str | None = None
    built_for: tuple[str, ...] = ()
    """ABI tags of its binaries, or else their machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """One distribution on the two stacks; ``None`` if a stack lacks it."""

    breaking: Placed | None = None
    working: Placed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackChange:
    """One thing that differs between the stacks, beside distributions."""

    what: str
    """``layer``, ``layer-order``, ``runtime``, ``environment``, or a setting's name."""
    name: str = ""
    """The environment variable."""
    breaking: str | None = None
    """``None`` if that stack lacks it. Never the value of an environment variable: ``set``."""
    working: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDifference:
    """How the failing event differs from events that the target handles."""

    kind: str
    """``lacks-key``, ``unknown-key``, ``other-type``, ``other-value``, ``too-short``,
    ``no-such-key``, ``other-keys`` or ``lost-envelope``."""
    target: str
    """The target's version as sentences name it: ``3``."""
    path: str = ""
    """JSON Pointer of the place in the event."""
    asked_at: str | None = None
    """The line of the target's code that asked for it, as ``app.py:41``."""
    new: tuple[str, ...] = ()
    """JSON Pointers of keys that the handled events do not have."""
    gone: tuple[str, ...] = ()
    """Names of keys that the handled events have."""
    found: str = ""
    """The type, value or length in the failing event."""
    expected: tuple[str, ...] = ()
    """The types or the least length in the handled events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostName:
    """A module or name of the standard library that one of two Pythons lacks."""

    name: str
    """Dotted: ``inspect.formatargspec``."""
    python: str
    """The Python of ``removed``, or else the one that the target would run on: ``3.11``."""
    removed: bool
    """True if an earlier Python has it, false if only later ones have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why a target breaks."""

    kind: CauseKind = CauseKind.PACKAGES
    layer: str | None = None
    """Name of the layer, as the target would run on it."""
    distribution: str | None = None
    current_version: str | None = None
    target_version: str | None = None
    event_path: str | None = None
    """A JSON Pointer into the event, where the event itself is the cause."""
    distributions: tuple[Differing, ...] = ()
    change: StackChange | None = None
    together_with: tuple[StackChange, ...] = ()
    """Changes that the break needs as well."""
    lost: LostName | None = None
    same_stack: bool = False
    """For ``code``: the current version works on the very stack that the target fails on."""
    event: EventDifference | None = None
    error: str | None = None
    """Type and message of what the target raised, on one line."""
    location: str | None = None
    """Where the target's code raised it, as ``app.py:41``."""
