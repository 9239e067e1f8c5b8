"""The downstream contract: today's services must take what the target asks of them.

The target's requests are held against the current version's on the same event, against botocore's
models of AWS's services, and against OpenAPI documents of hosts. What the current version's own
requests do too is never a break. Requests without an answer were unknown before, except those that
the private AWS cannot do because they do not fit the model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pytest_lambda_rollback.contracts.downstream import aws_models
from pytest_lambda_rollback.contracts.downstream.openapi import Document
from pytest_lambda_rollback.contracts.downstream.refused_requests import missing_thing, new_refusals
from pytest_lambda_rollback.contracts.downstream.targets import (
    RequestTarget,
    is_aws,
    kind_of,
    parameters,
    target_of,
)
from pytest_lambda_rollback.contracts.interface import ReplayCase
from pytest_lambda_rollback.model.findings import Contract, Details, Finding, Judgement, Note
from pytest_lambda_rollback.model.services import Answer, ServiceRequest

_MOST = 20
"""Findings, warnings and notes of one replay."""
_MOST_OTHERS = 5
"""Requests that a warning names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownstreamContract:
    """How a target treats the services that it calls."""

    documents: Mapping[str, Document] = field(default_factory=dict)
    """OpenAPI documents by host."""
    name = Contract.DOWNSTREAM
    needs_replays: Literal[True] = True

    def judge(self, case: ReplayCase) -> Judgement:
        """Judge the requests of one replay of the target."""
        if not case.outcome.requests:
            return Judgement()
        current = [_answered(each.requests) for each in case.baseline]
        target = _answered(case.outcome.requests)
        own = {mark for each in case.baseline for mark, _, _ in self._misfits(each.requests)}
        findings: dict[tuple[object, ...], Finding] = {}
        notes: dict[tuple[object, ...], Note] = {}
        for mark, kind, details in self._misfits(case.outcome.requests):
            if mark in own:
                about = (("current", case.subject.current_name),)
                note = Note(kind=f"downstream-{kind}", about=about, details=details)
                notes.setdefault(mark, note)
            elif mark not in findings:
                findings[mark] = _finding(case, kind, mark, details)
        missing = missing_thing([each for requests in current for each in requests])
        if missing is not None:
            notes["missing",] = _missing_for_both(missing, case)
        warnings = []
        refusals = new_refusals(current, target)
        for refusal in refusals:
            details = (
                ("request", refusal.target.text),
                ("error", refusal.error),
                ("message", refusal.message),
                ("is_missing", refusal.is_missing),
            )
            found = _finding(case, "refused", refusal.mark, details)
            if refusal.is_certain:
                findings["refused", refusal.mark] = found
            else:
                warnings.append(found)
        return Judgement(
            findings=tuple(findings.values())[:_MOST],
            warnings=(
                *warnings[:_MOST],
                *_others(case, current, target, {each.kind for each in refusals}),
            ),
            notes=tuple(notes.values())[:_MOST],
        )

    def _misfits(
        self, requests: Sequence[ServiceRequest]
    ) -> Iterator[tuple[tuple[object, ...], str, Details]]:
        """(what is equal for equal misfits, kind, details) for each misfit of each request."""
        for request in dict.fromkeys(requests):
            host = request.service.partition(":")[0]
            document = self.documents.get(request.service) or self.documents.get(host)
            if is_aws(request) and request.answer in (Answer.ANSWERED, Answer.UNSUPPORTED):
                yield from _model_misfits(request)
            elif request.answer is not Answer.ANSWERED:
                continue
            elif document is not None and request.operation:
                for issue in document.issues(request.operation, parameters(request)):
                    mark = (kind_of(request), issue.kind, issue.at, issue.keyword)
                    yield (
                        mark,
                        issue.kind,
                        (
                            ("request", target_of(request).text),
                            ("document", document.name),
                            *issue.details,
                        ),
                    )


def _missing_for_both(request: ServiceRequest, case: ReplayCase) -> Note:
    return Note(
        kind="downstream-missing",
        about=(("current", case.subject.current_name), ("event", case.fixture.name)),
        details=(("request", target_of(request).text), ("error", request.error)),
    )


def _answered(requests: Sequence[ServiceRequest]) -> tuple[ServiceRequest, ...]:
    return tuple(each for each in requests if each.answer is Answer.ANSWERED)


def _model_misfits(
    request: ServiceRequest,
) -> Iterator[tuple[tuple[object, ...], str, Details]]:
    for issue in aws_models.issues(request.service, request.operation, parameters(request)):
        mark = (request.service, request.operation, *issue.key)
        yield (
            mark,
            issue.kind,
            (
                ("request", f"{request.service} {request.operation}"),
                ("service", request.service),
                ("parameter", issue.parameter),
                ("expected", issue.expected),
                ("given", issue.given),
                ("model", aws_models.model_version()),
            ),
        )


def _others(
    case: ReplayCase,
    current: Sequence[Sequence[ServiceRequest]],
    target: Sequence[ServiceRequest],
    refused: Collection[RequestTarget],
) -> tuple[Finding, ...]:
    """A warning that names the requests that the current version does not make at all.

    ``refused`` are told already.
    """
    known = {*refused, *(kind_of(each) for requests in current for each in requests)}
    others: dict[RequestTarget, RequestTarget] = {}
    for each in target:
        if kind_of(each) not in known:
            others.setdefault(kind_of(each), target_of(each))
    if not others:
        return ()
    shown = tuple(each.text for each in others.values())[:_MOST_OTHERS]
    details = (("requests", shown), ("more", len(others) - len(shown)))
    return (_finding(case, "other-requests", tuple(others), details),)


def _finding(case: ReplayCase, kind: str, mark: tuple[object, ...], details: Details) -> Finding:
    """``mark`` is equal for the same finding of another replay; ids in ``details`` need not be."""
    parts = (each.text if isinstance(each, RequestTarget) else str(each) for each in mark)
    return Finding(
        contract=Contract.DOWNSTREAM,
        kind=kind,
        subject=case.subject,
        details=(*details, ("about", " ".join(each for each in parts if each))),
    )
