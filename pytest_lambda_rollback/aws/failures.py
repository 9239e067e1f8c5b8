"""Failures of AWS: each becomes a SourceError that says what to do.

Texts of AWS and botocore are used with care: a signature error quotes session tokens, a proxy's
URL may hold a password, and such texts are never repeated. What was asked for is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from pytest_lambda_rollback.aws.unanswered import SIGN_IN, clause, unanswered
from pytest_lambda_rollback.aws_lambda.permissions import statement
from pytest_lambda_rollback.errors import SourceError

_EXPIRED: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
)
_UNKNOWN_KEYS: Final = frozenset(
    {
        "AuthFailure",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "SubscriptionRequiredException",
        "UnrecognizedClientException",
    }
)
_BAD_SIGNATURES: Final = frozenset(
    {
        "InvalidSignature",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "RequestTimeTooSkewed",
    }
)
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "Forbidden",
        "ForbiddenException",
        "NotAuthorized",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
_THROTTLED: Final = frozenset(
    {
        "LimitExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_NOT_FOUND: Final = frozenset(
    {"ResourceNotFoundException", "ResourceNotFound", "NotFoundException", "NoSuchEntity"}
)
_INVALID: Final = frozenset({"InvalidParameterValueException", "ValidationException"})
_NOT_OFFERED: Final = frozenset(
    {
        "InvalidAction",
        "NotImplemented",
        "NotImplementedException",
        "UnknownOperation",
        "UnknownOperationException",
    }
)

_REFUSER: Final = re.compile(
    r"(?P<how>with an explicit deny in an?|because no)"
    r" (?P<policy>[A-Za-z -]*?(?:policy|permissions boundary|boundary))",
    re.IGNORECASE,
)
"""Texts by which AWS says which kind of policy refused.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""
_ASKED: Final = re.compile(
    r"not authorized to perform:? (?P<action>[a-z0-9-]+:[A-Za-z]+)"
    r"(?: on resource:? (?P<resource>arn:\S+|\*))?"
)


RAISED: Final = (BotoCoreError, ClientError, EOFError, OSError, ValueError)
"""Exceptions that a request may raise."""

_SIGNING_IN: Final = frozenset({"GetRoleCredentials", "ListAccountRoles", "ListAccounts"})
"""Operations of IAM Identity Center, which botocore calls for credentials."""


class NotAllowed(SourceError):
    """AWS refused the request for lack of permission, or the endpoint does not know it."""


@contextmanager
def reading(*, what: str, action: str, resource: str | None = None) -> Iterator[None]:
    """Turn what botocore raises inside into a SourceError; the arguments are `translated`'s."""
    try:
        yield
    except RAISED as error:
        raise translated(error, what=what, action=action, resource=resource) from error


def translated(
    error: Exception, *, what: str, action: str, resource: str | None = None
) -> SourceError:
    """The error to raise for what botocore raised.

    ``what`` says what failed and names the function; ``action`` is the IAM action that the
    request needs, as ``lambda:ListAliases``; ``resource`` is the ARN that it is about, ``None``
    for an action that knows no resource.
    """
    if isinstance(error, SourceError):
        return error
    if isinstance(error, ClientError):
        why, do = _answered(error, action, resource)
    else:
        why, do = unanswered(error)
    kind = NotAllowed if denied(error) or not_offered(error) else SourceError
    return kind(what, why=why, do=do)


def denied(error: Exception) -> bool:
    """True if AWS refused a request for lack of permission."""
    if not isinstance(error, ClientError) or error.operation_name in _SIGNING_IN:
        return False
    return _code(error) in _DENIED or (
        _status(error) == 403 and _code(error) in {"403", "", "AccessDenied"}
    )


def not_shared(error: Exception) -> bool:
    """True if a resource's policy refused, or AWS did not state which policy did."""
    if not isinstance(error, ClientError) or not denied(error):
        return False
    refuser = _REFUSER.search(text_of(error))
    if refuser is None:
        return True
    policy, how = refuser["policy"].lower(), refuser["how"].lower()
    return policy.startswith("resource-based") and not how.startswith("with")


def missing(error: BaseException | None) -> bool:
    """True if AWS knows the request but does not have the requested resource."""
    if not isinstance(error, ClientError) or error.operation_name in _SIGNING_IN:
        return False
    return _code(error) in _NOT_FOUND


def not_offered(error: Exception) -> bool:
    """True if the endpoint does not know the request itself, as an emulator may not."""
    if not isinstance(error, ClientError):
        return False
    return _code(error) in _NOT_OFFERED or _code(error) in {"404", "405", "501"}


def invalid(error: Exception) -> bool:
    """True if AWS does not accept the request for this resource."""
    return isinstance(error, ClientError) and _code(error) in _INVALID


def text_of(error: ClientError) -> str:
    """AWS's own message: one printable line of bounded length, without a final full stop."""
    return clause(str(error.response.get("Error", {}).get("Message") or ""))


# --- AWS answered ---------------------------------------------------------------------------


def _answered(error: ClientError, action: str, resource: str | None) -> tuple[str, str]:
    code, status = _code(error), _status(error)
    said = _said(error)
    if error.operation_name in _SIGNING_IN and code in _DENIED | _NOT_FOUND:
        return (
            "IAM Identity Center does not give this profile that account or role"
            f" ({code}{_colon(said)})",
            "Check sso_account_id and sso_role_name of the profile, and whether the role is still"
            " assigned to you",
        )
    if code in _EXPIRED:
        return "the AWS credentials have expired", f"{SIGN_IN}, or renew the session's keys"
    if code in _UNKNOWN_KEYS:
        return (
            f"AWS does not know these credentials in this region ({code})",
            "Check AWS_PROFILE and the access key, whether AWS_SESSION_TOKEN belongs to it, and"
            " that the region is enabled for the account",
        )
    if code in _BAD_SIGNATURES:
        return _signature(said)
    if denied(error):
        return _denied(error, action, resource)
    if code in _THROTTLED or status == 429:
        return (
            f"AWS still throttled the requests after several tries ({code})",
            "Run again later, or with fewer workers; other tools may be using up the"
            " account's request rate",
        )
    if code.startswith("KMS"):
        return (
            f"its KMS key cannot be used ({code}{_colon(said)})",
            "Check that the key exists and is enabled, and allow it with "
            + statement("kms:Decrypt", _key_in(said)),
        )
    if code in _NOT_FOUND:
        return (
            said or "AWS has no such function, version, alias or layer",
            "Check the name, the region and the account; it may have been deleted",
        )
    if not_offered(error):
        return (
            f"the endpoint does not know {action} ({code}{_colon(said)})",
            "Check AWS_ENDPOINT_URL and that the service exists in the region",
        )
    if status >= 500 or code in {"ServiceException", "InternalFailure", "ServiceUnavailable"}:
        return (
            f"AWS failed to answer ({status}{'' if code == str(status) else f' {code}'}"
            f"{_colon(said)})",
            "Run again in a few minutes; https://health.aws.amazon.com lists outages",
        )
    return (
        f"AWS refused the request ({code}{_colon(said)})",
        "Correct what it objects to: the name, the version, the region or the account",
    )


def _signature(said: str) -> tuple[str, str]:
    """Without AWS's message: it quotes the signed headers, session token included."""
    if re.search(r"expired|not yet current|too skewed|time", said.partition("Canonical")[0], re.I):
        return (
            "AWS refused the signature because of its timestamp",
            "Correct this machine's clock",
        )
    return (
        "AWS refused the signature of the request",
        "Check the secret access key and AWS_SESSION_TOKEN, and that no proxy changes requests",
    )


def _denied(error: ClientError, action: str, resource: str | None) -> tuple[str, str]:
    said = text_of(error)
    if error.operation_name == "AssumeRole":
        action, resource = "sts:AssumeRole", None
    asked = _ASKED.search(said)
    if asked is not None:
        action = asked["action"]
        resource = asked["resource"] or resource
    allow = f"Allow it with the policy statement {statement(action, resource)}"
    why = f"{action} is not allowed for these credentials"
    if action == "sts:AssumeRole":
        allow += ", and let the role's trust policy name the caller"
    refuser = _REFUSER.search(said)
    if refuser is None:
        return why, allow
    policy = refuser["policy"].lower()
    if refuser["how"].lower().startswith("with"):
        return (
            f"{why}: {_article(policy)} denies it explicitly",
            f"Ask the owner of the {policy} to remove the deny; another allow does not help",
        )
    if policy.startswith(("identity-based", "resource-based")):
        return f"{why}: no {policy} allows it", allow
    return (
        f"{why}: no {policy} allows it",
        f"Let the {policy} allow it too: {statement(action, resource)}",
    )


def _article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def _key_in(said: str) -> str | None:
    found = re.search(r"arn:[a-z-]+:kms:[^\s,()]+[A-Za-z0-9]", said)
    return found[0] if found else None


def _said(error: ClientError) -> str:
    """AWS's message; empty for a page of HTML, which a proxy answers with."""
    said = text_of(error)
    return "" if said.startswith("<") else said


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code") or "")


def _status(error: ClientError) -> int:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status if isinstance(status, int) else 0


def _colon(said: str) -> str:
    return f": {said}" if said else ""
