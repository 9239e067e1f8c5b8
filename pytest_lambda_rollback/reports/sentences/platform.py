"""Sentences about what AWS refuses or hinders in a rollback."""

from __future__ import annotations

from pytest_lambda_rollback.model.findings import Finding
from pytest_lambda_rollback.model.settings import Strategy

_GRADUAL = "an alias cannot hold both with weights; pointing back all at once works"
_SENTENCES = {
    "alias-weighted": (
        "must also end the weights of {alias}: it sends {share} of its traffic to version "
        "{version} and the rest to {rest_version}, and keeps doing so until its routing "
        "configuration is emptied"
    ),
    "architecture-again": (
        "runs on {target} again, where {current_name} runs on {current}: it works, at a different "
        "speed and price"
    ),
    "architecture-changed": (
        "would run on {current}, but its code was published for {target}: its compiled parts do "
        "not run there"
    ),
    "bound-to-latest": (
        "does not reach {binding}: it invokes $LATEST and is not affected by pointing {alias} back"
    ),
    "bound-to-version": (
        "leaves traffic behind: {binding} invokes version {version} itself, and {move} does not "
        "move it"
    ),
    "bound-to-version-disabled": (
        "leaves {binding} on version {version}: it is disabled, and would invoke {version} when "
        "it is enabled again"
    ),
    "dead-letter-differs": ("changes where failed asynchronous events go: {then}, now {now}"),
    "environment-may-not-decrypt": (
        "may fail on start: its environment variables, encrypted with {key}, could not be "
        "decrypted with the credentials of this run; its role may be able to"
    ),
    "environment-not-decryptable": (
        "fails on start: its environment variables are encrypted with {key}, which can no longer "
        "be used"
    ),
    "environment-too-large": "has {target} bytes of environment variables, and AWS allows {limit}",
    "handler-missing": "cannot start: {problem}",
    "layer-cannot-be-added": (
        "cannot be deployed on the layers of {current_name}: {layer} was deleted, $LATEST does "
        "not have it, and AWS refuses to add it"
    ),
    "layer-kept": (
        "needs layer {layer}, which {state}: published versions keep their copy, but it can be "
        "neither downloaded nor bound to anything again"
    ),
    "layer-may-be-refused": (
        "may be refused on the layers of {current_name}: {layer} {state}; a deployment of code "
        "only keeps it, but one that also sets the layers cannot bind it again"
    ),
    "less-concurrency": (
        "handles {target} invocations at a time, as reserved for {target_function}; "
        "{current_function} may handle {now}"
    ),
    "no-alias": (
        "probably moves no traffic: {aliases}, so callers name the version or the function itself"
    ),
    "other-alias": (
        "moves only {alias}: {binding} invokes version {version} through alias "
        "{other_alias}, which has to be pointed back too"
    ),
    "package-type-changed": (
        "cannot be deployed: it is {target} and {current_name} is {current}, and AWS does not "
        "change the package type of a function"
    ),
    "permission-on-latest": (
        "probably does not reach {binding}: it may invoke the function only without a qualifier, "
        "which runs $LATEST and not {alias}"
    ),
    "permission-on-version": (
        "probably leaves {binding} behind: it may invoke version {version} and no alias"
    ),
    "provisioned-concurrency": (
        "{starts}: {current} provisioned execution environments belong to version {version} "
        "itself and stay there, paid for until they are deleted"
    ),
    "role-differs": (
        "brings back the role {target}: it may have been deleted, or lack what was granted since"
    ),
    "runtime-creation-blocked": (
        "can only be deployed to an existing function: {since} AWS refuses to create functions on "
        "{target}"
    ),
    "runtime-deprecated": (
        "runs on {target}, deprecated since {day}: it still answers, without security patches or "
        "support from AWS"
    ),
    "runtime-deprecated-soon": (
        "runs on {target}, which AWS deprecates on {day}: from then on it gets no security patches"
    ),
    "runtime-update-announced": (
        "may be refused: AWS announced, as of {as_of}, that it would refuse updates of functions "
        "on {target} from {day} on; see {page}"
    ),
    "runtime-update-blocked": (
        "cannot be deployed: since {day} AWS refuses to update functions on {target}"
    ),
    "runtime-update-blocked-soon": (
        "can only be deployed until {day}: from then on AWS intends to refuse updates of "
        "functions on {target}"
    ),
    "runtime-version-pinned": (
        "is pinned to one runtime version ({pinned}): pointing back also brings back that build "
        "of {runtime}, without the patches since"
    ),
    "snap-start-lost": "starts cold without SnapStart, which {current_name} has",
    "throttled": (
        "answers nothing: {target_function} has a reserved concurrency of 0, and Lambda throttles "
        "every invocation of it"
    ),
    "too-many-layers": "has {target} layers, and AWS allows {limit}",
    "unzipped-too-large": "is {size} MB unzipped with its layers, and AWS allows {limit} MB",
    "version-deleted": (
        "is impossible: version {version} was deleted in AWS, so no alias can be pointed at it"
    ),
    "version-deleted-but-archived": (
        "is impossible: version {version} was deleted in AWS, so no alias can be pointed at it. "
        "The archive still has its code: deploy that again"
    ),
    "version-failed": (
        "cannot be invoked: Lambda could not create its resources, and its state is Failed"
    ),
    "version-inactive": (
        "is inactive after a long idle time: the first invocations fail while Lambda creates its "
        "resources again. Invoke it once before the rollback"
    ),
    "version-other-state": ("is in the state {target}, and Lambda invokes only active versions"),
    "version-pending": (
        "is still being created by Lambda, and cannot be invoked until it is active"
    ),
    "weighted-alias-dead-letter": (
        "cannot be done gradually: its dead-letter configuration differs from that of "
        f"{{version}}, so {_GRADUAL}"
    ),
    "weighted-alias-role": (
        f"cannot be done gradually: its role differs from that of {{version}}, so {_GRADUAL}"
    ),
    "weighted-alias-unpublished": (
        f"cannot be done gradually: {{version}} is not a published version, so {_GRADUAL}"
    ),
}
"""By kind, or by ``says`` where a kind has several sentences."""


def predicate(finding: Finding) -> str:
    """``cannot start: module app has no main``."""
    subject, details = finding.subject, dict(finding.details)
    alias = details.get("alias")
    words = {
        **details,
        "alias": f"alias {alias}" if alias else "an alias",
        "current": finding.current,
        "target": finding.target,
        "current_name": subject.current_name,
        "current_function": subject.current.function,
        "target_function": subject.target.function,
    }
    words["move"] = "a redeploy, which publishes a new version,"
    if subject.strategy is Strategy.ALIAS:
        words["move"] = f"pointing {words['alias']} back to {subject.target.version}"
    text = _SENTENCES[str(details.get("says") or finding.kind)].format(**words)
    if "limit" not in details:
        return text
    if details["current_exceeds"]:
        return f"{text}; the current version exceeds this limit too"
    return f"cannot be deployed: it {text}"
