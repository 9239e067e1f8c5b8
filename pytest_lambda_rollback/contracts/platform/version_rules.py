"""Platform rules on the two versions themselves: is the target there, can it run, what differs.

For ``alias`` the target comes back with everything that was published with it: role, dead-letter
queue, key, architecture. For ``redeploy`` it gets those of the current version, so that only its
code can be wrong there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_lambda_rollback.aws_lambda.runtimes import Language, language_of
from pytest_lambda_rollback.contracts.platform.case import Concern, PlatformCase, is_published
from pytest_lambda_rollback.model.findings import Note
from pytest_lambda_rollback.model.versions import ContainerImage

_KEY_IS_UNUSABLE = re.compile(
    r"disabled|not\s?found|does not exist|invalid\s?state|pending\s?deletion", re.IGNORECASE
)
"""KMS's words for an unusable key. A caller who may not use a key is also told that it
may not exist, so a refusal counts first."""

_STATES = ("Inactive", "Pending")
"""States other than Failed that Lambda documents:
https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html."""

_UNREAD = (Language.JAVA, Language.DOTNET)
"""Languages whose handlers are not checked in the packages."""


def version_concerns(case: PlatformCase) -> Iterator[Concern]:
    """Faults of the target, by its published configuration."""
    yield from _handler(case)
    yield from _package_type(case)
    yield from _architecture(case)
    if case.by_alias:
        yield from _gone(case)
        yield from _state(case)
        yield from _environment(case)
        yield from _throttled(case)
        yield from _differences(case)
        yield from _gradual(case)
    yield from _provisioned(case)


def version_notes(case: PlatformCase) -> Iterator[Note]:
    """Gaps of this check."""
    runtime, handler = case.target.configuration.runtime, case.target.configuration.handler
    if case.target.image is None and language_of(runtime) in _UNREAD:
        yield Note(kind="handler-unchecked", details=(("handler", handler), ("runtime", runtime)))
    if case.target.image is not None:
        yield Note(kind="image-unchecked", about=(("target", case.published.name),))
    facts = case.facts
    if facts is not None and facts.platform.reserved_concurrency == 0:
        yield Note(kind="throttled-now", about=(("function", facts.name),))


def _handler(case: PlatformCase) -> Iterator[Concern]:
    missing = case.handler_missing
    if missing is not None:
        # The current version answers with the same fault as we see it: then something that we do
        # not see brings the handler, for the target too.
        yield case.concern(
            "handler-missing",
            problem=missing,
            certain=missing != case.current_handler_missing,
            target=case.target.configuration.handler,
            current=case.current.configuration.handler,
        )


def _package_type(case: PlatformCase) -> Iterator[Concern]:
    """UpdateFunctionCode does not turn a zip function into a container image one, or back."""
    then, now = (_package(v.image) for v in (case.published, case.current))
    if not case.by_alias and then != now:
        yield case.concern(
            "package-type-changed",
            certain=True,
            current=now,
            target=then,
        )


def _architecture(case: PlatformCase) -> Iterator[Concern]:
    """AWS refuses neither: UpdateFunctionCode takes any zip, and every version has its own.

    Binaries for the wrong machine are found by the dependencies contract.
    """
    then, now = case.published.configuration.architecture, case.current.configuration.architecture
    if then == now:
        return
    if case.by_alias:
        yield case.concern(
            "architecture-changed",
            says="architecture-again",
            current=now,
            target=then,
        )
    else:
        yield case.concern(
            "architecture-changed",
            current=now,
            target=then,
        )


def _gone(case: PlatformCase) -> Iterator[Concern]:
    record = case.target_record
    if record is not None and record.gone:
        # A reason of the current version's packages says nothing of the archive's.
        yield case.concern(
            "version-deleted",
            says=None if case.unread else "version-deleted-but-archived",
            certain=True,
            version=record.version,
            target=record.arn,
        )


def _state(case: PlatformCase) -> Iterator[Concern]:
    """Only an active version is invoked."""
    record, live = case.target_record, case.current_record
    if record is None or record.gone:
        return
    state = case.target_details.state or record.state
    if state in ("", "Active"):
        return
    if live is not None and (case.current_details.state or live.state) == state:
        return
    if state == "Failed":
        yield case.concern(
            "version-failed",
            certain=True,
            target=state,
        )
        return
    says = None if state in _STATES else "version-other-state"
    yield case.concern(f"version-{_kebab(state)}", says=says, target=state)


def _environment(case: PlatformCase) -> Iterator[Concern]:
    """Variables that Lambda could not decrypt for the caller.

    Lambda decrypts them for the caller there, and for the function's role at start. So an
    unusable key is certain to fail both, and a refused caller shows little about the role.
    """
    record, live = case.target_record, case.current_record
    error = record.environment_error if record is not None and not record.gone else None
    if record is None or error is None:
        return
    same_key = live is not None and live.kms_key_arn == record.kms_key_arn
    if live is not None and live.environment_error is not None and same_key:
        return
    key = record.kms_key_arn or "its key"
    if "AccessDenied" not in error and _KEY_IS_UNUSABLE.search(error):
        yield case.concern(
            "environment-not-decryptable",
            certain=True,
            key=key,
            target=error,
        )
    else:
        yield case.concern(
            "environment-not-decryptable",
            says="environment-may-not-decrypt",
            key=key,
            target=error,
        )


def _throttled(case: PlatformCase) -> Iterator[Concern]:
    """Reserved concurrency is the function's, so it counts where the target is another one."""
    if case.same_function or case.target_facts is None:
        return
    there = case.target_facts.platform.reserved_concurrency
    here = case.facts.platform.reserved_concurrency if case.facts is not None else None
    if there == 0 and here != 0:
        yield case.concern(
            "throttled",
            certain=True,
            current=None if here is None else str(here),
            target="0",
        )
    elif there is not None and (here is None or there < here):
        yield case.concern(
            "less-concurrency",
            now=here if here is not None else "as many as the account allows",
            current=None if here is None else str(here),
            target=str(there),
        )


def _differences(case: PlatformCase) -> Iterator[Concern]:
    """Configuration that pointing the alias back brings back, beside the code."""
    record, live = case.target_record, case.current_record
    if record is None or live is None or record.gone:
        return
    if case.same_function and record.role and live.role and record.role != live.role:
        yield case.concern(
            "role-differs",
            current=live.role,
            target=record.role,
        )
    if record.dead_letter_arn != live.dead_letter_arn:
        yield case.concern(
            "dead-letter-differs",
            then=_fate(record.dead_letter_arn),
            now=_fate(live.dead_letter_arn),
            current=live.dead_letter_arn,
            target=record.dead_letter_arn,
        )
    if live.snap_start and not record.snap_start:
        yield case.concern(
            "snap-start-lost",
            current="SnapStart",
        )


def _gradual(case: PlatformCase) -> Iterator[Concern]:
    """Differences that keep traffic from being shifted by weights, by AWS's three rules.

    https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html. Pointing back all
    at once has none of them, so this never stops a rollback. A build that is not published will
    be once it is deployed.
    """
    record, live = case.target_record, case.current_record
    if record is None or live is None or not case.same_function or record.gone:
        return
    if not is_published(live.version) or not is_published(record.version):
        latest = live.version if not is_published(live.version) else record.version
        yield case.concern(
            "weighted-alias-unpublished",
            version=latest,
            current=live.version,
            target=record.version,
        )
    if record.role and live.role and record.role != live.role:
        yield case.concern(
            "weighted-alias-role",
            version=live.version,
            current=live.role,
            target=record.role,
        )
    if record.dead_letter_arn != live.dead_letter_arn:
        yield case.concern(
            "weighted-alias-dead-letter",
            version=live.version,
            current=live.dead_letter_arn,
            target=record.dead_letter_arn,
        )


def _provisioned(case: PlatformCase) -> Iterator[Concern]:
    """Provisioned concurrency of a number stays on it, and is paid for; that of an alias moves."""
    number = case.current.version
    count = case.current_details.provisioned_concurrency
    if not count or not is_published(number):
        return
    own = case.target_details.provisioned_concurrency if case.by_alias else 0
    if own >= count:
        return
    starts = f"has {own} of its own" if own else "starts cold"
    yield case.concern(
        "provisioned-concurrency",
        starts=starts,
        version=number,
        current=str(count),
        target=str(own),
    )


def _fate(dead_letter_arn: str | None) -> str:
    return f"they go to {dead_letter_arn}" if dead_letter_arn else "they are dropped"


def _package(image: ContainerImage | None) -> str:
    return "a zip package" if image is None else "a container image"


def _kebab(state: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", state).lower()
