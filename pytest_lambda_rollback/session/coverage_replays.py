"""Replays that measure which lines of a target's code events reach. They change no verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pytest_lambda_rollback.aws_lambda.event_sources.interface import UNKNOWN
from pytest_lambda_rollback.aws_lambda.event_sources.registry import EventSources
from pytest_lambda_rollback.coverage.agent_layer import coverage_version, not_measurable
from pytest_lambda_rollback.errors import RollbackError
from pytest_lambda_rollback.model.coverage import EventCoverage, event_coverage
from pytest_lambda_rollback.model.replay import EventFixture, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.session.replays import Replays

_ENDS_IN_CODE = (OutcomeKind.RESPONSE, OutcomeKind.FUNCTION_ERROR, OutcomeKind.INIT_ERROR)


@dataclass(slots=True)
class CoverageReplays:
    """One more replay of an event, on a version with the coverage agent.

    It is never the replay that is judged and never changes a verdict: a failure here is
    only a reason for unknown lines. ``artifacts`` is the folder for the agent's
    package.
    """

    artifacts: Path
    event_sources: EventSources
    _versions: dict[FunctionVersion, FunctionVersion] = field(default_factory=dict)

    def of(
        self,
        replays: Replays,
        version: FunctionVersion,
        fixture: EventFixture,
        judged: Outcome | None,
    ) -> EventCoverage:
        """One event's part in the evidence. ``judged`` is how its judged replay ended."""
        recognised = self.event_sources.recognise(fixture.payload).source
        source = "" if recognised is UNKNOWN else recognised.name
        reason = not_measurable(version)
        if judged is None:
            reason = "it was not replayed on the target"
        elif judged.kind not in _ENDS_IN_CODE:
            reason = judged.detail
        if reason is not None:
            return EventCoverage(event=fixture.name, source=source, reason=reason)
        try:
            if version not in self._versions:
                self._versions[version] = coverage_version(version, self.artifacts)
            outcome = replays.measure(self._versions[version], fixture)
        except RollbackError as error:
            return EventCoverage(event=fixture.name, source=source, reason=str(error))
        return event_coverage(outcome, event=fixture.name, source=source)
