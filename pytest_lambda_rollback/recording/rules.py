"""What is to be redacted: places, names of keys, and kinds of values. Pure.

Rules only answer whether a place or a key is meant. Values are found by `detectors` and replaced
by `redaction`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from pytest_lambda_rollback.errors import ConfigError

DETECTORS: Final = (
    "authorization", "cookie", "jwt", "private-key", "aws-key", "vendor-token", "signed-url",
    "url-credentials", "assignment", "identity", "email", "iban", "card", "ssn", "phone", "ip",
)  # fmt: skip
"""Names of all detectors; all are on by default."""

DEFAULT_KEYS: Final = (
    # credentials
    "password", "*password", "passwd", "pwd", "passphrase", "passcode", "secret", "*secret",
    "*secret_key", "*secret_access_key", "*access_key", "access_key_id", "*private_key",
    "*signing_key", "*api_key", "*apikey", "token", "*token", "authorization",
    "proxy-authorization", "x-amz-security-token", "cookie", "cookies", "set-cookie", "session_id",
    "sessionid", "credentials", "credential", "otp", "totp", "mfa_code", "one_time_code",
    "verification_code", "pin", "pin_code", "security_answer", "challenge_answer",
    "private_challenge_parameters", "code_verifier", "client_assertion",
    # payment
    "cvv", "cvv2", "cvc", "cvc2", "card_number", "cc_number", "credit_card", "credit_card_number",
    "account_number", "routing_number", "sort_code", "iban",
    # persons
    "username",
    "ssn", "social_security_number", "national_id", "tax_id", "passport", "passport_number",
    "driver_license", "drivers_license", "date_of_birth", "birth_date", "birthdate", "birthday",
    "dob", "first_name", "last_name", "given_name", "family_name", "middle_name", "maiden_name",
    "surname", "full_name", "street", "street_address", "address_line*", "address1", "address2",
)  # fmt: skip
"""Globs over key names; case, ``-``, ``_``, dots and spaces make no difference."""

PLACEHOLDER: Final = re.compile(
    r"(?i)<?\[?\(?(?:redacted|removed|filtered|hidden|masked|example|undefined|none|null|true|false)"
    r"\)?\]?>?"
)
"""What stands where a secret was taken out, or never was one."""

_SEPARATORS: Final = re.compile(r"[-_. ]")
Pointer = tuple[str, ...]
"""The reference tokens of a JSON Pointer, unescaped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactionRules:
    """What is redacted. Raises ConfigError for a pointer or a detector that cannot be meant."""

    pointers: tuple[str, ...] = ()
    """JSON Pointers into the event; ``*`` stands for one token, ``**`` for any number of them.
    A pointer goes on into JSON text: ``/body/customer/name``."""
    keys: tuple[str, ...] = DEFAULT_KEYS
    """Globs over the names of keys, at any depth, also of forms, queries and headers."""
    keep: tuple[str, ...] = ()
    """JSON Pointers of what is never redacted, with all below it."""
    detectors: tuple[str, ...] = DETECTORS
    _wanted: tuple[Pointer, ...] = field(init=False, repr=False, compare=False)
    _kept: tuple[Pointer, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_wanted", tuple(_tokens(text) for text in self.pointers))
        object.__setattr__(self, "_kept", tuple(_tokens(text) for text in self.keep))
        for name in self.detectors:
            if name not in DETECTORS:
                raise ConfigError(
                    f'there is no detector "{name}" for redaction',
                    why=f"known detectors are {', '.join(DETECTORS)}",
                    do="Correct its name, or leave it out",
                )

    def wants(self, pointer: Pointer) -> bool:
        """Whether a place is to be redacted whatever it holds."""
        return any(_covers(pattern, pointer) for pattern in self._wanted)

    def keeps(self, pointer: Pointer) -> bool:
        """Whether a place is never to be redacted."""
        return any(_covers(pattern, pointer) for pattern in self._kept)

    def names(self, key: str) -> bool:
        """Whether what a key of this name holds is to be redacted."""
        return _named(key, self.keys)

    def detects(self, name: str) -> bool:
        """Whether a detector is on."""
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
            f'the redaction pointer "{text}" is no JSON Pointer',
            why='one begins with "/"',
            do=f'Write "/{text}", or "/**/{text}" for any depth',
        )
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])


def _covers(pattern: Sequence[str], pointer: Sequence[str]) -> bool:
    if not pattern:
        return not pointer
    if pattern[0] == "**":
        return any(_covers(pattern[1:], pointer[start:]) for start in range(len(pointer) + 1))
    return bool(pointer) and pattern[0] in ("*", pointer[0]) and _covers(pattern[1:], pointer[1:])


@lru_cache(maxsize=4096)
def _named(key: str, globs: tuple[str, ...]) -> bool:
    lowered, plain = key.lower(), normal(key)
    return any(
        fnmatchcase(lowered, glob.lower()) or ("[" not in glob and fnmatchcase(plain, normal(glob)))
        for glob in globs
    )
