"""The weight of an issue for a rollback: a finding, a warning, or nothing.

- What the configuration requires holds for each target, however it is restored. What the current
  version misses as well gives a warning.
- Metadata that contradict one another on the target's own stack did so while it was live, so they
  are a warning: by ``alias`` always, by ``redeploy`` where the current stack is wrong in the same
  way.
- By ``redeploy`` the question is what the old code needs. Something that is wrong with the current
  version too is a finding where the old code reaches it by imports that the current code does not
  make, or has an alternative to; else the current version shows that it works.
- Modules of a hidden version that leak through are a finding where the code imports them.
- What cannot be loaded is a finding by both strategies, but by ``alias`` only if the code reaches
  it: what nothing imports was never loaded.
- A finding is certain. Likely trouble is a warning: versions of what Lambda's runtime brings,
  leftover metadata, packages without metadata, versions that PEP 440 refuses, native modules that
  a package can do without, one version hidden behind another. So is a layer that its publisher
  did not mark as compatible, which Lambda only filters lists by:
  https://docs.aws.amazon.com/lambda/latest/api/API_PublishLayerVersion.html.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from enum import StrEnum

from pytest_lambda_rollback.contracts.dependencies.installed import Installed
from pytest_lambda_rollback.contracts.dependencies.issues import Ground, Issue
from pytest_lambda_rollback.contracts.dependencies.needs import Needs
from pytest_lambda_rollback.contracts.dependencies.unmet import Unmet
from pytest_lambda_rollback.model.modules import ModuleView


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """What the code of the two versions imports, each on the stack that it would run on."""

    target: ModuleView
    current: ModuleView


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One version's distributions and everything that is or may be wrong with them."""

    installed: Installed
    unmet: Unmet
    issues: tuple[Issue, ...]


class Weight(StrEnum):
    """What an issue means for a rollback."""

    WARNING = "warning"
    FINDING = "finding"


class Weights:
    """The weight of each issue of a target; ``None`` for one that says nothing of a rollback."""

    def __init__(
        self,
        *,
        here: Examined | None,
        then: Examined | None,
        own: Examined | None,
        untouched: bool,
        code: Codes | None,
    ) -> None:
        self._untouched = untouched
        self._known: dict[tuple[str, str, str], bool] = {}
        for issue in then.issues if then else ():
            known = self._known.get(issue.identity, False)
            self._known[issue.identity] = known or issue.certain
        self._own = {_sameness(issue) for issue in (own.issues if own else ())}
        self._target = self._current = None
        if code is not None and here is not None:
            self._target = Needs(code.target, requirements_of=here.unmet.required_by)
            if then is not None:
                self._current = Needs(code.current, requirements_of=then.unmet.required_by)

    def of(self, issue: Issue) -> Weight | None:
        """The weight of one issue."""
        known = self._known.get(issue.identity)
        is_new = known is None or (issue.certain and not known)
        if issue.ground is Ground.CONFIGURATION:
            return Weight.FINDING if is_new and issue.certain else Weight.WARNING
        if not issue.certain or not self._counts(issue):
            return Weight.WARNING if is_new else None
        return Weight.FINDING if is_new else self._of_both(issue)

    def _of_both(self, issue: Issue) -> Weight | None:
        """For something that is wrong with the current version as well."""
        uses = self._target.uses(issue.subject) if self._target is not None else frozenset()
        if self._untouched or not uses:
            return None
        lived_with = self._current is not None and self._current.makes(uses)
        return Weight.WARNING if lived_with else Weight.FINDING

    def _counts(self, issue: Issue) -> bool:
        """False for what was as wrong while the target was live, or what its code never meets."""
        if issue.ground is Ground.BINARY:
            return not self._untouched or self._reaches(issue)
        if self._untouched or _sameness(issue) in self._own:
            return False
        return not issue.leaks or self._target is None or self._target.imports(issue.leaks)

    def _reaches(self, issue: Issue) -> bool:
        if self._target is None or self._target.uses(issue.subject):
            return True
        # Where no distribution is known, the subject is the path of the package or module.
        module = posixpath.basename(issue.subject).partition(".")[0]
        return issue.distribution is None and self._target.imports([module])


def _sameness(issue: Issue) -> tuple[object, ...]:
    """Equal for what is wrong in the same way: with a conflict, at the same versions."""
    is_conflict = issue.kind in ("dependency-conflict", "mixed-distribution")
    return (*issue.identity, issue.version if is_conflict else None)
