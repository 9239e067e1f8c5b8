"""The event origins that ``--from`` can name: those of the package, and guarded ones of plugins."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.hookspecs import console_plugins
from pytest_lambda_rollback.model.recorded import RecordedEvent, Skipped
from pytest_lambda_rollback.recording.origins import registry
from pytest_lambda_rollback.recording.origins.interface import (
    Origin,
    OriginAccess,
    OriginRequest,
    OriginType,
    Reading,
)
from pytest_lambda_rollback.session import guards, plug_points


def known_origins() -> Mapping[str, OriginType]:
    """The event origins of the package and of plugins, by name. Raises ConfigError."""
    known = plug_points.registry(
        console_plugins().hook.pytest_lambda_rollback_event_origins,
        registry.BUILT_IN,
        kind="event origin",
        members=("form", "published", "make"),
    )
    return MappingProxyType(
        {
            name: each if each in registry.BUILT_IN else _GuardedType(each)
            for name, each in known.items()
        }
    )


@dataclass(frozen=True, slots=True)
class _GuardedType:
    """A plugin's kind of origin."""

    kind: OriginType

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def form(self) -> str:
        return self.kind.form

    @property
    def published(self) -> bool:
        return self.kind.published

    def make(self, value: str, request: OriginRequest) -> Origin | None:
        what = f'the event origin "{self.name}" ({guards.origin(self.kind)})'
        with guards.guarded(what, SourceError):
            origin = self.kind.make(value, request)
        if origin is None:
            return None
        if not callable(getattr(origin, "events", None)):
            raise guards.wrong(what, origin, "an Origin", SourceError)
        return _GuardedOrigin(origin, what)


@dataclass(frozen=True, slots=True)
class _GuardedOrigin:
    """A plugin's origin; raises nothing but errors of this package."""

    origin: Origin
    what: str

    def __str__(self) -> str:
        return str(self.origin)

    def events(self, access: OriginAccess) -> Generator[Reading]:
        with guards.guarded(self.what, SourceError):
            for reading in self.origin.events(access):
                if not isinstance(reading, RecordedEvent | Skipped):
                    raise guards.wrong(
                        self.what, reading, "a RecordedEvent or Skipped", SourceError
                    )
                yield reading
