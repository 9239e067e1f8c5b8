"""Clients of AWS services for one set of credentials and one region.

Who calls AWS and how patiently is decided here; requests are made elsewhere. A client is shared by
all threads, because botocore's adaptive retries limit the rate of each client on its own: a
client for each thread would have each thread find AWS's limit for itself.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError

from pytest_lambda_rollback import __version__
from pytest_lambda_rollback.aws.failures import reading
from pytest_lambda_rollback.errors import SourceError

_CLIENTS: Final = ("boto3", "botocore", "requests", "s3transfer", "urllib3")

_calls: ContextVar[int] = ContextVar("lambda_rollback_calls", default=0)
"""Number of our calls that this thread is in."""


class _Unlogged(logging.Filter):
    """Drops records below a warning that are made during a call of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        # urllib3 repeats whole URLs in its warnings.
        worth = logging.ERROR if record.name.startswith("urllib3") else logging.WARNING
        return record.levelno >= worth or not _calls.get()


_UNLOGGED: Final = _Unlogged()


@contextmanager
def unlogged() -> Iterator[None]:
    """Nothing that this thread says to AWS inside, or gets from it, is logged."""
    _begin()
    try:
        yield
    finally:
        _end()


def unlog(client: Any) -> Any:
    """The client of a service, whose calls are not logged from now on."""
    events = client.meta.events
    events.register_first("before-call", _begin)
    events.register_last("after-call", _end)
    events.register_last("after-call-error", _end)
    return client


def _begin(**_: object) -> None:
    # A logger does not ask the filters of those above it, so each has to have it.
    for name, logger in list(logging.Logger.manager.loggerDict.items()):
        if name.partition(".")[0] in _CLIENTS and isinstance(logger, logging.Logger):
            logger.addFilter(_UNLOGGED)
    _calls.set(_calls.get() + 1)


def _end(**_: object) -> None:
    _calls.set(max(0, _calls.get() - 1))


_TOOL: Final = "pytest-lambda-rollback"

_ATTEMPTS: Final = 8
"""Of one request, the first included. Eight threads on a limit of 15 requests a second need two or
three; more would only make a refused connection wait longer."""

_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 30
_POOL_CONNECTIONS: Final = 32


class Account:
    """One set of credentials and one region. Methods may be called from several threads.

    ``region`` and ``profile`` of ``None`` mean AWS's own settings. ``role_arn`` is a
    role to assume first; its credentials are renewed before they run out. Nothing is read before
    it is needed.
    """

    def __init__(self, *, region: str | None, profile: str | None, role_arn: str | None) -> None:
        self._region = region
        self._login = _Login(profile=profile, role_arn=role_arn)
        self._clients: dict[str, Any] = {}
        self._elsewhere: dict[str, Account] = {}

    @property
    def region(self) -> str:
        """Region of the clients. Raises SourceError if none is set."""
        if self._region is None:
            with self._login.lock:
                if self._region is None:
                    self._region = self._login.region()
        return self._region

    def client(self, service: str) -> Any:
        """The client of a service, as ``lambda``, made at its first use. Raises SourceError."""
        region = self.region
        with self._login.lock:
            if service not in self._clients:
                self._clients[service] = self._login.client(service, region)
            return self._clients[service]

    def in_region(self, region: str) -> Account:
        """The same credentials in another region; this account itself if that is its region."""
        if region == self._region:
            return self
        with self._login.lock:
            if region == self._region:
                return self
            if region not in self._elsewhere:
                other = Account(region=region, profile=None, role_arn=None)
                other._login = self._login
                other._elsewhere = self._elsewhere
                self._elsewhere[region] = other
            return self._elsewhere[region]

    def __repr__(self) -> str:
        return f"<Account {self._login.who} in {self._region or 'the default region'}>"


class Accounts:
    """One `Account` for equal settings, however many functions name them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[tuple[str | None, str | None, str | None], Account] = {}

    def of(
        self, region: str | None = None, profile: str | None = None, role_arn: str | None = None
    ) -> Account:
        """The account for these settings; nothing is asked of AWS yet."""
        key = (region, profile, role_arn)
        with self._lock:
            if key not in self._accounts:
                self._accounts[key] = Account(region=region, profile=profile, role_arn=role_arn)
            return self._accounts[key]


class _Login:
    """A boto3 session, made late; callers of its methods hold the lock.

    A session, unlike a client, is not safe for several threads.
    """

    def __init__(self, *, profile: str | None, role_arn: str | None) -> None:
        self.lock = threading.RLock()
        self.who = " ".join(
            part
            for part in (
                _profile(profile or _named()) if profile or _named() else "default credentials",
                f"as {role_arn}" if role_arn else "",
            )
            if part
        )
        self._profile = profile
        self._role_arn = role_arn
        self._session: boto3.session.Session | None = None

    def region(self) -> str:
        """The region of the environment or the profile, AWS_REGION first. Raises SourceError."""
        # boto3 itself reads AWS_DEFAULT_REGION alone; the AWS CLI prefers AWS_REGION.
        region = os.environ.get("AWS_REGION")
        if not region:
            with reading(what="could not determine the AWS region", action="sts:GetCallerIdentity"):
                region = self._own().region_name
        if not region:
            raise SourceError(
                "no AWS region is set",
                why=f"neither AWS_REGION nor AWS_DEFAULT_REGION nor the"
                f" {_profile(self._profile or _named())} sets"
                " one",
                do='Add region = "…" to the function\'s aws table, or set AWS_REGION',
            )
        return str(region)

    def client(self, service: Any, region: str) -> Any:
        """A new client. Raises SourceError, also if the credentials cannot be read."""
        with (
            reading(what=f"could not call AWS with the {self.who}", action="sts:GetCallerIdentity"),
            unlogged(),
        ):
            if self._session is None:
                self._session = (
                    self._own()
                    if self._role_arn is None
                    else self._assuming(self._role_arn, region)
                )
            client = self._session.client(
                service,
                region_name=region,
                config=Config(
                    retries={"mode": "adaptive", "total_max_attempts": _ATTEMPTS},
                    connect_timeout=_CONNECT_TIMEOUT_S,
                    read_timeout=_READ_TIMEOUT_S,
                    max_pool_connections=_POOL_CONNECTIONS,
                    user_agent_extra=f"{_TOOL}/{__version__}",
                ),
            )
            return unlog(client)

    def _own(self) -> boto3.session.Session:
        return boto3.session.Session(profile_name=self._profile)

    def _assuming(self, role_arn: str, region: str) -> boto3.session.Session:
        """A session whose credentials are those of the role; nothing is asked of AWS yet."""
        own = self._own()
        credentials = own.get_credentials()
        if credentials is None:
            raise NoCredentialsError

        def create(service: Any, **arguments: Any) -> Any:
            return own.client(service, region_name=region, **arguments)

        fetcher = AssumeRoleCredentialFetcher(
            client_creator=create,
            source_credentials=credentials,
            role_arn=role_arn,
            extra_args={"RoleSessionName": _TOOL},
        )
        session = botocore.session.Session(profile=self._profile)
        session.register_component(
            "credential_provider", CredentialResolver([_AssumedRole(fetcher)])
        )
        return boto3.session.Session(botocore_session=session)


class _AssumedRole(CredentialProvider):
    """Credentials of a role, fetched at the first request and again before they run out."""

    METHOD = "lambda-rollback-role"
    CANONICAL_NAME = "lambda-rollback-role"

    def __init__(self, fetcher: AssumeRoleCredentialFetcher) -> None:
        super().__init__()
        self._fetcher = fetcher

    def load(self) -> DeferredRefreshableCredentials:
        return DeferredRefreshableCredentials(
            refresh_using=self._fetcher.fetch_credentials, method="assume-role"
        )


def _profile(name: str | None) -> str:
    return f"profile {name}" if name else "default profile"


def _named() -> str | None:
    """The profile that boto3 takes if none is given."""
    return os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE")
