"""Sentences about findings and notes, which are made from their parts in one place."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

import pytest_lambda_rollback
from helpers.subjects import subject
from pytest_lambda_rollback.model.causes import Cause, CauseKind
from pytest_lambda_rollback.model.findings import Contract, Finding, Note
from pytest_lambda_rollback.model.settings import Strategy
from pytest_lambda_rollback.reports import sentences
from pytest_lambda_rollback.reports.sentences import notes, platform, state

PACKAGE = Path(pytest_lambda_rollback.__file__).parent
SNAP_START = Finding(
    contract=Contract.PLATFORM, kind="snap-start-lost", subject=subject("2", Strategy.ALIAS)
)


def test_a_contract_from_outside_words_its_own_findings() -> None:
    text = "orders:2 drops /total from what it stores"
    found = Finding(contract="audit", kind="lost-field", subject=subject(), text=text)
    assert sentences.of_finding(found) == text
    assert sentences.brief(found) == text
    assert sentences.why(found) == text


def test_a_contract_from_outside_may_leave_the_words_to_its_kind() -> None:
    found = Finding(contract="audit", kind="lost-field", subject=subject("2"))
    assert sentences.of_finding(found) == "orders:2 violates the contract audit: lost-field"
    assert sentences.brief(found) == "violates the contract audit: lost-field"


def test_a_cause_says_why_and_else_the_finding_does() -> None:
    assert sentences.of_finding(SNAP_START) == (
        "orders:2 by alias starts cold without SnapStart, which orders:4 has"
    )
    alone = "starts cold without SnapStart, which orders:4 has"
    assert sentences.why(SNAP_START) == alone
    packages = replace(SNAP_START, cause=Cause(layer="shared", current_version="2"))
    assert sentences.why(packages) == alone
    assert sentences.of_cause(packages.cause, packages.subject) is None
    code = replace(SNAP_START, cause=Cause(kind=CauseKind.CODE, error="KeyError: 'sku'"))
    why = (
        "no change of layers, runtime or environment heals it, as it fails alike on its own and "
        "on the current ones: KeyError: 'sku'"
    )
    assert sentences.why(code) == why
    assert sentences.of_cause(code.cause, code.subject) == f"pointing the alias at 2: {why}"


def test_code_that_raises_no_error_is_told_with_what_it_does() -> None:
    cause = Cause(kind=CauseKind.CODE, same_stack=True)
    assert sentences.why(replace(SNAP_START, cause=cause)) == (
        "starts cold without SnapStart, which orders:4 has; "
        "no change of layers, runtime or environment heals it"
    )


def test_notes_that_differ_in_names_alone_are_the_same_note() -> None:
    one, other = (Note(kind="never-read", about=(("function", name),)) for name in ("a", "b"))
    assert one.key == other.key
    assert sentences.of_note(one) != sentences.of_note(other)
    assert one.key != Note(kind="throttled-now", about=(("function", "a"),)).key
    days = [Note(kind="old-runtime-table", details=(("day", day),)).key for day in ("1", "2")]
    assert days[0] != days[1]


@pytest.mark.parametrize(
    ("kinds", "folders"),
    [
        (platform._SENTENCES, ["contracts/platform"]),
        (
            notes._NOTES,
            ["contracts/downstream", "contracts/platform", "contracts/imports", "session"],
        ),
        (state._SENTENCES, ["contracts/state"]),
        (state._NOTES, ["contracts/state", "session"]),
    ],
    ids=["platform", "notes", "state", "notes of state"],
)
def test_every_sentence_is_of_a_kind_that_a_contract_gives(
    kinds: dict[str, str], folders: list[str]
) -> None:
    texts = {
        node.value
        for folder in folders
        for path in (PACKAGE / folder).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    states = {"version-inactive", "version-pending"}
    assert {kind for kind in kinds if kind not in texts} <= states
