"""Logging in to Amazon ECR, for pulling the images of functions.

A login is a password for some hours: it is kept only in memory, and is sent only to a registry
of AWS itself. Nothing is pulled here, and no other registry's login is known.
https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.failures import reading
from pytest_lambda_rollback.errors import SourceError

_ACTION: Final = "ecr:GetAuthorizationToken"
_MARGIN: Final = timedelta(minutes=15)
"""As long as the pull of a large image may take: a login that ends sooner is renewed."""

_HOST: Final = re.compile(
    r"(?P<account>[0-9]{12})\.dkr(?P<joint>[.-])ecr(?P<fips>-fips)?"
    r"\.(?P<region>[a-z]{2,}(?:-[a-z0-9]+)+)\.(?P<domain>[a-z0-9.-]+)"
)
# Domains of the addresses that also speak IPv6; those of the others are as ECR itself says.
_DUAL_STACK_DOMAINS: Final = frozenset({"on.aws", "on.amazonwebservices.com.cn"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EcrRegistry:
    """Parts of the host name of an ECR registry."""

    account: str
    region: str
    domain: str
    """The domain after the region."""
    dual_stack: bool


def ecr_registry(image_uri: str) -> EcrRegistry | None:
    """The ECR registry that an image's URI seems to name; ``None`` for any other registry.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-requests.html
    """
    found = _HOST.fullmatch(image_uri.partition("/")[0].lower())
    if found is None:
        return None
    return EcrRegistry(
        account=found["account"],
        region=found["region"],
        domain=found["domain"],
        dual_stack=found["joint"] == "-",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Login:
    user: str
    password: str = field(repr=False)
    domain: str
    """Of the registries that ECR says it is for."""
    expires: datetime


class RegistryLogins:
    """Logins to the ECR registries that one set of credentials may pull from, kept while valid.

    One login is good for all registries of a region, also for other accounts' that allow it.
    Methods may be called from several threads.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._logins: dict[str, _Login] = {}

    def login(self, image_uri: str) -> tuple[str, str] | None:
        """(user, password) for the registry of an image, ``None`` for one that is not ECR's.

        Raises SourceError if AWS does not give one.
        """
        registry = ecr_registry(image_uri)
        if registry is None:
            return None
        with self._lock:
            known = self._logins.get(registry.region)
            if known is None or known.expires - _MARGIN < datetime.now(UTC):
                known = self._logins[registry.region] = self._fetch(registry)
        # A host that only looks like ECR's must not be sent the password.
        trusted = _DUAL_STACK_DOMAINS if registry.dual_stack else {known.domain}
        return (known.user, known.password) if registry.domain in trusted else None

    def _fetch(self, registry: EcrRegistry) -> _Login:
        what = f"no login to the ECR registry of account {registry.account} in {registry.region}"
        with reading(what=what, action=_ACTION):
            answer = (
                self._account.in_region(registry.region).client("ecr").get_authorization_token()
            )
        try:
            data = answer["authorizationData"][0]
            token = base64.b64decode(data["authorizationToken"], validate=True).decode()
            user, _, password = token.partition(":")
            host = ecr_registry(urlsplit(data["proxyEndpoint"]).netloc)
            expires = data["expiresAt"]
        except (LookupError, binascii.Error, UnicodeDecodeError):
            host, user, password = None, "", ""
        if host is None or not password:
            # Without the cause: its text may hold the token.
            raise SourceError(
                what,
                why="ECR's answer does not have the documented form",
                do="Check AWS_ENDPOINT_URL, and log in yourself with `docker login`",
            )
        return _Login(user=user, password=password, domain=host.domain, expires=expires)
