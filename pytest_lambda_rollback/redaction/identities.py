"""Who somebody is: the keys and the forms in which identity providers and AWS say it. Pure.

Claims of tokens ("Registered Claim Names", RFC 7519; "Standard Claims", OpenID Connect Core; the
claims of Amazon Cognito), attributes of user pools, the identity and the authorizer of a request
context, principals of IAM. What says nothing of one person stays: issuer, audience, client, pool,
times, scopes, groups, roles, and the ids of AWS accounts. What replaces a value is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pytest_lambda_rollback.redaction.rules import normal

_ANYWHERE: Final = frozenset(
    ("username", "cognito:username", "preferredusername", "cognitoidentityid",
     "cognitoauthenticationprovider", "cognitoidentityauthprovider", "userarn", "principalid",
     "jti", "originjti", "xamznoidcidentity", "xforwardeduser", "xremoteuser", "xauthrequestuser",
     "remoteuser")
)  # fmt: skip
"""Keys that say who somebody is wherever they stand, as `normal` writes them."""
_WITHIN: Final = frozenset(
    (
        # the subject, under the names that identity providers give it
        "sub", "oid", "uid", "upn", "uniquename", "user", "userid", "identityid", "caller",
        "callerid", "arn", "rolesessionname",
        # the person
        "name", "nickname", "picture", "profile", "website", "email", "phonenumber", "formatted",
        "locality", "postalcode", "address",
        # the session or the token: who has one can be followed by it
        "sid", "sessionstate", "eventid", "nonce", "athash", "chash", "shash", "devicekey",
        # a client's certificate
        "clientcertpem", "subjectdn", "serialnumber",
    )
)  # fmt: skip
"""Keys that do so only in what is about a person: elsewhere a name may be a product's."""
_ABOUT: Final = frozenset(
    ("claims", "authorizer", "identity", "useridentity", "owneridentity", "userattributes",
     "clientcert", "userinfo")
)  # fmt: skip
_CLAIMS: Final = frozenset(
    ("iss", "aud", "exp", "iat", "azp", "token_use", "email", "email_verified", "cognito:username")
)
"""Beside ``sub``, any of them makes an object a set of claims."""

_ARN: Final = re.compile(
    r"arn:aws[\w-]*:(?:iam|sts)::\d*:(?:user|federated-user|assumed-role/[^/]+)/(?:[^/]+/)*(?P<it>.+)"
)
_SIGN_IN: Final = re.compile(r":[A-Z]\w+:(?P<it>[^,:]+)(?=,|$)")
_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*(?P<it>.*)", re.DOTALL)
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]+-----(?P<it>[^-]+)-----END [A-Z ]+-----\s*")
_DN_START: Final = re.compile(r"/?(?:CN|OU?|C|ST?|L|DC|UID|E|emailAddress|SERIALNUMBER)=")
_DN: Final = re.compile(r"(?:^|[,/+;])\s*[A-Za-z\d.]+=(?P<it>[^,/+;]+)")
_PART: Final = re.compile(r"[^:|]+")
_NOBODY: Final = re.compile(
    r"AWS|AROA[A-Z0-9]+|[a-z]{2}(?:-[a-z]+)+-\d|\*|[\w.-]+\.amazonaws\.com(?:\.cn)?|root"
)
"""What an identity is made of beside who it is: a region, a role's id, a service of AWS."""


def names(key: str, *, about: bool) -> bool:
    """Whether what a key holds says who somebody is; ``about`` where it is about a person."""
    bare = normal(key)
    return bare in _ANYWHERE or (about and bare in _WITHIN)


def is_about(key: str, node: object) -> bool:
    """Whether an object is about a person: by the key it stands at, or as a set of claims."""
    if not isinstance(node, Mapping):
        return False
    return normal(key) in _ABOUT or ("sub" in node and not _CLAIMS.isdisjoint(node))


def spans(text: str) -> tuple[tuple[int, int], ...]:
    """(start, end) of what in an identity is the person, so that what parses it still can.

    ``eu-west-1:UUID`` keeps its region, an ARN all before the name, ``…:CognitoSignIn:SUB`` the
    pool, ``auth0|ID`` the connection, ``AWS:AROA…:SESSION`` its form.
    """
    if text.startswith("arn:"):
        match = _ARN.fullmatch(text)
        return (match.span("it"),) if match else ()
    for whole in (_URL, _PEM):
        if match := whole.fullmatch(text):
            return (match.span("it"),)
    several = _DN if _DN_START.match(text) else _SIGN_IN
    if found := tuple(match.span("it") for match in several.finditer(text)):
        return found
    return tuple(
        match.span()
        for match in _PART.finditer(text)
        if not _NOBODY.fullmatch(match[0]) and text[match.end() : match.end() + 1] != "|"
    )
