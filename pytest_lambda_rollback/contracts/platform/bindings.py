"""Platform rules on what invokes a function, whose traffic the rollback must move.

Lambda resolves a qualifier when it is invoked: what is bound to an alias moves with it, what is
bound to a number stays on that version for ever, and what is bound to no qualifier runs
``$LATEST``. https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html and
``using-aliases.html`` (event sources, resource policies). A binding to a version that is neither
side of the rollback does not change, and is not reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_lambda_rollback.contracts.platform.case import (
    LATEST,
    Concern,
    PlatformCase,
    is_published,
)
from pytest_lambda_rollback.model.findings import Note
from pytest_lambda_rollback.model.published import AliasFacts, Binding

_MAPPING, _PERMISSION, _URL = "event-source-mapping", "permission", "function-url"
_LIST_ALIASES = "lambda:ListAliases"


def binding_concerns(case: PlatformCase) -> Iterator[Concern]:
    """Every binding that the rollback leaves where it is."""
    if case.facts is None or (case.by_alias and not case.same_function):
        return
    yield from _left_behind(case)
    yield from _permitted_on_number(case)
    yield from _on_other_aliases(case)
    if case.by_alias:
        yield from _beside_the_alias(case)
        yield from _no_alias(case)
        yield from _weighted_now(case)


def binding_notes(case: PlatformCase) -> Iterator[Note]:
    """Bindings to move by hand if the target is another function."""
    if case.facts is None or case.same_function or not case.by_alias:
        return
    # Another function is reached by moving event sources, routes and permissions, each in the
    # service that has it. What there is to move is all that is certain.
    bound = [b for b in case.bindings if b.kind != _PERMISSION and b.enabled]
    principals = sorted({b.what for b in case.bindings if b.kind == _PERMISSION})
    parts = [f"{_mappings(len(bound))}"] if bound else []
    parts += [f"what calls it by permission ({', '.join(principals)})"] if principals else []
    yield Note(
        kind="another-function",
        about=(("target", case.published.function), ("function", case.current.function)),
        details=(("callers", " and ".join(parts) or "what calls it"),),
    )


def _left_behind(case: PlatformCase) -> Iterator[Concern]:
    """Mappings that invoke the current version itself, for both strategies.

    A redeploy publishes a new version and leaves the number as well. ``$LATEST`` is what a
    redeploy changes, so that only the alias strategy leaves it behind.
    """
    number = case.current.version
    if not is_published(number) and not (case.by_alias and number == LATEST):
        return
    for binding in case.bindings:
        if binding.kind == _PERMISSION or (binding.qualifier or LATEST) != number:
            continue
        if binding.enabled:
            yield case.concern(
                "bound-to-version",
                certain=True,
                binding=_shown(binding),
                version=number,
                alias=case.current_alias,
                location=_place(binding),
            )
        else:
            # Nothing flows through it today; it would flow to the bad version once enabled.
            yield case.concern(
                "bound-to-version",
                says="bound-to-version-disabled",
                binding=_shown(binding),
                version=number,
                location=_place(binding),
            )


def _permitted_on_number(case: PlatformCase) -> Iterator[Concern]:
    """Callers that may invoke the current version's number and no other qualifier.

    A permission is not traffic, so this is likely and not certain. A caller that may also invoke
    an alias is assumed to use it.
    """
    number = case.current.version
    if not is_published(number):
        return
    elsewhere = {
        b.what for b in case.bindings if b.kind == _PERMISSION and b.qualifier not in (number, None)
    }
    for binding in case.bindings:
        if binding.kind != _PERMISSION or binding.qualifier != number:
            continue
        if binding.what not in elsewhere:
            yield case.concern(
                "permission-on-version",
                binding=_shown(binding),
                version=number,
                location=_place(binding),
            )


def _on_other_aliases(case: PlatformCase) -> Iterator[Concern]:
    """Traffic to the current version through an alias that is not the one to be pointed back."""
    if case.facts is None or case.current_alias is None or not is_published(case.current.version):
        return
    for alias in case.facts.aliases:
        if alias.name == case.current_alias or alias.version != case.current.version:
            continue
        users = [b for b in case.bindings if b.qualifier == alias.name and b.enabled]
        if users:
            more = f" and {len(users) - 1} more" if users[1:] else ""
            yield case.concern(
                "other-alias",
                binding=f"{_shown(users[0])}{more}",
                version=case.current.version,
                alias=case.current_alias,
                other_alias=alias.name,
                location=alias.name,
            )


def _beside_the_alias(case: PlatformCase) -> Iterator[Concern]:
    """Bindings without a qualifier, beside an alias that holds the contracts.

    They run ``$LATEST`` already and will go on doing so. It is a warning, because that may be
    what the user wants (a canary, a test); but nobody who rolls back should be surprised by it.
    A function without any alias gets its traffic this way, and no alias moves it.
    """
    facts = case.facts
    alone = facts is not None and not facts.aliases and _LIST_ALIASES not in facts.platform.unread
    if case.current_alias is None and not is_published(case.current.version):
        return
    qualified = {b.what for b in case.bindings if b.qualifier not in (None, LATEST)}
    for binding in case.bindings:
        if binding.qualifier not in (None, LATEST) or not binding.enabled:
            continue
        if binding.kind == _PERMISSION:
            if binding.what not in qualified:
                yield case.concern(
                    "permission-on-latest",
                    binding=_shown(binding),
                    alias=case.current_alias,
                    location=_place(binding),
                )
        else:
            yield case.concern(
                "bound-to-latest",
                binding=_shown(binding),
                alias=case.current_alias,
                certain=alone,
                location=_place(binding),
            )


def _no_alias(case: PlatformCase) -> Iterator[Concern]:
    """No alias points at the current version, so pointing one back moves nothing."""
    facts = case.facts
    if facts is None or case.routes or _LIST_ALIASES in facts.platform.unread:
        return
    number = case.current.version
    if not is_published(number) and number != LATEST and facts.aliases:
        return  # a candidate build: some alias will be pointed at it when it is deployed
    has = (
        f"no alias points at {case.current.name}" if facts.aliases else f"{facts.name} has no alias"
    )
    yield case.concern(
        "no-alias",
        aliases=has,
        current=number,
    )


def _weighted_now(case: PlatformCase) -> Iterator[Concern]:
    """The alias sends traffic to two versions today: pointing back must end that as well.

    UpdateAlias keeps the routing configuration unless the request changes it.
    """
    for alias in case.routes:
        for version, share in alias.weights:
            yield case.concern(
                "alias-weighted",
                alias=alias.name,
                share=f"{share:.0%}",
                version=version,
                rest_version=alias.version,
                current=_weights(alias),
            )


def _weights(alias: AliasFacts) -> str:
    rest = 1.0 - sum(share for _, share in alias.weights)
    return ", ".join(f"{v} {s:.0%}" for v, s in ((alias.version, rest), *alias.weights))


def _mappings(count: int) -> str:
    return f"its {count} event source mappings and URLs" if count != 1 else "what is mapped to it"


def _shown(binding: Binding) -> str:
    """``event source mapping 1b2c… of arn:…``: enough to find it."""
    if binding.kind == _PERMISSION:
        statement = f" (statement {binding.identifier})" if binding.identifier else ""
        return f"{binding.what}{statement}"
    if binding.kind == _URL:
        return "the function URL"
    which = f" {binding.identifier}" if binding.identifier else ""
    return f"event source mapping{which} of {binding.what}"


def _place(binding: Binding) -> str | None:
    """The name to look it up by in AWS."""
    return binding.what if binding.kind == _URL else binding.identifier or None
