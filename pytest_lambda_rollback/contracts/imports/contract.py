"""The imports contract: the code must find every module and name it imports.

It compares what the target's code gets on its own layers with what it gets on the current
version's. For ``redeploy`` a finding is something that the current layers lack, also in functions
that no event reaches; for ``alias`` an import that fails on the own layers. What neither stack
has is one as well where a function imports it, unless the current version lives with the same.
An import that the code handles as optional is a warning. Nothing is reported that static reading
cannot know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from pytest_lambda_rollback.aws_lambda.runtimes import python_version
from pytest_lambda_rollback.contracts.imports.calls import judge_calls
from pytest_lambda_rollback.contracts.imports.providers import Sides, asked_for, lacked
from pytest_lambda_rollback.model.findings import Contract, Finding, Judgement, Note, Subject
from pytest_lambda_rollback.model.modules import (
    Answer,
    Answered,
    ApiComparison,
    Ask,
    Form,
    ModuleView,
    Moment,
    State,
    TryBlock,
)
from pytest_lambda_rollback.model.settings import Strategy


class _Course(StrEnum):
    """The course of one ask in one environment."""

    FINE = "fine"
    RAISES = "raises"
    FALLS_BACK = "falls-back"
    IDLE = "idle"
    """It does not run: it is the alternative to something that works."""
    UNKNOWN = "unknown"


_Key = tuple[str, int, Form, str, tuple[str, ...]]


def judge(
    subject: Subject,
    *,
    own: ModuleView,
    redeployed: ModuleView,
    api: ApiComparison | None = None,
    live: ModuleView | None = None,
) -> Judgement:
    """Judge one target by one strategy.

    ``own`` is the target exactly as published, ``redeployed`` its code on the current version's
    layers, runtime and environment. ``api`` compares the interfaces of ``own`` and
    ``redeployed``; without it they are not judged, and for ``alias`` there is nothing to
    compare. ``live`` is the current version itself: what its code asks for in vain as well is
    lived with today and not a finding.
    """
    for view in (own, redeployed):
        if python_version(view.runtime) is None:
            return Judgement(notes=(Note(kind="not-python", details=(("runtime", view.runtime),)),))
    lived_with = _asked_in_vain(live) if live is not None else frozenset()
    notes = tuple(Note(kind="package", text=text) for text in own.notes)
    if subject.strategy is Strategy.ALIAS:
        sides = Sides(subject=subject, target=own, other=redeployed)
        findings, warnings = _judged(_missed_by_alias(sides, lived_with), sides)
        return Judgement(findings=findings, warnings=warnings, notes=notes)
    sides = Sides(subject=subject, target=redeployed, other=own)
    findings, warnings = _judged(_missed_by_redeploy(sides, lived_with), sides)
    if api is not None:
        calls, likely = judge_calls(sides, api)
        findings, warnings = findings + calls, warnings + likely
    notes = (*notes, *_unchecked(sides))
    return Judgement(findings=findings, warnings=warnings, notes=notes)


# --- what happens at each ask ---------------------------------------------------------------


class _Courses:
    """The course of every ask of one view, given the code's own ``try`` blocks."""

    def __init__(self, view: ModuleView) -> None:
        self._tries = {file.file: file.tries for file in view.files}
        self._by_try: dict[tuple[str, int], list[Answered]] = {}
        self._failed: dict[tuple[str, int], bool] = {}
        for answered in view.asks:
            place = self._catcher(answered)
            if place is not None:
                self._by_try.setdefault(place, []).append(answered)
        self.at: dict[_Key, tuple[_Course, Answered]] = {}
        for answered in (*view.asks, *view.vendored):
            if answered.ask.form is not Form.CALL:
                self.at.setdefault(_key(answered), (self._course(answered), answered))

    def _course(self, answered: Answered) -> _Course:
        answer, ask = answered.answer, answered.ask
        if not self._runs(answered):
            return _Course.IDLE
        if answer.state is State.OFFERED:
            return _Course.FINE
        if answer.state is not State.MISSING:
            return _Course.UNKNOWN
        if ask.guarded or self._catcher(answered) is not None:
            return _Course.FALLS_BACK
        return _Course.RAISES

    def _runs(self, answered: Answered) -> bool:
        """True if the ``try`` blocks around it let it run."""
        file, ask = answered.file, answered.ask
        return all(self._fails(file, number) for number in ask.fallback_of) and not any(
            self._fails(file, number) for number in ask.unless_failed
        )

    def _fails(self, file: str, number: int) -> bool:
        """True if the body of a ``try`` block certainly fails."""
        place = (file, number)
        if place not in self._failed:
            self._failed[place] = False
            self._failed[place] = any(
                answered.answer.state is State.MISSING
                and not answered.ask.guarded
                and self._runs(answered)
                for answered in self._by_try.get(place, ())
            )
        return self._failed[place]

    def _catcher(self, answered: Answered) -> tuple[str, int] | None:
        """The innermost ``try`` block that takes this failure as an alternative.

        As (file, number). Those around the calls of a function come after those in it.
        """
        ask = answered.ask
        inside = [(answered.file, number) for number in reversed(ask.caught_by)]
        for file, number in (*inside, *ask.caught_outside):
            tries = self._tries.get(file, ())
            if number < len(tries) and _catches(tries[number], ask, answered.answer):
                return file, number
        return None


def _catches(block: TryBlock, ask: Ask, answer: Answer) -> bool:
    if answer.name is None:
        return block.module
    return block.name if ask.form in (Form.IMPORT, Form.FROM) else block.attribute


def _key(answered: Answered) -> _Key:
    ask = answered.ask
    return (answered.file, ask.line, ask.form, ask.module, ask.names)


# --- what the rollback brings ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Missed:
    answered: Answered
    """On the layers it would run on."""
    other: Answer | None
    """On the others."""
    certain: bool
    optional: bool = False
    unlisted: bool = False
    """It may be there, though its module does not list it."""


_InVain = frozenset[tuple[str, str | None]]


def _asked_in_vain(view: ModuleView) -> _InVain:
    """(module, name) of what a version's own code asks for and does not get."""
    return frozenset(
        (answered.answer.module, answered.answer.name)
        for course, answered in _Courses(view).at.values()
        if course is _Course.RAISES
    )


def _never_there(
    course: _Course, known: _Course, answered: Answered, lived: _InVain, view: ModuleView
) -> bool:
    """True if an import fails on every stack, in a place that loading does not reach.

    What fails while the code loads shows in every replay, and under a condition there it may be
    meant for another place. Packages beside the handler's own may be libraries without
    their metadata, whose functions have optional imports; and code that changes ``sys.path``
    may find it elsewhere.
    """
    ask, answer = answered.ask, answered.answer
    folder = answered.file.rpartition("/")[0].partition("/")[0]
    if view.changes_path or folder not in ("", view.handler.partition(".")[0]):
        return False
    return (
        course is _Course.RAISES
        and known is _Course.RAISES
        and ask.form in (Form.IMPORT, Form.FROM)
        and ask.moment is not Moment.LOADING
        and (answer.module, answer.name) not in lived
    )


def _missed_by_redeploy(sides: Sides, lived_with: _InVain) -> Iterator[_Missed]:
    before = _Courses(sides.other).at
    for key, (course, answered) in _Courses(sides.target).at.items():
        known, other = before.get(key, (_Course.FINE, None))
        answer = other.answer if other is not None else None
        if course is _Course.FALLS_BACK and known is _Course.FINE:
            yield _Missed(answered, answer, certain=False, optional=True)
        elif course is _Course.UNKNOWN and known is _Course.FINE and _unlisted(answered):
            yield _Missed(answered, answer, certain=False, unlisted=True)
        elif course is _Course.RAISES and known is _Course.UNKNOWN:
            # It was loaded on its own layers once, so that an import there must have worked.
            yield _Missed(answered, answer, certain=_while_loading(answered.ask))
        elif (course is _Course.RAISES and known is not _Course.RAISES) or _never_there(
            course, known, answered, lived_with, sides.target
        ):
            yield _Missed(answered, answer, certain=True)


def _missed_by_alias(sides: Sides, lived_with: _InVain) -> Iterator[_Missed]:
    now = _Courses(sides.other).at
    for key, (course, answered) in _Courses(sides.target).at.items():
        known, other = now.get(key, (_Course.FINE, None))
        if course is _Course.RAISES and known in (_Course.FINE, _Course.IDLE):
            answer = other.answer if other is not None else None
            certain = _while_loading(answered.ask) or answered.ask.moment is not Moment.LOADING
            yield _Missed(answered, answer, certain=certain)
        elif _never_there(course, known, answered, lived_with, sides.target):
            yield _Missed(answered, other.answer if other is not None else None, certain=True)


def _unchecked(sides: Sides) -> Iterator[Note]:
    """How many uses of each package nobody could check, where the layers bring another one.

    What a test or a clause guards, and what is unknown only on the target's own layers, where it
    worked, is not counted.
    """
    now, before = _brought(sides.target), _brought(sides.other)
    counts: dict[str, int] = {}
    for course, answered in _Courses(sides.target).at.values():
        ask = answered.ask
        top = ask.module.partition(".")[0]
        if course is not _Course.UNKNOWN or ask.guarded or not ask.names:
            continue
        if top in now and top in before and now[top] != before[top]:
            counts[top] = counts.get(top, 0) + 1
    for top, count in sorted(counts.items()):
        yield Note(kind="unchecked-uses", details=(("module", top), ("count", count)))


def _brought(view: ModuleView) -> dict[str, tuple[str | None, ...]]:
    """What brings each top-level module that the code loads from a layer."""
    found: dict[str, tuple[str | None, ...]] = {}
    for answered in view.asks:
        provider = answered.answer.provider
        if answered.answer.state is State.OFFERED and provider and provider.kind == "layer":
            known = (provider.distribution, provider.version)
            top = answered.ask.module.partition(".")[0]
            found.setdefault(top, known if all(known) else (provider.layer, provider.layer_version))
    return found


def _unlisted(answered: Answered) -> bool:
    ask = answered.ask
    return answered.answer.name is not None and not (ask.guarded or ask.caught_by)


def _while_loading(ask: Ask) -> bool:
    return ask.moment is Moment.LOADING and not ask.conditional


# --- findings -------------------------------------------------------------------------------


def _judged(
    missed: Iterable[_Missed], sides: Sides
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Findings and warnings: one for each thing that is missing, at the first place that asks."""
    groups: dict[tuple[str, str | None], list[_Missed]] = {}
    for one in missed:
        answer = one.answered.answer
        groups.setdefault((answer.module, answer.name), []).append(one)
    findings: list[Finding] = []
    warnings: list[Finding] = []
    first_asks = [(min(group, key=_rank), len(group)) for group in groups.values()]
    for first, places in sorted(first_asks, key=lambda each: _place(each[0])):
        (findings if first.certain else warnings).append(_finding(first, places, sides))
    return tuple(findings), tuple(warnings)


def _rank(one: _Missed) -> tuple[bool, bool, str, int]:
    ask = one.answered.ask
    return (not one.certain, not _while_loading(ask), one.answered.file, ask.line)


def _place(one: _Missed) -> tuple[str, int]:
    return one.answered.file, one.answered.ask.line or 0


def _finding(one: _Missed, places: int, sides: Sides) -> Finding:
    answered = one.answered
    kind = "missing-module" if answered.answer.name is None else "missing-name"
    if one.unlisted:
        kind = "unlisted-name"
    lack, cause = lacked(answered.answer, one.other, sides)
    # A list of names can lack it only where something is known to bring the module.
    unlisted = one.unlisted and dict(lack)["lacking"] is not None
    return Finding(
        contract=Contract.IMPORTS,
        kind=f"optional-{kind.removeprefix('missing-')}" if one.optional else kind,
        subject=sides.subject,
        location=_location(answered),
        current=sides.current_text(answered.answer, one.other),
        target=sides.target_text(answered.answer, one.other),
        details=(
            *asked_for(answered),
            *lack,
            ("more_places", places - 1),
            ("optional", one.optional),
            ("unlisted", unlisted),
        ),
        cause=cause,
    )


def _location(answered: Answered) -> str:
    return f"{answered.file}:{answered.ask.line}" if answered.ask.line else answered.file
