"""Text for a person in a hurry at release time: the first line is the answer. Pure.

`failure` is the text of one check that does not pass; `summary` is the matrix at the end, made
from the report document, so that it is the same text in a distributed run.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import Any

from pytest_lambda_rollback.model import CheckResult, EngineDescription, Finding, Verdict

_WIDTH = 100
_WARNINGS = 10
_NOTES = 8


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
    first = result.findings[0].message if result.findings else str(result.reason)
    more = len(result.findings) - 1
    tail = f" (and {more} more)" if more > 0 else ""
    expired = f" [{result.stale_accept}]" if result.stale_accept else ""
    return f"breaks: {check.name}: {first}{tail}{expired}"


def failure(result: CheckResult, *, repeat: str) -> str:
    """The full text of a check that is not safe; ``repeat`` is the command that repeats it."""
    lines = [headline(result)]
    causes = dict.fromkeys(f.cause.sentence for f in result.findings if f.cause)
    lines += [sentence for sentence in causes if sentence]
    if result.check.event is not None:
        lines.append(f"event: {result.check.event}")
    for finding in result.findings:
        lines += ["", *_finding_lines(finding)]
    lines += ["", "Repeat just this check with:", f"  {repeat}"]
    return "\n".join(_printable(line) for line in lines)


def _printable(line: str) -> str:
    """One line without control characters: a function's text must not steer the terminal."""
    return "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode()
        for char in line
    )


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.contract}: {finding.kind}" + (
        f" at {finding.location}" if finding.location else ""
    )
    if finding.current is not None:
        yield from _value("current", finding.current)
    if finding.target is not None:
        yield from _value("target ", finding.target)
    if finding.cause is not None and not finding.cause.sentence:
        yield f"  cause    {_cause(finding)}"
    if finding.stack_trace:
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


def _cause(finding: Finding) -> str:
    cause = finding.cause
    if cause is None:
        return ""
    text = " ".join(filter(None, (cause.layer and f"layer {cause.layer}", cause.distribution)))
    if cause.target_version or cause.current_version:
        text += f": {cause.target_version} was there for the target, {cause.current_version} is now"
    return text or f"{cause.event_path} in the event"


UNKNOWN_VERSION = "unknown"
"""What a report says of a current version that could not be found out."""


def engine_lines(engines: list[dict[str, Any]]) -> list[str]:
    """What ran the replays, and what that does not seal."""
    lines = []
    for engine in engines:
        text = f"engine {engine['name']}"
        if engine["version"]:
            text += f" {engine['version']}"
        if engine["chosen_because"]:
            text += f" ({engine['chosen_because']})"
        lines.append(text)
        for runtime, image, image_id in engine["base_images"]:
            lines.append(f"  base image of {runtime}: {image} {image_id}")
        if engine["not_sealed"]:
            sentence = "  not sealed: " + "; ".join(engine["not_sealed"])
            lines += textwrap.wrap(sentence, _WIDTH, subsequent_indent="    ")
    return lines


def header(engine: EngineDescription) -> str:
    """One line for the top of a run: engine, version, base images by id."""
    text = f"engine {engine.name}"
    if engine.version:
        text += f" {engine.version}"
    if engine.base_images:
        images = (f"{runtime} = {image} {ident}" for runtime, image, ident in engine.base_images)
        text += f", base images {', '.join(images)}"
    if engine.chosen_because:
        text += f" ({engine.chosen_because})"
    return text


def summary(document: dict[str, Any]) -> list[str]:
    """The matrix of targets by strategies with counts, and the sentence under it."""
    lines: list[str] = []
    for function in document["functions"]:
        if lines:
            lines.append("")
        lines.append(f"{function['function']}, current version {function['current']}")
        if function["inherited"]:
            lines.append(f"  taken over: {', '.join(function['inherited'])}")
        if function["source"]:
            source = function["source"]
            lines.append(f"  versions of {source['arn']}, as of {source['as_of']}")
        if function["placeholders"]:
            text = f"  placeholders for values of: {', '.join(function['placeholders'])}"
            lines += textwrap.wrap(text, _WIDTH, subsequent_indent="    ")
        lines += _matrix(function["targets"])
        lines.append(conclusion(function))
        lines += _warnings(function["targets"])
    # What was not looked at is often the same for all functions.
    notes = dict.fromkeys(
        note
        for function in document["functions"]
        for target in function["targets"]
        for check in target["checks"]
        for note in check["notes"]
    )
    if notes:
        lines.append("")
    for note in list(notes)[:_NOTES]:
        # What is to be copied, as a policy, must not be broken within its words.
        lines += textwrap.wrap(
            f"note: {note}",
            _WIDTH,
            subsequent_indent="  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    if len(notes) > _NOTES:
        lines.append(f"and {len(notes) - _NOTES} more notes in the JSON report")
    return lines


def _matrix(targets: list[dict[str, Any]]) -> list[str]:
    strategies = list(dict.fromkeys(t["strategy"] for t in targets if t["strategy"]))
    rows: dict[str, dict[str, str]] = {}
    for target in targets:
        if target["strategy"]:
            rows.setdefault(_label(target, targets), {})[target["strategy"]] = _cell(target)
    if not rows:
        return []
    table = [["target", *strategies]]
    table += [[label, *(row.get(s, "-") for s in strategies)] for label, row in rows.items()]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def _label(target: dict[str, Any], targets: list[dict[str, Any]]) -> str:
    if len({each["function"] for each in targets}) > 1:
        return f"{target['function']}:{target['version']}"
    return str(target["version"])


def _cell(target: dict[str, Any]) -> str:
    counts = Counter(check["verdict"] for check in target["checks"])
    missing = target["checks_planned"] - len(target["checks"])
    parts = [
        f"{counts[verdict]} {verdict}"
        for verdict in (Verdict.BREAKS, Verdict.UNKNOWN, Verdict.ACCEPTED, Verdict.SAFE)
        if counts[verdict]
    ]
    if missing:
        parts.append(f"{missing} not run")
    stale = sum(check["stale_accept"] for check in target["checks"])
    if stale:
        parts.append(f"{stale} stale acceptance" + ("s" if stale > 1 else ""))
    verdict = target["verdict"]
    loud = verdict if verdict == Verdict.SAFE else verdict.upper()
    return f"{loud} ({', '.join(parts)})"


def _warnings(targets: list[dict[str, Any]]) -> list[str]:
    """What is likely but not certain, each sentence once."""
    messages = dict.fromkeys(
        warning["message"]
        for target in targets
        for check in target["checks"]
        for warning in check["warnings"]
    )
    lines = [f"  warning: {message}" for message in list(messages)[:_WARNINGS]]
    if len(messages) > _WARNINGS:
        lines.append(f"  and {len(messages) - _WARNINGS} more warnings in the JSON report")
    return lines


def conclusion(function: dict[str, Any]) -> str:
    """One sentence: which target is the newest safe one."""
    name = function["function"]
    by_target: dict[tuple[str, str], dict[str, str]] = {}
    for target in function["targets"]:
        if target["version"] is not None:
            found = by_target.setdefault((target["function"], target["version"]), {})
            found[target["strategy"]] = target["verdict"]
    if not by_target:
        if function["current"] == UNKNOWN_VERSION:
            return f"Nothing was checked for {name}: see the unknown check above."
        return f"Nothing was checked for {name}: it has no rollback target."
    for (of, version), verdicts in by_target.items():
        safe = [s for s, verdict in verdicts.items() if verdict == Verdict.SAFE]
        if safe:
            others = [f"by {s} it is {v}" for s, v in verdicts.items() if v != Verdict.SAFE]
            others = [text.replace("is breaks", "breaks") for text in others]
            label = version if of == name else f"{of}:{version}"
            tail = f"; {', '.join(others)}" if others else ""
            return f"The newest safe target of {name} is {label}, by {' and '.join(safe)}{tail}."
    accepted = [
        f"{version} by {strategy}"
        for (_, version), verdicts in by_target.items()
        for strategy, verdict in verdicts.items()
        if verdict == Verdict.ACCEPTED
    ]
    if accepted:
        return f"{name} has no target that is safe; {accepted[0]} breaks only where it is accepted."
    checks = [check for target in function["targets"] for check in target["checks"]]
    planned = sum(target["checks_planned"] for target in function["targets"])
    if len(checks) < planned and not any(c["verdict"] == Verdict.UNKNOWN for c in checks):
        return f"No target of {name} is known to be safe: not all of its checks ran."
    if any(v == Verdict.UNKNOWN for found in by_target.values() for v in found.values()):
        return f"No target of {name} is known to be safe: see the unknown checks above."
    return f"{name} has no safe target: every one that was checked breaks."
