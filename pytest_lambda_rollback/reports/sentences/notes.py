"""Sentences about what a contract did not check, and why."""

from __future__ import annotations

from pytest_lambda_rollback.model.findings import Note

_NOTES = {
    "another-function": (
        "{target} is another function, which no alias of {function} can point at: traffic moves "
        "only with {callers}"
    ),
    "declared-versions": (
        "aliases, permissions, event sources and layers in AWS are not looked at: the versions "
        "are declared in the configuration"
    ),
    "handler-unchecked": (
        "whether the handler {handler} is in the code is not known for {runtime}"
    ),
    "image-unchecked": (
        "the content of the image of {target} is not looked at: only replays check its packages "
        "and imports"
    ),
    "never-read": (
        "permissions, event sources, concurrency and layers of {function} were never read from "
        "AWS: until a run that is not offline, the archive has only its versions and aliases"
    ),
    "not-python": "imports are not checked because {runtime} is not a Python runtime",
    "old-facts": (
        "AWS was last asked about {function} on {day}: what changed since then is not known"
    ),
    "old-runtime-table": (
        "the dates of runtimes are as of {day} and may have changed since: a newer release of "
        "pytest-lambda-rollback may have newer ones"
    ),
    "packages-unread": "handler and size of {target} were not looked at: {reason}",
    "patch-kept": (
        "{target} keeps the patch of {runtime} that it was published on (FunctionUpdate): the "
        "replays may have run on a newer one"
    ),
    "patched-automatically": (
        "published versions receive AWS's patches of {runtime} automatically (Auto): a rollback "
        "does not bring back the patch of their time"
    ),
    "runtime-dates-unknown": (
        "when AWS deprecates and blocks {runtime} is not known: this release's table of runtimes "
        "is as of {day}; see {page}"
    ),
    "throttled-now": (
        "{function} has a reserved concurrency of 0: Lambda throttles every invocation, before "
        "the rollback and after it"
    ),
    "unread": (
        "{function}: {facts} is not known: {action} was refused or is not offered here; the "
        "policy statement {statement} allows it"
    ),
    "upload-through-s3": (
        "the zip of {target} has {size} MB: over 50 MB it can only be deployed through an S3 bucket"
    ),
}


def of_note(note: Note) -> str:
    """The sentence, without a full stop."""
    if note.text is not None:
        return note.text
    return _NOTES[note.kind].format(**dict((*note.about, *note.details)))
