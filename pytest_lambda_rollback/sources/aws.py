"""The AWS source: what planning needs to know of functions in AWS, from AWS or from the archive.

Online, Lambda is asked and what the archive's lock files remember is added to its answer: digests
of layers, earlier targets of an alias, versions that AWS has deleted since. Offline, the lock files
alone answer. Nothing is downloaded here; `published_packages` does that when a version is run.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lambda_rollback.aws_lambda.names import (
    FUNCTION_NAME,
    function_name_of,
    region_of,
    unqualified,
)
from pytest_lambda_rollback.errors import RollbackError, SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.published import AwsSource, Binding, Discovery, PublishedFunction
from pytest_lambda_rollback.model.settings import Store
from pytest_lambda_rollback.model.text import counted
from pytest_lambda_rollback.packages import new_files
from pytest_lambda_rollback.sources.archive import locks
from pytest_lambda_rollback.sources.archive.merging import another_function, merged
from pytest_lambda_rollback.sources.builds.candidates import read_build
from pytest_lambda_rollback.sources.daemon_threads import daemon_threads

if TYPE_CHECKING:
    from pytest_lambda_rollback.aws.clients import Account, Accounts
    from pytest_lambda_rollback.aws.ecr_logins import RegistryLogins

Progress = Callable[[str], None]

_THREADS = 8
"""Requests at the same time. Lambda's control plane takes 15 a second for an account and region."""
_PATIENCE_S = 1.0
"""How long an interrupted run waits for requests that were sent."""
_SHARED_S = 24 * 3600.0
_LIMIT_BYTES = 16 * 1024 * 1024
_OFFLINE = "nothing but the archive may be used offline"


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
        """What is known of each function; an error as a value, so that it stops no other one."""
        if self.offline:
            return {
                name: self._attempt(self._locked, name, store, source) for name, source in asked
            }
        wanted = [each for each in asked if self._only is None or each[0] in self._only]
        found: dict[str, PublishedFunction | RollbackError] = {
            name: SourceError(f"the versions of {name} were not asked for") for name, _ in asked
        }
        if wanted or self._only is None:
            with self._sharing() as shared:
                found.update(self._asked(wanted, store, shared))
        return found

    def discover(self, discovery: Discovery, store: Store) -> tuple[tuple[str, AwsSource], ...]:
        """The functions that an entry stands for. Raises SourceError."""
        remembered = store.path / "discovered" / f"{discovery.name}.json"
        if self.offline:
            names = _remembered(remembered, discovery.name)
        else:
            from pytest_lambda_rollback.aws.discovery import discover

            account = self.account(discovery)
            names = _checked(discover(account, discovery), discovery.name)
            try:
                _remember(store.path, remembered, names)
            except SourceError as error:
                self._progress(f"what {discovery.name} stands for is not kept: {error}")
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
        """What a build says of a function. Raises RollbackError."""
        return read_build(
            path, function=function, aws_name=aws_name, region=region, account=account
        )

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
            known = locks.read(shared, _shared_name(store, name)) if shared is not None else None
            if known is not None:
                found[name] = replace(known, name=name)
            else:
                to_ask.append((name, source))
        if not to_ask:
            return found
        self._progress(f"asking AWS for the versions of {_functions(len(to_ask))}")
        number = min(_THREADS, len(to_ask))
        with daemon_threads(number, name="asking", patience_s=_PATIENCE_S) as threads:
            answers = threads.map(
                lambda each: self._attempt(self._online, each[0], store, each[1]), to_ask
            )
            for number, ((name, _), answer) in enumerate(zip(to_ask, answers, strict=True), 1):
                found[name] = answer
                if shared is not None and isinstance(answer, PublishedFunction):
                    locks.write(shared, replace(answer, name=_shared_name(store, name)))
                if number % 50 == 0 and number < len(to_ask):
                    self._progress(f"asked AWS for {number} of {_functions(len(to_ask))}")
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
                why=_OFFLINE,
                do=f"Run `lambda-rollback sync {name}` where AWS can be reached",
            )
        return locked

    def _attempt(
        self, read: Callable[..., PublishedFunction], *arguments: object
    ) -> PublishedFunction | RollbackError:
        try:
            return read(*arguments)
        except RollbackError as error:
            return error

    @contextlib.contextmanager
    def _sharing(self) -> Iterator[Path | None]:
        """The shared folder, held by one process at a time."""
        if self._shared is None:
            yield None
            return
        for folder in (self._shared.parent.parent, self._shared.parent, self._shared):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _refuse_others(self._shared)
        _forget_old(self._shared.parent)
        with (self._shared / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield self._shared


def _shared_name(store: Store, name: str) -> str:
    """Functions of two configuration files may have one name."""
    return f"{name}-{hashlib.sha256(str(store.path).encode()).hexdigest()[:12]}"


def _functions(number: int) -> str:
    return counted(number, "function")


def _checked(names: Sequence[object], name: str) -> tuple[str, ...]:
    """The names, which become names of folders and checks. Raises SourceError."""
    if all(isinstance(each, str) and FUNCTION_NAME.fullmatch(each) for each in names):
        return tuple(str(each) for each in names)
    raise SourceError(
        f"which functions discover.{name} stands for cannot be used",
        why="among them is what is no name of a Lambda function",
        do="Run `lambda-rollback sync`, and see who changed the archive's `discovered` folder",
    )


def _remembered(path: Path, name: str) -> tuple[str, ...]:
    try:
        # A link could lead to any file or device.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            names = json.loads(file.read(_LIMIT_BYTES))["functions"]
        return _checked(tuple(names), name)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SourceError(
            f"which functions discover.{name} stands for is not in the archive",
            why=_OFFLINE,
            do="Run `lambda-rollback sync` where AWS can be reached",
        ) from error


def _remember(root: Path, path: Path, names: Sequence[str]) -> None:
    text = json.dumps({"functions": sorted(names)}, indent=2) + "\n"
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return
        with locks.held(root):
            path.parent.mkdir(exist_ok=True)
            new_files.write(path, text.encode(), mode=0o644)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be written", why=error.strerror or str(error), do="Make it writable"
        ) from error


def _is_of(locked: PublishedFunction, source: AwsSource) -> bool:
    """Whether a lock file is about the function of a table, as far as the table says it."""
    if source.function_name.startswith("arn:"):
        return unqualified(source.function_name) == locked.arn
    region = source.region in (None, locked.region)
    return source.function_name == function_name_of(locked.arn) and region


def _refuse_others(folder: Path) -> None:
    """Raise SourceError for a folder in which another user of this machine could plan our run."""
    for each in (folder.parent.parent, folder.parent, folder):
        status = each.lstat()
        if status.st_uid != os.geteuid() or not stat.S_ISDIR(status.st_mode):
            raise SourceError(
                f"the folder {each}, which the workers of a run share, is not used",
                why="it is a link or another user's",
                do="Let XDG_CACHE_HOME name a folder of your own",
            )
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            each.chmod(0o700)


def _forget_old(folder: Path) -> None:
    """Remove what runs of other days shared."""
    with contextlib.suppress(OSError):
        for each in folder.iterdir():
            if time.time() - each.stat().st_mtime > _SHARED_S:
                shutil.rmtree(each, ignore_errors=True)
