"""Collecting the differences between two responses.

A difference is kept once for each path and kind, however many array elements show it: the first
place is reported, the others are counted. Callers define a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from pytest_lambda_rollback.aws_lambda.event_sources.answers.http_members import HEADER_OBJECTS
from pytest_lambda_rollback.aws_lambda.event_sources.interface import Place, covers
from pytest_lambda_rollback.contracts.response.durations import Durations
from pytest_lambda_rollback.contracts.response.matchers import Fit, fit
from pytest_lambda_rollback.model.findings import Contract, Finding, Subject
from pytest_lambda_rollback.model.json_values import (
    Json,
    Path,
    json_type,
    pointer,
    pointer_tokens,
    short_text,
)
from pytest_lambda_rollback.model.settings import Matcher

ANY_INDEX = "*"
"""The token for an element of an unordered array, and for any token in a pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Difference:
    path: Path
    kind: str
    says: str
    """A sentence with TARGET and CURRENT for the versions and PLACE for the pointer."""
    note: str
    current: str | None
    target: str | None
    is_rule: bool = False
    """A rule of the event source, which counts whatever a schema says."""
    places: int = 1


def _folded(path: Path) -> Path:
    if len(path) > 1 and path[0] in HEADER_OBJECTS:
        return (path[0], str(path[1]).lower(), *path[2:])
    return path


def _pattern(text: str) -> Place:
    return tuple(map(str, _folded(pointer_tokens(text))))


def _place(path: Path) -> Path:
    return tuple(ANY_INDEX if isinstance(token, int) else token for token in path)


def _order(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a path: indexes by number, keys by text."""
    return tuple((0, t, "") if isinstance(t, int) else (1, 0, t) for t in path)


@dataclass(slots=True)
class Differences:
    """The differences of one comparison, made for it and dropped with it."""

    subject: Subject
    ignore: tuple[str, ...] = ()
    """JSON Pointers with ``*`` for one token; each covers its subtree."""
    matchers: tuple[Matcher, ...] = ()
    """Forms that values at places must have instead of being compared; the first one counts."""
    durations: Durations | None = None
    """How long the replays took, where that was measured."""
    _patterns: list[Place] = field(init=False, default_factory=list)
    _matchers: list[tuple[Place, Matcher]] = field(init=False, default_factory=list)
    _fits: dict[tuple[int, int], tuple[Sequence[Json], Fit | None]] = field(
        init=False, default_factory=dict
    )
    """By matcher and values, which are kept so that their ids stay valid."""
    _found: dict[tuple[Path, str], _Difference] = field(init=False, default_factory=dict)
    _likely: dict[tuple[Path, str], _Difference] = field(init=False, default_factory=dict)
    """What may harm a caller, or not."""

    def __post_init__(self) -> None:
        self._patterns = [_pattern(text) for text in self.ignore]
        self._matchers = [(_pattern(each.pointer), each) for each in self.matchers]

    def __len__(self) -> int:
        """Without the warnings."""
        return len(self._found)

    def blank(self) -> Differences:
        """An empty collection by the same rules, for a comparison on trial."""
        return Differences(
            subject=self.subject,
            ignore=self.ignore,
            matchers=self.matchers,
            durations=self.durations,
        )

    def ignored(self, path: Path) -> bool:
        """True if the configuration ignores this place, or a place above it."""
        if not self._patterns:
            return False
        tokens = _folded(path)
        return any(covers(pattern, tokens[: len(pattern)]) for pattern in self._patterns)

    def set_aside(self, path: Path) -> bool:
        """True if values at this place are not compared: it is ignored, or has a matcher."""
        return self.ignored(path) or self._matcher(path) is not None

    def matched(self, path: Path, current: Sequence[Json], target: Json) -> bool:
        """True if a matcher judges this place; a target's value that does not fit it is noted.

        A form does not excuse another JSON type. ``current`` holds the current version's values
        there. Where one of these does not fit
        itself, the matcher does not say what callers rely on, and the values are compared.
        """
        matcher = self._matcher(path)
        if matcher is None:
            return False
        known = self._fit(matcher, current)
        if known is None:
            return False
        if known.takes(target):
            if json_type(target) not in known.types:
                self.retyped(path, known.types, current[0], target)
        elif self._is_new(path, "matcher-missed"):
            self._add(
                path,
                "matcher-missed",
                "TARGET answers with a value at PLACE that is not ",
                short_text(current[0]),
                short_text(target),
                note=known.expected,
            )
        return True

    def _fit(self, matcher: Matcher, current: Sequence[Json]) -> Fit | None:
        """The matcher for these values; looked up, as an array's elements share them."""
        key = (id(matcher), id(current))
        if key not in self._fits:
            self._fits[key] = (current, fit(matcher, current))
        return self._fits[key][1]

    def _matcher(self, path: Path) -> Matcher | None:
        if not self._matchers:
            return None
        tokens = _folded(path)
        return next((m for pattern, m in self._matchers if covers(pattern, tokens)), None)

    def lost(self, path: Path, current: Json) -> None:
        """A key that the current version always returns is missing."""
        if self._is_new(path, "lost-key"):
            says = "TARGET answers without PLACE, which CURRENT always returns"
            self._add(path, "lost-key", says, short_text(current), None)

    def added(self, path: Path, target: Json) -> None:
        """A key that the current version never returns is present."""
        if self._is_new(path, "added-key"):
            says = "TARGET answers with PLACE, which CURRENT never returns"
            self._add(path, "added-key", says, None, short_text(target))

    def retyped(self, path: Path, types: Iterable[str], current: Json, target: Json) -> None:
        """A value has a JSON type that the current version never gives there."""
        if self._is_new(path, "type-changed"):
            expected = " or ".join(_article(kind) for kind in sorted(types))
            found = _article(json_type(target))
            says = f"TARGET answers {found} at PLACE where CURRENT answers {expected}"
            self._add(path, "type-changed", says, short_text(current), short_text(target))

    def changed(self, path: Path, current: Json, target: Json, says: str = "") -> None:
        """A value differs, where values are compared."""
        if self._is_new(path, "value-changed"):
            says = says or "TARGET answers a different value at PLACE from CURRENT"
            self._add(path, "value-changed", says, short_text(current), short_text(target))

    def reordered(self, path: Path, current: Json, target: Json) -> None:
        """The same items in another order, if values are compared."""
        if self._is_new(path, "order-changed"):
            says = "TARGET answers the items at PLACE in a different order from CURRENT"
            self._add(path, "order-changed", says, short_text(current), short_text(target))

    def rule(
        self,
        path: Path,
        kind: str,
        says: str,
        current: str | None,
        target: str | None,
        note: str = "",
    ) -> None:
        """The target breaks a rule of the event source; this counts in every mode."""
        if self._is_new(path, kind):
            self._add(path, kind, says, current, target, note, is_rule=True)

    def other(
        self,
        path: Path,
        kind: str,
        says: str,
        current: str | None,
        target: str | None,
        note: str = "",
    ) -> None:
        """Another difference; ``says`` as in the sentences above, values as short text.

        ``note`` follows the sentence unchanged.
        """
        if self._is_new(path, kind):
            self._add(path, kind, says, current, target, note)

    def warn(
        self,
        path: Path,
        kind: str,
        says: str,
        current: str | None,
        target: str | None,
        note: str = "",
    ) -> None:
        """A difference that may harm a caller, or not; it never makes a break."""
        if self._is_new(path, kind, self._likely):
            self._likely[_place(path), kind] = _Difference(
                path=path, kind=kind, says=says, note=note, current=current, target=target
            )

    def _is_new(
        self, path: Path, kind: str, found: dict[tuple[Path, str], _Difference] | None = None
    ) -> bool:
        """True for a difference to keep; a known one is counted, an ignored one dropped."""
        if self.ignored(path):
            return False
        found = self._found if found is None else found
        key = _place(path), kind
        known = found.get(key)
        if known is not None:
            found[key] = replace(known, places=known.places + 1)
        return known is None

    def _add(
        self,
        path: Path,
        kind: str,
        says: str,
        current: str | None,
        target: str | None,
        note: str = "",
        *,
        is_rule: bool = False,
    ) -> None:
        self._found[_place(path), kind] = _Difference(
            path=path, kind=kind, says=says, note=note, current=current, target=target,
            is_rule=is_rule,
        )  # fmt: skip

    def keep_rules(self) -> None:
        """Drop everything except broken rules of the event source."""
        self._found = {key: each for key, each in self._found.items() if each.is_rule}

    def findings(self) -> tuple[Finding, ...]:
        """One finding for each path and kind, sorted by path, then kind."""
        return self._sorted(self._found.values())

    def warnings(self) -> tuple[Finding, ...]:
        """What may harm a caller, or not, as ``findings`` has it."""
        return self._sorted(self._likely.values())

    def _sorted(self, differences: Iterable[_Difference]) -> tuple[Finding, ...]:
        found = sorted(differences, key=lambda d: (_order(d.path), d.kind))
        return tuple(self._finding(difference) for difference in found)

    def _finding(self, difference: _Difference) -> Finding:
        return Finding(
            contract=Contract.RESPONSE,
            kind=difference.kind,
            subject=self.subject,
            location=pointer(difference.path),
            current=difference.current,
            target=difference.target,
            details=(
                ("template", difference.says),
                ("note", difference.note),
                ("more_places", difference.places - 1),
            ),
        )


def _article(kind: str) -> str:
    if kind == "null":
        return kind
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
