"""Platform rules on runtimes: what AWS blocks on which day, and which patch of it is run.

Lambda never blocks invocations (see ``runtimes``): an alias can always be pointed at a version on
a deprecated runtime. What it blocks is creating and updating functions, which a redeploy does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from pytest_lambda_rollback.aws_lambda.runtimes import AS_OF, RUNTIMES, SOURCE
from pytest_lambda_rollback.contracts.platform.case import Concern, PlatformCase, day
from pytest_lambda_rollback.model.findings import Note

SOON = timedelta(days=90)
"""How far ahead a date gives a warning: a rollback may be wanted that long after a release."""

OLD_TABLE = timedelta(days=180)


def runtime_concerns(case: PlatformCase, today: date) -> Iterator[Concern]:
    """Deprecation for ``alias``, blocks for ``redeploy``."""
    support = RUNTIMES.get(case.target.configuration.runtime)
    if support is None:
        return
    if case.by_alias:
        yield from _deprecation(case, today)
        return
    # A redeploy runs on the current version's runtime: that it is deprecated is none of the
    # rollback's. That the function cannot be updated any more is what stops it.
    name, blocked, created = (
        case.target.configuration.runtime,
        support.update_blocked,
        support.create_blocked,
    )
    if blocked is not None and AS_OF < blocked <= today:
        # AWS has moved such dates several times, up to the last weeks.
        yield case.concern(
            "runtime-update-blocked",
            says="runtime-update-announced",
            as_of=day(AS_OF),
            day=day(blocked),
            page=SOURCE,
            target=name,
        )
        return
    if blocked is not None and today >= blocked:
        yield case.concern(
            "runtime-update-blocked",
            certain=True,
            day=day(blocked),
            target=name,
        )
        return
    if blocked is not None and blocked - today <= SOON:
        yield case.concern(
            "runtime-update-blocked-soon",
            day=day(blocked),
            target=name,
        )
    if created is not None and today >= created:
        since = f"since {day(created)}"
        if created > AS_OF:
            since = f"as announced by {day(AS_OF)}, from {day(created)} on"
        yield case.concern(
            "runtime-creation-blocked",
            since=since,
            target=name,
        )


def _deprecation(case: PlatformCase, today: date) -> Iterator[Concern]:
    name, now = case.target.configuration.runtime, case.current.configuration.runtime
    deprecated = RUNTIMES[name].deprecated
    live = RUNTIMES[now].deprecated if now in RUNTIMES else None
    if name == now or deprecated is None or (live is not None and live <= today):
        return  # it is as bad today
    if deprecated <= today:
        yield case.concern(
            "runtime-deprecated",
            day=day(deprecated),
            current=now,
            target=name,
        )
    elif deprecated - today <= SOON and (live is None or live > deprecated):
        yield case.concern(
            "runtime-deprecated-soon",
            day=day(deprecated),
            current=now,
            target=name,
        )


def patch_concerns(case: PlatformCase) -> Iterator[Concern]:
    """A runtime version that the target is pinned to, and the current version is not.

    https://docs.aws.amazon.com/lambda/latest/dg/runtime-management-configure-settings.html
    """
    target, current = case.target_details, case.current_details
    pinned = target.runtime_version_arn
    if not case.by_alias or target.update_mode != "Manual" or pinned is None:
        return
    if pinned == current.runtime_version_arn:
        return
    yield case.concern(
        "runtime-version-pinned",
        pinned=_short(pinned),
        runtime=case.target.configuration.runtime,
        current=current.update_mode,
        target="Manual",
    )


def runtime_notes(case: PlatformCase, today: date) -> Iterator[Note]:
    """Gaps of the table, and the patch of the runtime that will run."""
    runtime = case.target.configuration.runtime
    if runtime:
        support = RUNTIMES.get(runtime)
        if support is None or support.deprecated is None:
            yield Note(
                kind="runtime-dates-unknown",
                details=(("runtime", runtime), ("day", day(AS_OF)), ("page", SOURCE)),
            )
        elif today - AS_OF > OLD_TABLE:
            yield Note(kind="old-runtime-table", details=(("day", day(AS_OF)),))
    mode = case.target_details.update_mode
    if case.by_alias and mode == "Auto":
        yield Note(kind="patched-automatically", details=(("runtime", runtime),))
    elif case.by_alias and mode == "FunctionUpdate":
        yield Note(
            kind="patch-kept",
            about=(("target", case.published.name),),
            details=(("runtime", runtime),),
        )


def _short(arn: str) -> str:
    """The end of a runtime version ARN, which is 64 digits, as much as a person compares."""
    return f"{arn.rpartition(':')[2][:12]}…"
