"""Sentences about modules, names and signatures that the target's code does not get."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_lambda_rollback.model.findings import Detail, Finding
from pytest_lambda_rollback.model.settings import Strategy

_ASKS = {
    "module": "imports {module}{place}",
    "handler": "has the handler module {module}",
    "name": "imports {name} from {module}{place}",
    "star": "uses {name} of {module} by import *{place}",
    "attribute": "uses {module}.{name}{place}",
}
_CALLS = {
    "unknown-argument": "does not take {argument}=",
    "argument-given-twice": "takes {argument} in place of another argument",
    "too-many-arguments": "takes at most {limit} positional argument{plural}",
    "missing-argument": "requires {argument}",
    "became-async": "is a coroutine function: the call only makes a coroutine, and nothing runs",
    "became-sync": "is not a coroutine function, so that awaiting its answer may fail",
    "parameter-moved": "has {argument} at another position",
    "parameter-removed": "may not take {argument}",
    "parameter-added-required": "may require {argument}",
    "parameter-changed-required": "may require {argument}",
    "return-changed-type": "returns another type{change}",
}
_DEFAULTS_SHOWN = 2


def predicate(finding: Finding) -> str:
    """``imports to_text from acme.money (app.py:3), which layer acme 2 does not offer``."""
    details = dict(finding.details)
    if "call" in details:
        return _call(finding, details)
    more = details["more_places"]
    place = f" ({finding.location} and {more} more)" if more else f" ({finding.location})"
    asks = _ASKS[str(details["asks"])].format(
        module=details["module"], name=details["name"], place=place
    )
    if details["optional"]:
        return f"{asks} if available, {_lack(finding, details)}: it uses its fallback"
    return f"{asks}, {_lack(finding, details)}"


def _lack(finding: Finding, details: Mapping[str, Detail]) -> str:
    """The layers that do not offer it, and those that did."""
    redeploy = finding.subject.strategy is Strategy.REDEPLOY
    lacking, offering = details["lacking"], details["offering"]
    if details["python"]:
        text = f"which {lacking} does not have"
    elif details["needs"] is not None:
        nobody = _nobody(finding, details)
        text = f"which needs {details['needs']} in {details['needed_in']}, which {nobody}"
    elif details["unlisted"]:
        text = f"which {lacking} does not list in __all__ and may not offer"
    else:
        text = f"which {_nobody(finding, details)}"
    return text if offering is None else f"{text}; {offering} {'did' if redeploy else 'does'}"


def _nobody(finding: Finding, details: Mapping[str, Detail]) -> str:
    if details["lacking"] is not None:
        return f"{details['lacking']} does not offer"
    if details["no_layers"]:
        return "nothing offers, as there are no layers"
    if finding.subject.strategy is Strategy.REDEPLOY:
        return f"no layer of {finding.subject.current_name} offers"
    return "none of its own layers offers"


def _call(finding: Finding, details: Mapping[str, Detail]) -> str:
    callee = finding.current or finding.subject.current_name
    text = f"calls {details['call']}() ({finding.location}), which in {callee} "
    text += _conflict(details)
    return f"{text}; it was written for {finding.target}" if finding.target else text


def _conflict(details: Mapping[str, Detail]) -> str:
    defaults = details.get("defaults")
    if isinstance(defaults, tuple):
        shown = ", ".join(str(each) for each in defaults[:_DEFAULTS_SHOWN])
        more = len(defaults) - _DEFAULTS_SHOWN
        what = "a different default" if len(defaults) == 1 else "different defaults"
        return f"has {what} for {shown}" + (f" and {more} more" if more > 0 else "")
    problem, change = str(details["problem"]), details.get("change")
    return _CALLS[problem].format(
        argument=details.get("argument"),
        limit=details.get("limit"),
        plural="" if details.get("limit") == 1 else "s",
        change=f": {change}" if change else "",
    )
