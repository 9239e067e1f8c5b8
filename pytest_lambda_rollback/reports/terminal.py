"""Texts of single checks and engines for the terminal: the first line is the answer.

`failure` is the text of one check that does not pass, `short` its line in pytest's own summary.
`summary` makes the text at the end of a run.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from pytest_lambda_rollback.model.causes import Cause, CauseKind
from pytest_lambda_rollback.model.findings import CheckResult, Finding, Verdict
from pytest_lambda_rollback.model.replay import EngineDescription
from pytest_lambda_rollback.model.text import printable
from pytest_lambda_rollback.reports import sentences

_WIDTH = 100


def headline(result: CheckResult) -> str:
    """One line that is the answer, for the short summary and the first line of a failure."""
    check = result.check
    if check.target is None:
        return f"unknown: {result.reason}"
    who = f"{check.target.function}:{check.target.version} by {check.strategy}"
    if result.verdict is Verdict.UNKNOWN:
        return f"unknown: {who} on {check.name}: {result.reason}"
    if result.stale_accept is not None and result.verdict is Verdict.SAFE:
        return f"stale acceptance: {who} is safe on {check.name}: {result.reason}"
    first = sentences.of_finding(result.findings[0]) if result.findings else str(result.reason)
    more = len(result.findings) - 1
    tail = f" (and {more} more)" if more > 0 else ""
    expired = f" [{result.stale_accept}]" if result.stale_accept else ""
    return f"breaks: {check.name}: {first}{tail}{expired}"


def short(result: CheckResult) -> str:
    """The answer for a line that begins with the id, and may be cut: the error comes first."""
    if result.stale_accept is not None and result.verdict is Verdict.SAFE:
        text = f"stale acceptance: {result.reason}"
    elif result.verdict is Verdict.UNKNOWN or not result.findings:
        text = f"{result.verdict}: {result.reason}"
    else:
        text = f"{result.verdict}: {sentences.brief(result.findings[0])}"
    return printable(text, keep="\t")


def likeness(result: CheckResult) -> tuple[object, ...]:
    """A value that is equal for checks of one function that fail for the same reason."""
    return (
        result.check.function,
        result.verdict,
        result.reason,
        *(
            (
                finding.contract,
                finding.kind,
                finding.location,
                finding.details,
                finding.text,
                finding.cause,
                finding.stack_trace,
            )
            for finding in result.findings
        ),
    )


def failure(result: CheckResult, *, repeat: str, like: str | None = None) -> str:
    """The full text of a check that is not safe; ``repeat`` is the command that repeats it.

    ``like`` is the id of a check that failed for the same reason (`likeness`): what was
    shown there is omitted.
    """
    lines = [headline(result)]
    if like is None:
        causes = (sentences.of_cause(each.cause, each.subject) for each in result.findings)
        lines += dict.fromkeys(filter(None, causes))
    if result.check.event is not None:
        lines.append(f"event: {result.check.event}")
    for finding in result.findings:
        lines += ["", *_finding_lines(finding, stack_trace=like is None)]
    if like is None:
        lines += ["", "Repeat just this check with:", f"  {repeat}"]
    elif result.findings:  # else the first line has told it all
        lines += ["", f"Same failure as {like}; see it for details"]
    return "\n".join(printable(line, keep="\t") for line in lines)


def _finding_lines(finding: Finding, *, stack_trace: bool) -> Iterator[str]:
    yield (
        f"{finding.contract}: {finding.kind}"
        + (f" at {finding.location}" if finding.location else "")
        + sentences.in_pass(finding)
    )
    if finding.current is not None:
        yield from _value("current", finding.current)
    if finding.target is not None:
        yield from _value("target ", finding.target)
    if finding.cause is not None and finding.cause.kind is CauseKind.PACKAGES:
        yield f"  cause    {_packages(finding.cause)}"
    if finding.stack_trace and stack_trace:
        yield "  stack trace from inside the function:"
        for frame in finding.stack_trace:
            for line in frame.rstrip().splitlines():
                yield f"    {line}"
    if finding.logs:
        yield "  function log of the replay:"
        for line in finding.logs:
            yield f"    {line}"


def _value(name: str, text: str) -> Iterator[str]:
    first, *rest = text.splitlines() or [""]
    yield f"  {name}  {first}"
    for line in rest:
        yield f"           {line}"


def _packages(cause: Cause) -> str:
    """``layer third-party 2 PyJWT: 1.7.1 for the target, 2.10.1 for the current version``."""
    # A layer is often called like the one distribution in it.
    named = cause.distribution
    if named is not None and cause.layer is not None and named in cause.layer.split():
        named = None
    text = " ".join(filter(None, (cause.layer and f"layer {cause.layer}", named)))
    if cause.target_version or cause.current_version:
        target, current = cause.target_version or "none", cause.current_version or "none"
        text += f": {target} for the target, {current} for the current version"
    return text


def engine_lines(engines: Iterable[EngineDescription]) -> list[str]:
    """The engines that ran the replays, and what they do not seal."""
    lines = []
    for engine in engines:
        text = f"engine {engine.name}"
        if engine.version:
            text += f" {engine.version}"
        if engine.chosen_because:
            text += f" ({engine.chosen_because})"
        lines.append(text)
        for runtime, image, image_id in engine.base_images:
            lines.append(f"  base image of {runtime}: {image} {image_id}")
        if engine.not_sealed:
            sentence = "  not sealed: " + "; ".join(engine.not_sealed)
            lines += textwrap.wrap(sentence, _WIDTH, subsequent_indent="    ")
    return lines


def header(engine: EngineDescription) -> str:
    """One line for the top of a run: engine, version, base images by id, what is not sealed."""
    text = f"engine {engine.name}"
    if engine.version:
        text += f" {engine.version}"
    if engine.base_images:
        images = (f"{runtime} = {image} {ident}" for runtime, image, ident in engine.base_images)
        text += f", base images {', '.join(images)}"
    if engine.chosen_because:
        text += f" ({engine.chosen_because})"
    if engine.not_sealed:
        text += f"; not sealed: {'; '.join(engine.not_sealed)}"
    return text
