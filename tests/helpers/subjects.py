"""Subjects of findings, and the sentences about findings, for tests."""

from __future__ import annotations

from pytest_lambda_rollback.model.findings import Finding, Judgement, Subject
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.model.versions import TargetRef
from pytest_lambda_rollback.reports import sentences


def subject(target: str = "2", strategy: Strategy | None = None, *, current: str = "4") -> Subject:
    """Version 2 of orders, compared with version 4."""
    return Subject(
        target=TargetRef(function="orders", version=target),
        current=TargetRef(function="orders", version=current),
        strategy=strategy,
    )


def worded(judgement: Judgement) -> Judgement:
    """The judgement, once it was seen that everything in it has a sentence."""
    for finding in (*judgement.findings, *judgement.warnings):
        text = said(finding)
        assert text.startswith(finding.subject.name)
        assert "None" not in text
        assert not text.endswith(".")
    assert all(noted(judgement))
    return judgement


def noted(judgement: Judgement) -> tuple[str, ...]:
    """The sentences of the notes."""
    return tuple(sentences.of_note(note) for note in judgement.notes)


def said(finding: Finding) -> str:
    """The whole sentence."""
    return sentences.of_finding(finding)
