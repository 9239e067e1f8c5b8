"""Sentences about what a contract did not check, and why."""

from __future__ import annotations

from pytest_lambda_rollback.model.findings import Note
from pytest_lambda_rollback.reports.sentences import downstream, passes, state

_NOTES = {
    "another-function": (
        "{target} is another function, which no alias of {function} can point at: traffic moves "
        "only with {callers}"
    ),
    "cold-budget": (
        "{tried} of {events} events, the most different ones, were tried on a cold start: more "
        "would take longer than cold_budget_s = {budget_s:g} allows"
    ),
    "declared-versions": (
        "aliases, permissions, event sources and layers in AWS are not checked: the versions "
        "are declared in the configuration"
    ),
    "downstream-missing": (
        "{event} proves little: {current}, the current version, sends {request}, which is refused "
        "({error}). If AWS has it today, add it to the template or seed"
    ),
    "handler-unchecked": (
        "whether the code has the handler {handler} is not checked for {runtime}"
    ),
    "image-unchecked": (
        "the content of the image of {target} is not analysed: only replays check its packages "
        "and imports"
    ),
    "never-read": (
        "permissions, event sources, concurrency and layers of {function} were never read from "
        "AWS: until a run that is not offline, the archive has only its versions and aliases"
    ),
    "not-python": "imports are not checked because {runtime} is not a Python runtime",
    "old-facts": ("AWS was last asked about {function} on {day}: changes since then are not known"),
    "old-runtime-table": (
        "the dates of runtimes are as of {day} and may have changed since: a newer release of "
        "pytest-lambda-rollback may have newer ones"
    ),
    "pass-not-compared": "{event} was not compared {where}: {reason}",
    "only-refused": (
        "{event} proves little: {current}, the current version, only refuses it ({refusal})"
    ),
    "packages-unread": "handler and size of {target} were not checked: {reason}",
    "patch-kept": (
        "{target} keeps the patch of {runtime} that it was published on (FunctionUpdate): the "
        "replays may have run on a newer one"
    ),
    "patched-automatically": (
        "published versions receive AWS's patches of {runtime} automatically (Auto): a rollback "
        "does not bring back the patch that they were published on"
    ),
    "runtime-dates-unknown": (
        "when AWS deprecates and blocks {runtime} is not known to this release, whose table of "
        "runtimes is "
        "as of {day}; see {page}"
    ),
    "throttled-now": (
        "{function} has a reserved concurrency of 0: Lambda throttles every invocation, before "
        "the rollback and after it"
    ),
    "unread": (
        "{function}: could not determine {facts}: {action} was refused or is unavailable here; the "
        "policy statement {statement} allows it"
    ),
    "unchecked-uses": (
        "{count} {uses} of {module} could not be checked: its source does not show all of its names"
    ),
    "upload-through-s3": (
        "the zip of {target} has {size} MB: over 50 MB it can only be deployed through an S3 bucket"
    ),
}


def of_note(note: Note) -> str:
    """The sentence, without a full stop."""
    if note.text is not None:
        return note.text
    of_state = state.of_note(note)
    if of_state is not None:
        return of_state
    values = dict((*note.about, *note.details))
    if note.kind in downstream.BOTH:
        both = downstream.misfit(note.kind.removeprefix("downstream-"), values)
        return f"{values['current']} itself sends {both}: this is no difference"
    if note.kind == "pass-not-compared":
        values["where"] = passes.where(str(values["replay_pass"]))
    if note.kind == "unchecked-uses":
        values["uses"] = "use" if values["count"] == 1 else "uses"
    return _NOTES[note.kind].format(**values)
