"""The interface of an event source: everything that the package knows about one.

A source is a value, `EventSource`. It declares how to recognise its events, how fixtures of them
are named, where the sender's own content is, and how its answers are judged. To add one, write a
module with such a value and add it to `registry.BUILT_IN`, or return it from the hook
``pytest_lambda_rollback_event_sources``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeAlias, TypeGuard

from pytest_lambda_rollback.model.json_values import Json, Path, parse

Object: TypeAlias = dict[str, Json]

Place: TypeAlias = tuple[str, ...]
"""Keys from the root of an event; ``*`` for every element of an array or member of an object.
Text that holds JSON counts as the JSON in it."""

INVOKERS = ("step-functions", "lambda", "pipes", "cdk-provider", "sdk", "nobody")
"""The values of ``invoked_by``: who reads a function's answers, whatever sent the event first.

``nobody`` stands for an asynchronous invocation, after which only destinations get the answer."""

_FRAMEWORK = "cdk-provider"
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Differences(Protocol):
    """Receives what the rules of an event source find in a response.

    A sentence has TARGET and CURRENT for the names of the versions, and PLACE for the JSON
    Pointer. ``current`` and ``target`` are the values as short text, ``None`` for a missing one.
    """

    def __len__(self) -> int:
        """The number of differences so far."""

    def ignored(self, path: Path) -> bool:
        """True when the configuration ignores this place, or a place above it."""

    def rule(
        self,
        path: Path,
        kind: str,
        says: str,
        current: str | None,
        target: str | None,
        note: str = "",
    ) -> None:
        """Note that the target breaks a rule of the event source; this counts in every mode.

        ``note`` follows the sentence unchanged.
        """

    def other(
        self,
        path: Path,
        kind: str,
        says: str,
        current: str | None,
        target: str | None,
        note: str = "",
    ) -> None:
        """Note another difference; in mode ``schema`` the schema decides instead."""

    def warn(
        self,
        path: Path,
        kind: str,
        says: str,
        current: str | None,
        target: str | None,
        note: str = "",
    ) -> None:
        """Note a difference that may harm a caller, or not: a warning, in every mode."""

    def retyped(self, path: Path, types: Iterable[str], current: Json, target: Json) -> None:
        """Note a value with a JSON type that the current version never returns there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Values inside the responses, to be compared by their JSON shape."""

    path: Path
    current: tuple[Json, ...]
    """One value of each replay."""
    target: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The values that the rules of an event source leave to compare."""

    current: tuple[Json, ...]
    """One response of each replay."""
    target: Json
    settled: bool = False
    """True when there is nothing more to compare than ``parts``."""
    parts: tuple[Part, ...] = ()
    """Empty if values are compared."""


class AnswerRules(Protocol):
    """How a service reads the answers of functions."""

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,
        exact: bool,
    ) -> Compared:
        """Note what the service would do differently; return what is left to compare.

        ``current`` has the current version's response of each replay, at least one. ``exact`` is
        true where values are compared, not only their shape.
        """


def _always(_event: Object) -> bool:
    return True


def _never(_event: Object) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EventSource:
    """One event source. Raises ValueError for a slug that cannot be part of a file's name."""

    name: str
    """As messages say it: ``SQS``, ``the load balancer``."""
    slug: str
    """A word in the names of event fixtures, in kebab-case: ``sqs``, ``s3-batch``."""
    recognises: Callable[[Json], bool]
    """True for an event that surely comes from this source."""
    topics: tuple[Place, ...] = ()
    """Places that say what an event is about: route, detail type, trigger."""
    qualifiers: tuple[Place, ...] = ()
    """Places that tell equal topics apart, and stay out of the names of fixtures."""
    request_path: str | None = None
    """The member with the path of an HTTP request."""
    named_by_topics: bool = False
    """The topics alone name a fixture, without the slug: ``get-orders``."""
    payload: tuple[Place, ...] = ()
    """Places where the sender's own content begins; empty if AWS adds nothing around it."""
    parameters: tuple[Place, ...] = ()
    """Other places that the sender fills, such as a query string."""
    record_ids: tuple[Place, ...] = ()
    """Places in an event of the ids that answers and errors name its records by."""
    answer_is_read: Callable[[Object], bool] = _always
    """False for an event whose answer nobody reads; true if that is unknown."""
    may_be_passed_on: Callable[[Object], bool] = _never
    """True for an event whose sender reads no answer, but which another service (a state machine,
    say) often passes on unchanged, and reads the answer to."""
    is_polled: bool = False
    """True when a poller of Lambda sends the events: it reads nothing but the failures of a
    batch."""
    answers: AnswerRules | None = None
    """How an answer is judged; ``None``: by its own form (`answers.http.BY_FORM`)."""

    def __post_init__(self) -> None:
        if not _SLUG.fullmatch(self.slug):
            raise ValueError(f"{self.slug!r} is not a valid slug: use a word like 's3-batch'")

    def topic(self, event: Json) -> str:
        """The topic in words, ``GET /orders`` or ``PreSignUp_SignUp``; of a batch, the first's."""
        values = (next(values_at(event, place), None) for place in self.qualifiers + self.topics)
        return " ".join(value for value in values if isinstance(value, str))

    def is_payload(self, path: Sequence[str | int]) -> bool:
        """True for a place that the sender filled, or that lies in such a place."""
        return any(covers(place, path[: len(place)]) for place in self.payload + self.parameters)


never_read = _never
"""For ``answer_is_read`` of a source that reads no answer."""


def _nothing(_event: Json) -> bool:
    return False


UNKNOWN = EventSource(name="its caller", slug="event", recognises=_nothing)
"""The source of every event that no other source recognises.

Step Functions, another function and SDKs send events without a form of their own.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event and its source."""

    source: EventSource = UNKNOWN
    value: Object = field(default_factory=dict, repr=False)
    """The event; empty for one that is not a JSON object."""
    elements: tuple[Object, ...] = field(default=(), repr=False)
    """The members of an event that is a list; what is not an object counts as an empty one."""
    invoked_by: str | None = None
    """One of `INVOKERS` if the configuration says who reads the answer."""

    @property
    def answer_is_read(self) -> bool:
        """False when nobody reads what the function returns; true if that is unknown."""
        if self.invoked_by is not None:
            return self.invoked_by != "nobody"
        return self.source.answer_is_read(self.value)

    @property
    def reader_is_open(self) -> bool:
        """True if the source reads no answer, and nothing says that nobody else does."""
        if self.invoked_by is not None or self.answer_is_read:
            return False
        return self.source.may_be_passed_on(self.value)

    @property
    def as_read(self) -> Event:
        """The same event, sent by something that reads the answer."""
        return replace(self, source=replace(self.source, answer_is_read=_always))

    @property
    def failure_is_lost(self) -> bool:
        """True if an answer that says "failed" reaches nobody: the event counts as processed."""
        if self.invoked_by is None and self.source.is_polled:
            return True
        return not self.answer_is_read

    @property
    def rules(self) -> AnswerRules | None:
        """The rules for the answer: the source's own, unless another caller reads it."""
        if self.invoked_by in (None, "nobody", _FRAMEWORK):
            return self.source.answers
        return None


# --- reading events ---------------------------------------------------------------------------


def has(value: Json, **kinds: type) -> TypeGuard[Object]:
    """True for an object whose members have these types."""
    return isinstance(value, dict) and all(isinstance(value.get(n), k) for n, k in kinds.items())


def member(value: Json, name: str) -> Object:
    """An object in an object; empty if there is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def records(event: Json, name: str = "Records") -> tuple[Object, ...]:
    """The members of a list, in order; what is not an object counts as an empty one."""
    found = event.get(name) if isinstance(event, dict) else None
    listed = found if isinstance(found, list) else []
    return tuple(record if isinstance(record, dict) else {} for record in listed)


def records_of(service: str) -> Callable[[Json], bool]:
    """Recognises a batch whose records all name one service (``eventSource``)."""

    def recognises(event: Json) -> bool:
        found = records(event)
        names = {str(record.get("eventSource", record.get("EventSource"))) for record in found}
        return names == {service}

    return recognises


def covers(place: Place, path: Sequence[str | int]) -> bool:
    """True when a place matches this path."""
    return len(place) == len(path) and all(
        wanted in ("*", str(step)) for wanted, step in zip(place, path, strict=True)
    )


def values_at(value: Json, place: Place) -> Iterator[Json]:
    """The values at a place, in the event's order."""
    if not place:
        yield value
        return
    if isinstance(value, str):
        try:
            value = parse(value)
        except ValueError:
            return
    if place[0] != "*":
        if isinstance(value, dict) and place[0] in value:
            yield from values_at(value[place[0]], place[1:])
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from values_at(each, place[1:])
