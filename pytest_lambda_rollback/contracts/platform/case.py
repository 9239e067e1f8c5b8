"""The question to the platform contract, and the answers of its rules.

A rule takes a case and yields concerns, the certain ones findings and the likely ones warnings,
and notes of what could not be inspected. It states AWS's documented rules in terms
of a rollback; it never reports for a rollback what is equally true today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from pytest_lambda_rollback.model.findings import Contract, Detail, Finding, Subject
from pytest_lambda_rollback.model.published import (
    AliasFacts,
    Binding,
    PublishedFunction,
    PublishedVersion,
    VersionFacts,
)
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import FunctionVersion, TargetRef

LATEST = "$LATEST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One concern of a rule."""

    finding: Finding
    certain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCase:
    """One target by one strategy, with AWS's facts about the functions."""

    strategy: Strategy
    target: FunctionVersion
    """As the strategy would run it."""
    published: FunctionVersion
    """The target as it was published."""
    current: FunctionVersion
    facts: PublishedFunction | None = None
    """Of the current version's function; ``None`` for versions that the configuration declares."""
    target_facts: PublishedFunction | None = None
    """Of the target's function, the same as ``facts`` if it is the same function."""
    current_alias: str | None = None
    """The alias that ``current`` was given by."""
    unread: str | None = None
    """Why the packages could not be read; those of the versions are empty then."""
    handler_missing: str | None = None
    """Why the handler of ``target`` is not in its packages, as a fragment; ``None`` for found, or
    not certain."""
    current_handler_missing: str | None = None
    """The same of ``current``."""

    @property
    def subject(self) -> Subject:
        """The subject of every finding."""
        return Subject(
            target=TargetRef(function=self.published.function, version=self.published.version),
            current=TargetRef(function=self.current.function, version=self.current.version),
            strategy=self.strategy,
        )

    @property
    def by_alias(self) -> bool:
        """True if the target runs exactly as it was published."""
        return self.strategy is Strategy.ALIAS

    @property
    def same_function(self) -> bool:
        """False if the target is another function, which no alias of this one points at."""
        if self.facts is not None and self.target_facts is not None:
            return self.facts.arn == self.target_facts.arn
        return self.published.function == self.current.function

    @property
    def target_record(self) -> PublishedVersion | None:
        """The target as AWS describes it."""
        facts = self.target_facts
        return None if facts is None else facts.version(self.published.version)

    @property
    def current_record(self) -> PublishedVersion | None:
        """The current version as AWS describes it; ``None`` for a build not published yet."""
        return None if self.facts is None else self.facts.version(self.current.version)

    @property
    def target_details(self) -> VersionFacts:
        """Facts that were asked for the target only; empty if they were not."""
        return _details(self.target_facts, self.published.version)

    @property
    def current_details(self) -> VersionFacts:
        """Facts that were asked for the current version only."""
        return _details(self.facts, self.current.version)

    @property
    def routes(self) -> tuple[AliasFacts, ...]:
        """The aliases that lead to the current version: the one it was given by, or all."""
        if self.facts is None:
            return ()
        if self.current_alias is not None:
            alias = self.facts.alias(self.current_alias)
            return () if alias is None else (alias,)
        return tuple(a for a in self.facts.aliases if a.version == self.current.version)

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """Everything that invokes the current version's function."""
        return () if self.facts is None else self.facts.platform.bindings

    def concern(
        self,
        kind: str,
        *,
        says: str | None = None,
        certain: bool = False,
        current: str | None = None,
        target: str | None = None,
        location: str | None = None,
        **details: Detail,
    ) -> Concern:
        """A concern about the target.

        ``says`` names the sentence where a kind has several, and ``details`` what it needs.
        """
        named = tuple(details.items())
        return Concern(
            certain=certain,
            finding=Finding(
                contract=Contract.PLATFORM,
                kind=kind,
                subject=self.subject,
                details=(("says", says), *named) if says is not None else named,
                location=location,
                current=current,
                target=target,
            ),
        )


def is_published(version: str) -> bool:
    """True for the number of a version; not for ``$LATEST`` or a build that is not there yet."""
    return version.isdecimal()


def day(when: date) -> str:
    """A date as messages write it."""
    return when.isoformat()


def _details(facts: PublishedFunction | None, version: str) -> VersionFacts:
    known = facts.platform.versions if facts is not None else ()
    return next((each for each in known if each.version == version), VersionFacts(version=version))
