"""The platform contract: AWS must neither refuse nor hinder the rollback.

The policy, in one place:

- A finding is certain by AWS's documentation: refused, failing, or leaving traffic behind. A likely
  problem, or a loss that a release manager should know, is a warning.
- What is equally true of the current version today does not count against the rollback, unless
  it stops the rollback (a function that cannot be updated cannot be redeployed).
- ``alias`` points an alias at the target as it was published; ``redeploy`` updates the function's
  code, publishes a new version on the current version's configuration, and points the alias there.
- If packages are unavailable, the rules that need none still apply: their findings count,
  and without findings the check is ``unknown``.
- A fact that could not be read is a note with the refused IAM action; never a guess.

The rules are in the modules beside this one, each with its decisions and reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from pytest_lambda_rollback.aws_lambda.permissions import statement
from pytest_lambda_rollback.contracts.platform.bindings import binding_concerns, binding_notes
from pytest_lambda_rollback.contracts.platform.case import PlatformCase
from pytest_lambda_rollback.contracts.platform.layers import (
    layer_concerns,
    layer_notes,
    limit_concerns,
)
from pytest_lambda_rollback.contracts.platform.runtime_rules import (
    patch_concerns,
    runtime_concerns,
    runtime_notes,
)
from pytest_lambda_rollback.contracts.platform.version_rules import version_concerns, version_notes
from pytest_lambda_rollback.model.findings import Details, Judgement, Note
from pytest_lambda_rollback.model.published import PublishedFunction

__all__ = ["PlatformCase", "judge"]

_UNREAD = {
    "lambda:GetAlias": "what its alias points at",
    "lambda:GetFunction": "the state of its versions",
    "lambda:GetFunctionConcurrency": "its reserved concurrency",
    "lambda:GetLayerVersion": "whether its layers still exist",
    "lambda:GetPolicy": "which callers are permitted on which version",
    "lambda:GetProvisionedConcurrencyConfig": "the provisioned concurrency of its versions",
    "lambda:GetRuntimeManagementConfig": "how its runtimes are patched",
    "lambda:ListAliases": "which aliases it has",
    "lambda:ListEventSourceMappings": "which event sources invoke which version",
    "lambda:ListFunctionUrlConfigs": "which function URLs it has",
    "lambda:ListProvisionedConcurrencyConfigs": "the provisioned concurrency of its versions",
}
"""The facts behind each action, so that "is not known" may follow."""


def judge(case: PlatformCase, *, today: date) -> Judgement:
    """Judge one target by one strategy. ``today`` is what deprecations are compared with."""
    concerns = [
        *version_concerns(case),
        *runtime_concerns(case, today),
        *patch_concerns(case),
        *layer_concerns(case),
        *limit_concerns(case),
        *binding_concerns(case),
    ]
    findings = tuple(each.finding for each in concerns if each.certain)
    notes = (
        *(_package_notes(case) if findings else ()),
        *_unread_notes(case, today),
        *runtime_notes(case, today),
        *version_notes(case),
        *layer_notes(case),
        *binding_notes(case),
    )
    return Judgement(
        findings=findings,
        reason=None if findings else case.unread,
        warnings=tuple(each.finding for each in concerns if not each.certain),
        notes=tuple(dict.fromkeys(notes)),
    )


def _package_notes(case: PlatformCase) -> Iterator[Note]:
    if case.unread is not None:
        yield Note(
            kind="packages-unread",
            about=(("target", case.published.name),),
            details=(("reason", case.unread.rstrip(".")),),
        )


def _unread_notes(case: PlatformCase, today: date) -> Iterator[Note]:
    functions = [facts for facts in (case.facts, case.target_facts) if facts is not None]
    if not functions:
        yield Note(kind="declared-versions")
    for facts in functions:
        if not facts.platform.as_of:
            yield Note(kind="never-read", about=(("function", facts.name),))
        for action in facts.platform.unread:
            yield _unread(action, facts)
        read = _day_of(facts.platform.as_of or facts.as_of)
        if read is not None and read < today:
            yield Note(
                kind="old-facts",
                about=(("function", facts.name),),
                details=(("day", read.isoformat()),),
            )


def _unread(action: str, facts: PublishedFunction) -> Note:
    about: Details = (("function", facts.name),)
    details: Details = ("action", action), ("facts", _UNREAD.get(action, "what it tells"))
    resource = _resource(action, facts)
    allows: Details = (("statement", statement(action, resource)),)
    if resource == facts.arn:
        return Note(kind="unread", about=about + allows, details=details)
    return Note(kind="unread", about=about, details=details + allows)


def _resource(action: str, facts: PublishedFunction) -> str:
    """The resource of the smallest policy statement that allows an action for a function."""
    resource = facts.arn
    if action == "lambda:ListEventSourceMappings":  # takes no resource
        resource = "*"
    if action == "lambda:GetLayerVersion":
        layers = {layer.arn for version in facts.versions for layer in version.layers}
        resource = layers.pop() if len(layers) == 1 else "*"
    return resource


def _day_of(moment: str) -> date | None:
    """The day of an ISO 8601 time; ``None`` for text that is not one."""
    try:
        return datetime.fromisoformat(moment).date()
    except ValueError:
        return None
