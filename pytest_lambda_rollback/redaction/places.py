"""Where a walk through an event is, and which rule holds there. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_lambda_rollback.redaction import identities
from pytest_lambda_rollback.redaction.rules import Pointer, RedactionRules


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One value's place in an event."""

    pointer: Pointer = ()
    key: str = ""
    """The name that the value stands at, or that an attribute beside it gives it."""
    rule: str | None = None
    """``key``, ``pointer``, ``identity`` or a detector, where a rule names all of the value."""
    about: bool = False
    """True in what is about a person: claims, an identity, attributes of a user."""

    def below(self, token: str, *, key: str | None = None) -> Place:
        """The place of a member, under the same rule."""
        return replace(self, pointer=(*self.pointer, token), key=self.key if key is None else key)

    def ruled(self, rule: str | None) -> Place:
        """The same place under a rule."""
        return self if rule == self.rule else replace(self, rule=rule)


def rule_of(key: str, rules: RedactionRules, *, about: bool, value: object = "") -> str | None:
    """The rule that a key's name sets for all that it holds: any text, or that value."""
    if rules.detects("identity") and identities.names(key, about=about):
        return "identity"
    return "key" if rules.names(key, value) else None
