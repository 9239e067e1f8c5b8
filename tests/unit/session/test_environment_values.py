"""No value of an environment variable is shown, in whatever form a text holds it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from helpers.subjects import subject
from pytest_lambda_rollback.model.causes import Cause, Differing, EventDifference, Placed
from pytest_lambda_rollback.model.findings import (
    Check,
    CheckResult,
    Contract,
    Finding,
    Note,
    Verdict,
)
from pytest_lambda_rollback.model.json_values import one_line, short_text
from pytest_lambda_rollback.model.versions import Artifact, FunctionConfiguration, FunctionVersion
from pytest_lambda_rollback.session.environment_values import redacted

PEM = "-----BEGIN KEY-----\nMIIEabc/def+ghi=\n-----END KEY-----\n"
QUOTED = 'she said "it\'s C:\\new" and left'
LONG = "".join(f"{number:04d}" for number in range(200))
ACCENTS = "pässwörd-日本"
CHECK = Check(function="orders", group="3-alias", name="any")


def version(*values: str) -> FunctionVersion:
    return FunctionVersion(
        function="orders",
        version="3",
        code=Artifact(label="code", digest="0", size_bytes=0, tar=Path("code")),
        layers=(),
        configuration=FunctionConfiguration(
            runtime="python3.11",
            handler="app.handler",
            environment=tuple((f"KEY{number}", value) for number, value in enumerate(values)),
        ),
    )


def shown(text: str, *values: str) -> str:
    result = CheckResult(check=CHECK, verdict=Verdict.UNKNOWN, reason=text)
    return redacted(result, [version(*values)]).reason or ""


@pytest.mark.parametrize("value", [PEM, QUOTED, LONG, ACCENTS])
@pytest.mark.parametrize(
    "said",
    [
        str,
        repr,
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: repr({"k": value}),
        lambda value: f"KeyError: {value!r}",
        lambda value: short_text({"key": value}, limit=10_000),
        lambda value: one_line(value, limit=10_000),
        lambda value: f"https://api.example/?token={quote(value, safe='')}",
        lambda value: json.dumps({"statusCode": 200, "body": json.dumps({"key": value})}),
    ],
)
def test_a_value_is_known_in_every_form(value: str, said: object) -> None:
    text = said(value)  # type: ignore[operator]
    assert shown(f"before {text} after", value).count("<KEY0>") == 1
    for part in (value[:12], value[-12:-2]):
        assert part not in shown(text, value)


def test_every_line_of_a_value_is_known_by_itself() -> None:
    """As where it is printed: each line of a log is a text of its own."""
    for line in ("MIIEabc/def+ghi=", "-----END KEY-----"):
        assert shown(f"[INFO] {line}", PEM) == "[INFO] <KEY0>"


@pytest.mark.parametrize("limit", [20, 60, 200])
def test_what_was_cut_off_shows_no_beginning(limit: int) -> None:
    assert shown(short_text({"k": LONG}, limit=limit), LONG) == '{"k": "<KEY0>…'
    assert shown(one_line(f"got {LONG}", limit=limit), LONG) == "got <KEY0>…"
    assert shown(f"{LONG[:20]}… and {LONG[:30]}…", LONG) == "<KEY0>… and <KEY0>…"


def test_a_text_that_only_begins_alike_is_left() -> None:
    assert shown("postgres://other…", "postgres://user:secret@db") == "postgres://other…"
    assert shown("00000001 is a number…", LONG) == "00000001 is a number…"
    assert shown("prod", "prod") == "prod"


def test_every_text_of_a_result_is_looked_at() -> None:
    secret = "a-very-secret-value"
    finding = Finding(
        contract=Contract.INVOCATION,
        kind="function-error",
        subject=subject(),
        details=(("says", f"m {secret}"), ("defaults", (f"d {secret}",))),
        text=f"x {secret}",
        location=f"/l/{secret}",
        current=f"c {secret}",
        target=f"t {secret}",
        cause=Cause(
            error=f"s {secret}",
            distributions=(Differing(breaking=Placed(version=secret)),),
            event=EventDifference(kind="other-value", target="2", found=f"e {secret}"),
        ),
        stack_trace=(f"f {secret}",),
        logs=(f"l {secret}",),
    )
    result = redacted(
        CheckResult(
            check=CHECK,
            verdict=Verdict.BREAKS,
            findings=(finding,),
            warnings=(finding,),
            notes=(Note(kind="package", text=f"n {secret}"),),
        ),
        [version(secret)],
    )
    assert secret not in repr(result)
    assert [note.text for note in result.notes] == ["n <KEY0>"]
    assert result.findings[0].location == "/l/<KEY0>"


def test_the_name_of_a_table_is_shown_where_something_in_it_broke() -> None:
    found = Finding(
        contract=Contract.STATE,
        kind="drops-attribute",
        subject=subject(),
        current="customers of another-table",
        details=(("container", "customers"),),
    )
    result = CheckResult(check=CHECK, verdict=Verdict.BREAKS, findings=(found,))
    (shown,) = redacted(result, [version("customers", "another-table")]).findings
    assert shown.current == "customers of <KEY1>"
    assert shown.detail("container") == "customers"
