"""The rules of redaction: places, names of keys, kinds of values, keys that identify a person.

Rules only say whether they cover a place or a key. `detectors` and `named_values` find values by
their form, and `pseudonyms` replaces them.

Keys that identify a person are claims of tokens ("Registered Claim Names", RFC 7519; "Standard
Claims", OpenID Connect Core; the claims of Amazon Cognito), attributes of user pools, the
identity and the authorizer of a request context, and principals of IAM. Keys that identify no
person are kept: issuer, audience, client, pool, times, scopes, groups, roles, and AWS account
ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import translate
from functools import lru_cache
from typing import Final

from pytest_lambda_rollback.errors import ConfigError

DETECTORS: Final = (
    "authorization", "cookie", "jwt", "private-key", "aws-key", "vendor-token", "signed-url",
    "url-credentials", "assignment", "identity", "email", "iban", "card", "ssn", "phone", "ip",
    "postal",
)  # fmt: skip
"""Names of all detectors; all are on by default."""

DEFAULT_KEYS: Final = (
    # credentials
    "password", "*password", "*passwords", "*password1", "*password2", "*password_confirm*",
    "*password_repeat", "*password_again", "*password_hash", "passwd", "pwd", "pw", "db_pass",
    "user_pass", "smtp_pass", "passphrase", "passcode", "secret", "*secret", "*secret_string",
    "*secret_value", "*secret_key", "*secret_access_key", "*access_key", "access_key_id",
    "*private_key", "*signing_key", "*master_key", "*auth_key", "consumer_key", "*account_key",
    "*api_key", "*apikey", "*api_keys", "mnemonic", "seed_phrase", "recovery_code",
    "recovery_codes", "backup_code", "backup_codes",
    "token", "*token", "authorization", "proxy-authorization", "x-amz-security-token", "cookie",
    "cookies", "set-cookie", "session_id", "sessionid", "jsessionid", "phpsessid", "credentials",
    "credential", "otp", "totp", "mfa_code", "one_time_code", "verification_code",
    "confirmation_code", "otp_code", "sms_code", "auth_code", "authorization_code",
    "*security_code", "pin", "pin_code", "security_answer", "challenge_answer",
    "private_challenge_parameters", "code_verifier", "client_assertion",
    # payment
    "cvv", "cvv2", "cvc", "cvc2", "card_number", "cc_number", "credit_card", "credit_card_number",
    "account_number", "account_no", "cardholder_name", "card_holder_name", "name_on_card",
    "routing_number", "sort_code", "iban",
    # persons
    "username", "ssn", "social_security_number", "national_id", "national_insurance_number",
    "tax_id", "passport", "passport_number", "passport_no", "driver_license", "drivers_license",
    "date_of_birth", "birth_date", "birthdate", "birthday", "dob", "first_name", "last_name",
    "lname", "given_name", "family_name", "middle_name", "maiden_name", "surname", "full_name",
    "street", "street1", "street2", "street_address", "address_line*", "address1", "address2",
)  # fmt: skip
"""Globs over key names; case, ``-``, ``_``, dots and spaces make no difference."""

TEXT_KEYS: Final = (
    "tokens", "secrets", "*encryption_key", "pass", "recovery_code*", "backup_code*", "pan",
    "cardholder", "card_holder", "fname", "line1", "line2",
)  # fmt: skip
"""Globs for values that are secret or personal as text only: not a number, not an object."""
FILE_END: Final = re.compile(
    r"(?i)\.(?:avif|bmp|css|csv|docx?|gif|gz|heic|html?|jpe?g|js|json|pdf|png|svg|ts|txt|webp"
    r"|xlsx?|xml|ya?ml|zip)\Z"
)
"""The end of a file's name."""

PLACEHOLDER: Final = re.compile(
    r"(?i)<?\[?\(?(?:redacted|removed|filtered|hidden|masked|example|undefined|none|null|true|false)"
    r"\)?\]?>?"
)
"""Text in place of a secret that was removed, or never set."""

_SEPARATORS: Final = re.compile(r"[-_. ]")
Pointer = tuple[str, ...]
"""The reference tokens of a JSON Pointer, unescaped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRules:
    """Rules for one configuration. Raises ConfigError for a bad pointer or unknown detector."""

    pointers: tuple[str, ...] = ()
    """JSON Pointers into the event; ``*`` matches one token, ``**`` any number of them.
    A pointer goes on into JSON text: ``/body/customer/name``."""
    keys: tuple[str, ...] = DEFAULT_KEYS
    """Globs over the names of keys, at any depth, also of forms, queries and headers."""
    text_keys: tuple[str, ...] = TEXT_KEYS
    """Globs over the names of keys that count if they hold text, or a list of texts."""
    keep: tuple[str, ...] = ()
    """JSON Pointers of what is never redacted, with all below it."""
    detectors: tuple[str, ...] = DETECTORS
    _wanted: tuple[Pointer, ...] = field(init=False, repr=False, compare=False)
    _kept: tuple[Pointer, ...] = field(init=False, repr=False, compare=False)
    _named: Callable[[str], bool] = field(init=False, repr=False, compare=False)
    _named_text: Callable[[str], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_wanted", tuple(_tokens(text) for text in self.pointers))
        object.__setattr__(self, "_kept", tuple(_tokens(text) for text in self.keep))
        object.__setattr__(self, "_named", _matcher(self.keys))
        object.__setattr__(self, "_named_text", _matcher(self.text_keys))
        for name in self.detectors:
            if name not in DETECTORS:
                raise ConfigError(
                    f'redaction has no detector "{name}"',
                    why=f"known detectors are {', '.join(DETECTORS)}",
                    do="Correct or remove it",
                )

    def wants(self, pointer: Pointer) -> bool:
        """True for a place that is redacted whatever it holds."""
        return any(_covers(pattern, pointer) for pattern in self._wanted)

    def keeps(self, pointer: Pointer) -> bool:
        """True for a place that is never redacted."""
        return any(_covers(pattern, pointer) for pattern in self._kept)

    def names(self, key: str, value: object = "") -> bool:
        """True if the value of a key of this name is redacted: any text, or this value."""
        if self._named(key):
            return True
        return self._named_text(key) and _is_text(value) and not _is_file(key, value)

    def detects(self, name: str) -> bool:
        """True if a detector is on."""
        return name in self.detectors


def normal(key: str) -> str:
    """A key's name without what spellings differ in."""
    return _SEPARATORS.sub("", key).lower()


def pointer_text(pointer: Pointer) -> str:
    """The JSON Pointer of tokens (RFC 6901)."""
    return "".join(f"/{token.replace('~', '~0').replace('/', '~1')}" for token in pointer)


def _tokens(text: str) -> Pointer:
    if text and not text.startswith("/"):
        raise ConfigError(
            f'the redaction pointer "{text}" is not a JSON Pointer',
            why='it must begin with "/"',
            do=f'Write "/{text}", or "/**/{text}" for any depth',
        )
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _covers(pattern: Sequence[str], pointer: Sequence[str]) -> bool:
    if not pattern:
        return not pointer
    if pattern[0] == "**":
        return any(_covers(pattern[1:], pointer[start:]) for start in range(len(pointer) + 1))
    return bool(pointer) and pattern[0] in ("*", pointer[0]) and _covers(pattern[1:], pointer[1:])


def _is_text(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(each, str) for each in value)
    return isinstance(value, str)


def _is_file(key: str, value: object) -> bool:
    """True if ``fname`` is short for the name of a file, and not for a person's."""
    return normal(key) == "fname" and isinstance(value, str) and bool(FILE_END.search(value[-8:]))


@lru_cache(maxsize=64)
def _matcher(globs: tuple[str, ...]) -> Callable[[str], bool]:
    lowered = re.compile("|".join(translate(glob.lower()) for glob in globs) or "(?!)")
    plain = [translate(normal(glob)) for glob in globs if "[" not in glob]
    bare = re.compile("|".join(plain) or "(?!)")

    @lru_cache(maxsize=4096)
    def matches(key: str) -> bool:
        return bool(lowered.match(key.lower()) or bare.match(normal(key)))

    return matches


# --- keys that identify a person ------------------------------------------------------------------

_IDENTITY_KEYS: Final = frozenset(
    ("username", "cognito:username", "preferredusername", "cognitoidentityid",
     "cognitoauthenticationprovider", "cognitoidentityauthprovider", "userarn", "principalid",
     "jti", "originjti", "xamznoidcidentity", "xforwardeduser", "xremoteuser", "xauthrequestuser",
     "remoteuser")
)  # fmt: skip
"""Keys that identify a person anywhere, as `normal` writes them."""
_PERSON_KEYS: Final = frozenset(
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
"""Keys that do so only in data about a person: elsewhere a name may be a product's."""
_PERSON_OBJECTS: Final = frozenset(
    ("claims", "authorizer", "identity", "useridentity", "owneridentity", "userattributes",
     "clientcert", "userinfo")
)  # fmt: skip
_CLAIMS: Final = frozenset(
    ("iss", "aud", "exp", "iat", "azp", "token_use", "email", "email_verified", "cognito:username")
)
"""Beside ``sub``, any of them makes an object a set of claims."""


def names_identity(key: str, *, about: bool) -> bool:
    """True if the value of a key identifies a person; ``about`` in data about a person."""
    bare = normal(key)
    return bare in _IDENTITY_KEYS or (about and bare in _PERSON_KEYS)


def is_about_person(key: str, node: object) -> bool:
    """True for an object about a person: by its key, or as a set of claims."""
    if not isinstance(node, Mapping):
        return False
    return normal(key) in _PERSON_OBJECTS or ("sub" in node and not _CLAIMS.isdisjoint(node))


# --- what a secret's own object says about it -----------------------------------------------------

_KINDS: Final = frozenset(
    ("type", "kind", "datatype", "valuetype", "shape", "status", "state", "source", "format",
     "encoding", "confirmationstatus", "confirmationstate", "verificationstatus", "providertype")
)  # fmt: skip
_KIND: Final = re.compile(r"[A-Za-z]+(?:[_./ -][A-Za-z]+){0,5}")
_CODE: Final = re.compile(r"[A-Z]+(?:_[A-Z]+)+|OK|ERROR|SUCCESS|FAILED|FAILURE|NONE")
_TIMES: Final = frozenset(
    ("createdat", "updatedat", "modifiedat", "verifiedat", "lastmodified", "lastupdated",
     "createddate", "modifieddate", "lastmodifieddate")
)  # fmt: skip
_AUTHORITY: Final = re.compile(r"amzn1\.[\w.-]+")
_LOCATIONS: Final = frozenset(
    ("engine", "host", "port", "dbname", "dbinstanceidentifier", "dbclusteridentifier")
)  # fmt: skip
_RESOLUTION: Final = "resolutionsPerAuthority"


def describes(key: str, value: object, place: Place) -> bool:
    """True for a member that says something about the secret that it stands beside.

    ``place`` is that of the object under a key's rule. A type, a status or an error's code, the
    name of a slot, which is its key again, and a time of change hold nothing of the secret. In the
    secret of a database the host, the port and the database are no secret ("JSON structure of AWS
    Secrets Manager secrets":
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html).
    In a resolution of a slot the id and the authority are the skill's own ("Request Types
    Reference": https://developer.amazon.com/docs/custom-skills/request-types-reference.html).
    """
    bare = normal(key)
    if normal(place.key) == "secretstring" and bare in _LOCATIONS:
        return isinstance(value, str | int)
    if not isinstance(value, str):
        return False
    if bare in _KINDS:
        return _KIND.fullmatch(value) is not None
    if bare == "code":
        return _CODE.fullmatch(value) is not None
    if bare == "name":
        return normal(value) == normal(place.key)
    if bare == "authority":
        return _AUTHORITY.fullmatch(value) is not None
    return bare in _TIMES or (bare == "id" and _RESOLUTION in place.pointer)


def is_own_identity(key: str, value: object, node: Mapping[str, object]) -> bool:
    """True for an identity that is an account's or a role's, which is no person.

    ``node`` is the object around it. The root user is known by the account's id, and the issuer
    of a role's session by the role's name ("CloudTrail userIdentity element":
    https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html).
    """
    bare = normal(key)
    if bare in ("principalid", "caller", "user"):
        account = node.get("accountId")
        return (
            isinstance(value, str)
            and _ACCOUNT.fullmatch(value) is not None
            and (value == account or node.get("type") == "Root")
        )
    return bare == "username" and node.get("type") == "Role"


_ACCOUNT: Final = re.compile(r"\d{12}")


# --- where a value is, and which rule applies there -----------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One value's place in an event."""

    pointer: Pointer = ()
    key: str = ""
    """The value's key, or the name that an attribute beside it states."""
    rule: str | None = None
    """``key``, ``pointer``, ``identity`` or a detector, where a rule names all of the value."""
    about: bool = False
    """True in data about a person: claims, an identity, attributes of a user."""

    def below(self, token: str, *, key: str | None = None) -> Place:
        """The place of a member, under the same rule."""
        return replace(self, pointer=(*self.pointer, token), key=self.key if key is None else key)

    def ruled(self, rule: str | None) -> Place:
        """The same place under a rule."""
        return self if rule == self.rule else replace(self, rule=rule)


def rule_of(key: str, rules: RedactionRules, *, about: bool, value: object = "") -> str | None:
    """The rule that a key's name sets for its value: any text, or this value."""
    if rules.detects("identity") and names_identity(key, about=about):
        return "identity"
    return "key" if rules.names(key, value) else None
