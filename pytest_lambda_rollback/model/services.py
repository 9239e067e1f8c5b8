"""What replays may reach, what they asked for there, and what is stored there, frozen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SERVICES_FOLDER: Final = "/run/lambda-rollback"
"""Where files for the use of services are inside an execution environment."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Door:
    """A way out of an execution environment: connections to it are carried to the plugin."""

    name: str
    """A host's name in lower case, ``localhost``, ``*.example.com`` for every name below, or
    ``*`` for every name."""
    port: int

    @property
    def text(self) -> str:
        """``db.internal:5432``."""
        return f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningService:
    """A service that the user runs, as a pytest fixture or a hook gives it."""

    address: str
    """``host:port`` as it is reached from here."""
    reset: Callable[[], object] | None = None
    """Brings it back to its first state; called before each pass."""


class Answer(StrEnum):
    """How a request to a service ended."""

    ANSWERED = "answered"
    UNSUPPORTED = "unsupported"
    """The private AWS does not do this operation; never the function's fault."""
    UNRECORDED = "unrecorded"
    """No recorded answer fits the request."""
    USED_UP = "used-up"
    """Answers are recorded, but the request was made more often than that."""
    UNREACHABLE = "unreachable"
    """The user's service could not be reached: our own trouble or theirs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRequest:
    """One request that a function sent to a service during a replay."""

    service: str
    """AWS's name of the service as botocore has it (``dynamodb``), or a host."""
    operation: str
    """``GetItem``; for other HTTP the method and the path, ``POST /v1/charges``; empty for a
    connection whose bytes are not looked at."""
    parameters: str = field(default="", repr=False)
    """JSON text: an operation's parameters by botocore's names, or ``{"query": …, "body": …}``."""
    status: int = 0
    """HTTP status of the answer; 0 without one."""
    error: str = ""
    """AWS's error code, ``ResourceNotFoundException``."""
    message: str = field(default="", repr=False)
    """The error's own words."""
    answer: Answer = Answer.ANSWERED
    nearest: str = field(default="", repr=False)
    """For ``unrecorded``: the recorded request that is most like it, and how it differs."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class StoredItem:
    """One thing that is stored in a private AWS: an item, an object, a message, a value."""

    service: str
    """``dynamodb``, ``s3``, ``sqs``, ``sns``, ``events``, ``kinesis``, ``ssm``,
    ``secretsmanager`` or ``stepfunctions``."""
    container: str
    """The table, bucket, queue, topic, bus, stream or state machine; empty where there is none."""
    key: str
    """Its key as text: JSON of a table's key attributes, an object's key; for messages the number
    of the message in its container, from 1. An empty key stands for a table itself, whose value is
    ``{"keys": ["id"], "ttl": "expires"}`` with the attribute of its time to live or ``null``."""
    value: str = field(default="", repr=False)
    """JSON text. A table's item as DynamoDB JSON (``{"total": {"N": "5"}}``); an object as
    ``{"json": …}``, ``{"text": …}`` or ``{"bytes": N, "kind": "gzip|pickle|large|binary"}`` beside
    ``content_type`` and ``metadata``, gzip with what it ``holds`` in the same form; a message with
    its ``body`` as it was sent, ``attributes`` as ``{NAME: {"type": …, "value": …}}`` and what else
    its service has; a parameter or secret with its ``value``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """All that was stored at one moment, in the order of service, container and key."""

    items: tuple[StoredItem, ...] = ()
    left_out: tuple[str, ...] = ()
    """What could not be read out or was too much, one clause each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateResource:
    """One resource of a template that stores something, or is named by one that does."""

    logical_id: str
    type: str
    """``AWS::DynamoDB::Table``; SAM's types are translated."""
    properties: str = field(repr=False)
    """JSON text in which intrinsic functions are left as they are."""
    condition: str = ""
    """The name of the condition under which it exists; empty for always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateResources:
    """What a private AWS is to create of a template."""

    resources: tuple[TemplateResource, ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    """Default or given values of the template's parameters."""
    rest: str = field(default="{}", repr=False)
    """JSON text of an object with the template's Mappings and Conditions."""
    left_out: tuple[str, ...] = ()
    """Resources that store something but cannot be created here, one clause each."""
