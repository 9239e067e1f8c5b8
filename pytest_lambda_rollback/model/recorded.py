"""The values that pass between the parts of a recording.

An event flows one way: an origin reads it, it is redacted in memory, clustered with the others,
and only what is selected is written. Nothing here reads, writes or knows where events come from.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """One event that a function received, with the known facts of its invocation."""

    event: object = field(repr=False)
    """Parsed JSON. It holds personal data until it is redacted."""
    client_context: object | None = field(default=None, repr=False)
    """Parsed JSON, an object, where the invocation had one."""
    identity: object | None = field(default=None, repr=False)
    """Parsed JSON, an object of Cognito ids, where the invocation had one."""
    downstream: object | None = field(default=None, repr=False)
    """Parsed JSON, a list of entries as `model.downstream` has them, where the recorder kept what
    services answered. They hold personal data until they are redacted."""
    no_downstream: str = ""
    """Why there are no answers although the recorder keeps them, a clause."""
    source: str
    """The kind of its origin: ``cloudwatch``, ``sqs``, ``s3``, ``test-event``, ``folder``, …"""
    function: str
    version: str | None = None
    """The function version that received it, if known."""
    time: str | None = None
    """The time of the invocation as ISO 8601 in UTC, if known."""
    origin: str = field(default="", repr=False)
    """The log stream, message id or object it was read from: for messages, never for a file."""
    guessed: bool = False
    """True if the only evidence is that its invocation logged it first."""
    fixture: str | None = None
    """The name of the fixture file, for an event that an earlier recording or a person wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Events of one event source and structure, and those of them that are worth a fixture."""

    key: str
    """A digest of source and structure; events of the same shape have the same one."""
    name: str
    """Words for a file's name, never from a value that may be personal: ``sqs-order-created``."""
    events: tuple[RecordedEvent, ...] = ()
    """The new events worth keeping, at most ``per_shape`` less what fixtures hold already."""
    seen: int = 0
    """The number of new events that had it; 0 means that only fixtures do."""
    fixtures: tuple[str, ...] = ()
    """The fixtures that have it already, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The shapes of all events that were clustered, in order of their names and keys."""

    shapes: tuple[Shape, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that was read and is not an event, or not a usable one."""

    reason: str
    """A fragment that is the same for all of its kind, to be counted: never a value."""


# --- readings of AWS ----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One log event of CloudWatch Logs."""

    stream: str
    time_ms: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFacts:
    """The attributes of a queue that decide how to read it, and that its events hold."""

    url: str
    arn: str
    region: str
    fifo: bool = False
    max_receives: int | None = None
    """After how many receives SQS moves a message to the dead-letter queue; None for never."""
    dead_letter_arn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """One object of S3, or one file."""

    name: str = field(repr=False)
    content: bytes = field(repr=False)
    time: str | None = None
    too_large: bool = False
    """True if it was not read because of its size; ``content`` is empty then."""
