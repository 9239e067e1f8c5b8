"""Sentences about distributions that a target lacks, or that do not fit each other."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_lambda_rollback.model.findings import Detail, Finding

_PROBLEMS = {
    "absent": "{asks}, but neither its code nor its layers have {name}",
    "binary": "cannot load {name} in {place} on {runtime}: it is built for {built_for} ({files})",
    "duplicate-metadata": "has the metadata of {provider} side by side in {place}",
    "hidden": "{asks}, but something without metadata may hide the {provider} in {place}",
    "incomparable": ("{asks}, but {place} has {provider}, whose version PEP 440 cannot compare"),
    "invalid-metadata": (
        "has {provider} in {place}, whose requirement {requirement} is not valid under PEP 508 "
        "and was not checked"
    ),
    "layer-not-compatible": (
        "runs on {platform}, but layer {name} is marked as compatible only with {marked}"
    ),
    "leaks": (
        "mixes {provider} of {place} with {other_version} of {other_place}: {modules} of "
        "{other_place} leaks through"
    ),
    "no-metadata": "{asks}, which may be there without metadata",
    "other-version": "{asks}, but {place} has {provider}",
    "outside-search-path": "{asks}, which is outside the search path, at {path} in {place}",
    "overrides": (
        "mixes {provider} of {place} with {other_version} of {other_place}: {modules} of "
        "{other_place} is imported instead of {place}'s"
    ),
    "python": "runs on python{python}, but {provider} in {place} requires Python {requirement}",
    "runtime-version": (
        "{asks}, and AWS may change the version of {name} that Lambda's runtime brings"
    ),
    "twice": (
        "has {name} twice: {versions} of {place} is imported, and {other_version} of "
        "{other_place} is hidden behind it"
    ),
    "wrong-python": (
        "{asks}, which {place} has only for Python {other_python} ({path}), and runs on "
        "python{python}"
    ),
}
_MODULES_SHOWN = 3


def predicate(finding: Finding) -> str:
    """``needs acme-shared>=2, but layer shared 1 has acme-shared 1.4.0``."""
    details = dict(finding.details)
    words = {name: _word(value) for name, value in finding.details}
    return _PROBLEMS[str(details["problem"])].format(**words, asks=_asks(details))


def _asks(details: Mapping[str, Detail]) -> str:
    """The requirement and its owner: the configuration, or a distribution."""
    asker = details.get("asker")
    needs = f"needs {details.get('requirement')}"
    return needs if asker is None else f"has {asker}, which {needs}"


def _word(value: Detail) -> str:
    if not isinstance(value, tuple):
        return str(value)
    shown = ", ".join(str(each) for each in value[:_MODULES_SHOWN])
    more = len(value) - _MODULES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
