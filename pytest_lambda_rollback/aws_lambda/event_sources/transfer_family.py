"""Custom identity providers of AWS Transfer Family.

"Using AWS Lambda to integrate your identity provider" (``username``, ``protocol``, ``serverId``). A
user is let in by an answer with a ``Role``, and refused by an empty one; of a user who has sent no
password, ``PublicKeys`` decide:
https://docs.aws.amazon.com/transfer/latest/userguide/custom-lambda-idp.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pytest_lambda_rollback.aws_lambda.event_sources.interface import (
    Compared,
    Differences,
    Event,
    EventSource,
    has,
)
from pytest_lambda_rollback.model.json_values import Json, short_text


class IdentityAnswers:
    """How Transfer Family reads an answer."""

    __slots__ = ()

    def read(
        self,
        current: Sequence[Json],
        target: Json,
        differences: Differences,
        *,
        event: Event,  # noqa: ARG002
        exact: bool,
    ) -> Compared:
        """Note users who are refused, or let in, unlike today; leave what they get to compare."""
        lets_in, found = {_lets_in(run) for run in current}, _lets_in(target)
        as_is = Compared(current=tuple(current), target=target)
        if lets_in == {found}:
            # Nothing but the refusal is read of a refusing answer.
            return replace(as_is, settled=not found and not exact)
        if len(lets_in) > 1:
            return as_is
        kind, says = "authorizer-denies", "TARGET refuses a user whom CURRENT lets in"
        if found:
            kind, says = "authorizer-allows", "TARGET lets a user in whom CURRENT refuses"
        differences.rule((), kind, says, short_text(current[0]), short_text(target))
        return Compared(current=as_is.current, target=target, settled=True)


def _lets_in(value: Json) -> bool:
    return isinstance(value, dict) and bool(value.get("Role"))


TRANSFER_FAMILY = EventSource(
    name="Transfer Family",
    slug="authorizer",
    recognises=lambda event: has(event, username=str, protocol=str, serverId=str),
    topics=(("protocol",),),
    answers=IdentityAnswers(),
)
