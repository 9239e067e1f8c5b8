"""Sentences about responses that a caller of the current version could not use."""

from __future__ import annotations

import re

from pytest_lambda_rollback.model.findings import Finding
from pytest_lambda_rollback.model.text import counted


def predicate(finding: Finding) -> str:
    """``answers without /id, which orders:4 always returns``."""
    details = dict(finding.details)
    words = {
        "TARGET ": "",
        "TARGET": finding.subject.name,
        "CURRENT": finding.subject.current_name,
        "PLACE": finding.location or "the top level",
    }
    template = str(details["template"])
    text = re.sub(r"^TARGET |TARGET|CURRENT|PLACE", lambda match: words[match[0]], template)
    text += str(details["note"])
    more = details["more_places"]
    if not isinstance(more, int) or more < 1:
        return text
    return f"{text} (and so in {counted(more, 'more element')})"
