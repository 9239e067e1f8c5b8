"""The AWS source: what planning needs to know of functions in AWS, from AWS or from the archive.

Online, Lambda is asked and what the archive's lock files remember is added to its answer: digests
of layers, earlier targets of an alias, versions that AWS has deleted since. Offline, only the lock
files answer. Nothing is downloaded here; `published_packages` does that when a version is run.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lambda_rollback.aws_lambda.names import (
    function_name_of,
    region_of,
    unqualified,
)
from pytest_lambda_rollback.errors import RollbackError, SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.published import AwsSource, Binding, Discovery, PublishedFunction
from pytest_lambda_rollback.model.services import TemplateResources
from pytest_lambda_rollback.model.settings import Store
from pytest_lambda_rollback.model.text import counted
from pytest_lambda_rollback.sources import shared_answers
from pytest_lambda_rollback.sources.archive import discovered, locks
from pytest_lambda_rollback.sources.archive.merging import another_function, merged
from pytest_lambda_rollback.sources.builds.candidates import read_build
from pytest_lambda_rollback.sources.builds.stateful_resources import stateful_resources
from pytest_lambda_rollback.sources.daemon_threads import daemon_threads

if TYPE_CHECKING:
    from pytest_lambda_rollback.aws.clients import Account, Accounts
    from pytest_lambda_rollback.aws.ecr_logins import RegistryLogins

Progress = Callable[[str], None]

_THREADS = 8
"""Requests at the same time. Lambda's control plane takes 15 a second for an account and region."""
_PATIENCE_S = 1.0
"""How long an interrupted run waits for requests that were sent."""


class AwsFunctions:
    """Implements `aws_tables.PublishedFunctions`; one object for a whole run.

    ``shared`` is a folder that all processes of one distributed run have in common: the first one
    asks AWS, the others take its answer, so that all of them plan the same checks. ``only`` names
    the functions whose versions matter, where not all do. ``advise_offline`` says that the user has
    that option. May be called from several threads.
    """

    def __init__(
        self,
        *,
        offline: bool,
        progress: Progress,
        shared: Path | None = None,
        only: Collection[str] | None = None,
        advise_offline: bool = False,
    ) -> None:
        self.offline = offline
        self._advise_offline = advise_offline
        self._only = only
        self._progress = progress
        self._shared = shared
        self._accounts: Accounts | None = None
        self._mappings: dict[int, tuple[tuple[str, Binding], ...] | SourceError] = {}
        self._guard = threading.Lock()
        self._reading_mappings = threading.Lock()
        self._images: dict[str, Account] = {}
        self._logins: dict[int, RegistryLogins] = {}

    # --- planning ----------------------------------------------------------------------------

    def read(
        self, asked: Sequence[tuple[str, AwsSource]], store: Store
    ) -> Mapping[str, PublishedFunction | RollbackError]:
        """The known facts of each function, or its error."""
        if self.offline:
            return {
                name: self._attempt(self._locked, name, store, source) for name, source in asked
            }
        wanted = [each for each in asked if self._only is None or each[0] in self._only]
        found: dict[str, PublishedFunction | RollbackError] = {
            name: SourceError(f"the versions of {name} were not requested") for name, _ in asked
        }
        if wanted or self._only is None:
            with shared_answers.held(self._shared) as shared:
                found.update(self._asked(wanted, store, shared))
        return found

    def discover(self, discovery: Discovery, store: Store) -> tuple[tuple[str, AwsSource], ...]:
        """The functions that an entry stands for. Raises SourceError."""
        if self.offline:
            names = discovered.read(store.path, discovery.name)
        else:
            from pytest_lambda_rollback.aws.discovery import discover

            account = self.account(discovery)
            names = discovered.checked(discover(account, discovery), discovery.name)
            try:
                discovered.write(store.path, discovery.name, names)
            except SourceError as error:
                self._progress(
                    f"the functions of discover.{discovery.name} could not be saved for offline "
                    f"runs: {error}"
                )
        return tuple(
            (
                name,
                AwsSource(
                    function_name=name,
                    region=discovery.region,
                    profile=discovery.profile,
                    role_arn=discovery.role_arn,
                    environment=discovery.environment,
                ),
            )
            for name in names
        )

    def build(
        self,
        path: Path,
        *,
        function: str,
        aws_name: str | None,
        region: str | None,
        account: str | None,
    ) -> Build:
        """A build's own settings of a function. Raises RollbackError."""
        return read_build(
            path, function=function, aws_name=aws_name, region=region, account=account
        )

    def stateful(self, template: Path) -> TemplateResources:
        """What a template has that stores something. Raises RollbackError."""
        return stateful_resources(template)

    # --- accounts ----------------------------------------------------------------------------

    def account(self, of: AwsSource | Discovery) -> Account:
        """The account and region that a source is read from. Raises SourceError."""
        from pytest_lambda_rollback.aws.clients import Accounts

        with self._guard:
            # One for all threads: the client that keeps AWS's pace is the account's.
            self._accounts = self._accounts or Accounts()
        region = of.region
        if isinstance(of, AwsSource):
            region = region_of(of.function_name) or region
        return self._accounts.of(region, of.profile, of.role_arn)

    def mappings(self, account: Account, function_arn: str) -> tuple[Binding, ...]:
        """The event source mappings of a function; those of an account are asked for once.

        Raises SourceError, for every function of an account that refuses.
        """
        from pytest_lambda_rollback.aws.functions import read_event_source_mappings

        with self._reading_mappings:
            if id(account) not in self._mappings:
                try:
                    self._mappings[id(account)] = read_event_source_mappings(account)
                except SourceError as error:
                    self._mappings[id(account)] = error
            known = self._mappings[id(account)]
        if isinstance(known, SourceError):
            raise known
        return tuple(binding for arn, binding in known if arn == function_arn)

    # --- registries --------------------------------------------------------------------------

    def remember_image(self, uri: str, of: AwsSource) -> None:
        """Note whose credentials lead to an image. Raises SourceError."""
        if not self.offline:
            self._images[uri] = self.account(of)

    def registry_login(self, uri: str) -> tuple[str, str] | None:
        """User and password for the registry of an image in ECR; ``None`` for any other.

        An image that no published version has, as that of a build, is pulled with the usual
        credentials. Raises SourceError.
        """
        from pytest_lambda_rollback.aws.ecr_logins import RegistryLogins, ecr_registry

        registry = ecr_registry(uri)
        if registry is None or self.offline:
            return None
        account = self._images.get(uri)
        if account is None:
            account = self.account(AwsSource(function_name="", region=registry.region))
        logins = self._logins.setdefault(id(account), RegistryLogins(account))
        return logins.login(uri)

    # --- asking ------------------------------------------------------------------------------

    def _asked(
        self, asked: Sequence[tuple[str, AwsSource]], store: Store, shared: Path | None
    ) -> Mapping[str, PublishedFunction | RollbackError]:
        found: dict[str, PublishedFunction | RollbackError] = {}
        to_ask = []
        for name, source in asked:
            known = (
                locks.read(shared, shared_answers.name_of(store, name))
                if shared is not None
                else None
            )
            if known is not None:
                found[name] = replace(known, name=name)
            else:
                to_ask.append((name, source))
        if not to_ask:
            return found
        self._progress(f"asking AWS for the versions of {counted(len(to_ask), 'function')}")
        number = min(_THREADS, len(to_ask))
        with daemon_threads(number, name="asking", patience_s=_PATIENCE_S) as threads:
            answers = threads.map(
                lambda each: self._attempt(self._online, each[0], store, each[1]), to_ask
            )
            for number, ((name, _), answer) in enumerate(zip(to_ask, answers, strict=True), 1):
                found[name] = answer
                if shared is not None and isinstance(answer, PublishedFunction):
                    locks.write(shared, replace(answer, name=shared_answers.name_of(store, name)))
                if number % 50 == 0 and number < len(to_ask):
                    self._progress(f"asked AWS for {number} of {counted(len(to_ask), 'function')}")
        return found

    def _online(self, name: str, store: Store, source: AwsSource) -> PublishedFunction:
        from pytest_lambda_rollback.aws.failures import missing
        from pytest_lambda_rollback.aws.functions import read_function

        locked = locks.read(store.path, name)
        try:
            remote = read_function(self.account(source), source, name=name)
        except SourceError as error:
            if not self._advise_offline or locked is None or not _is_of(locked, source):
                raise
            if missing(error.__cause__):  # it is gone from AWS, and so is what to roll back
                raise
            raise SourceError(
                error.what,
                why=error.why,
                do=f"{error.do}; or use --lambda-rollback-offline: the archive knows {name} "
                f"as it was at {locked.as_of}",
            ) from error
        joined = merged(remote, locked)
        for note in joined.notes:
            self._progress(note)
        return joined.function

    def _locked(self, name: str, store: Store, source: AwsSource) -> PublishedFunction:
        locked = locks.read(store.path, name)
        if locked is not None and not _is_of(locked, source):
            raise another_function(name, locked.arn, f"{source.function_name} is configured")
        if locked is None:
            raise SourceError(
                f"{name} is not in the archive {store.path}",
                why=discovered.OFFLINE,
                do=f"Run `lambda-rollback sync {name}` with access to AWS",
            )
        return locked

    def _attempt(
        self, read: Callable[..., PublishedFunction], *arguments: object
    ) -> PublishedFunction | RollbackError:
        try:
            return read(*arguments)
        except RollbackError as error:
            return error


def _is_of(locked: PublishedFunction, source: AwsSource) -> bool:
    """True if a lock file is about the function of a table, as far as the table states."""
    if source.function_name.startswith("arn:"):
        return unqualified(source.function_name) == locked.arn
    region = source.region in (None, locked.region)
    return source.function_name == function_name_of(locked.arn) and region
