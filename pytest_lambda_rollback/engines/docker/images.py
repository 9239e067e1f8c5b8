"""Base images and the chain built on them: what the daemon has, pulls and builds.

`image_chain` decides on the links, `pulls` pulls images, `build_contexts` is what is sent; this
module inspects and builds. It starts no container.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.aws_lambda.architectures import PLATFORMS
from pytest_lambda_rollback.engines.docker.base_images import base_image
from pytest_lambda_rollback.engines.docker.build_contexts import build_context, files_tar
from pytest_lambda_rollback.engines.docker.build_locks import build_lock
from pytest_lambda_rollback.engines.docker.daemon import DaemonFacts, translated, with_ticks
from pytest_lambda_rollback.engines.docker.function_images import (
    FunctionImages,
    RegistryLogin,
    program_path,
)
from pytest_lambda_rollback.engines.docker.image_chain import (
    CARRIER_PATH,
    DIGEST_LABEL,
    ImageLink,
    Launch,
    carrier_link,
    image_chain,
    launch_of_image,
    launch_of_package,
)
from pytest_lambda_rollback.engines.docker.pulls import inspected, pull_image
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import ContainerImage, FunctionVersion

if TYPE_CHECKING:
    from docker.client import DockerClient

_BUILD_TIMEOUT_S: Final = 600
_USE_NOTED: Final = timedelta(minutes=30)
"""How exactly the daemon's record says when an image was used last."""
_MB: Final = 1024 * 1024
_MACHINES: Final = {"amd64": "3e00", "arm64": "b700"}
"""The machine field of an ELF header, with which a binfmt_misc entry's magic ends."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A requested base image, and the version that needs it."""

    runtime: str
    architecture: str
    reference: str
    of: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """A base image that the daemon has."""

    runtime: str
    reference: str
    id: str
    architecture: str
    """Docker's name, ``amd64`` or ``arm64``."""
    config: dict[str, Any] = field(default_factory=dict, repr=False)
    """Its configuration as Docker reports it."""


class Images:
    """The images of one engine. Methods may be called from several threads.

    ``overrides`` are (runtime, image reference); ``labels`` are put on every image that is built
    beside its own; ``pull`` allows pulling a missing image, with
    ``registry_login`` for a function's image; ``facts`` are the daemon's; ``carrier`` gives the
    carrier's program for an architecture.
    """

    def __init__(
        self,
        client: DockerClient,
        *,
        facts: DaemonFacts,
        carrier: Callable[[str], bytes],
        overrides: tuple[tuple[str, str], ...],
        labels: tuple[tuple[str, str], ...] = (),
        pull: bool = True,
        workers: int = 2,
        registry_login: RegistryLogin | None = None,
    ) -> None:
        self._client = client
        self._facts = facts
        self._carrier = carrier
        self._overrides = overrides
        self._labels = labels
        self._pull = pull
        self._turns = threading.BoundedSemaphore(workers)
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._bases: dict[str, BaseImage] = {}
        self._made: set[str] = set()
        self._of_functions = FunctionImages(client, pull=pull, registry_login=registry_login)
        self._launches: dict[tuple[ContainerImage, str], Launch] = {}

    @property
    def bases(self) -> tuple[BaseImage, ...]:
        """Base images that were used so far, by runtime."""
        with self._lock:
            return tuple(sorted(self._bases.values(), key=lambda base: base.runtime))

    def make(self, version: FunctionVersion, progress: Progress) -> Launch:
        """The image of a version's containers, made if it is missing. Raises EngineError."""
        self._check_memory(version)
        if version.image is not None:
            return self._of_function(version, version.image, progress)
        base = self.base(
            version.configuration.runtime,
            version.configuration.architecture,
            progress,
            of=version.name,
        )
        chain = image_chain(base.id, version, self._carrier(version.configuration.architecture))
        launch = launch_of_package(chain[-1].tag, version, base.config)
        if launch is None:
            raise EngineError(
                f"{version.name} cannot be started",
                why=f"its base image {base.reference} has no ENTRYPOINT that starts a handler",
                do="Name an image that is made for Lambda with --lambda-rollback-base-image "
                f"{version.configuration.runtime}=IMAGE",
            )
        if not self._has(chain[-1]):
            for link in chain:
                self._make(link, version, progress)
        return launch

    def _make(
        self,
        link: ImageLink,
        version: FunctionVersion,
        progress: Progress,
        *,
        with_triggers: bool = False,
    ) -> None:
        with self._lock_of(link.tag):
            if not self._has(link):
                self._build(link, version, progress, with_triggers=with_triggers)
            self._made.add(link.tag)

    def _has(self, link: ImageLink) -> bool:
        """True if the daemon has a link: by its tag, and by its digest, as anybody can tag."""
        if link.tag in self._made:
            return True
        found = inspected(self._client, link.tag)
        if found is None:
            return False
        labels = (found.get("Config") or {}).get("Labels") or {}
        if labels.get(DIGEST_LABEL) != link.digest:
            return False
        self._note_use(link.tag, found)
        self._made.add(link.tag)
        return True

    def _note_use(self, tag: str, found: dict[str, Any]) -> None:
        """Let the daemon note that an image is used: tagging it again sets its LastTagTime."""
        noted = moment((found.get("Metadata") or {}).get("LastTagTime"))
        if noted is None or datetime.now(UTC) - noted < _USE_NOTED:
            return
        repository, _, name = tag.rpartition(":")
        with suppress(EngineError), translated("the use of an image could not be noted"):
            self._client.api.tag(tag, repository, name, force=True)

    def _of_function(
        self, version: FunctionVersion, image: ContainerImage, progress: Progress
    ) -> Launch:
        key = (image, version.configuration.architecture)
        with self._lock_of(image.uri):
            launch = self._launches.get(key)
            if launch is None:
                found = self._of_functions.obtain(version, image, progress)
                self._check_emulation(version.name, version.configuration.architecture)
                launch = self._launch(version, image, found, progress)
                self._launches[key] = launch
        return launch

    def _launch(
        self,
        version: FunctionVersion,
        image: ContainerImage,
        found: dict[str, Any],
        progress: Progress,
    ) -> Launch:
        config = found.get("Config") or {}
        link = carrier_link(found["Id"], self._carrier(version.configuration.architecture))
        launch = launch_of_image(link.tag, image, config)
        if launch is None:
            raise EngineError(
                f"{version.name} cannot be started",
                why=f"neither its image {image.uri} nor its ImageConfig says what to run",
                do="Give the image an ENTRYPOINT and a CMD, or set them in the function's "
                "ImageConfig",
            )
        self._make(link, version, progress, with_triggers=bool(config.get("OnBuild")))
        program = program_path(self._client, link.tag, launch.arguments[0], config)
        return replace(launch, arguments=(program, *launch.arguments[1:]))

    def _lock_of(self, name: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(name, threading.Lock())

    # --- base images --------------------------------------------------------------------------

    def base(
        self, runtime: str, architecture: str, progress: Progress, *, of: str = "functions"
    ) -> BaseImage:
        """The base image of a runtime, pulled if it is not there.

        ``of`` names the version that needs it in messages. Raises EngineError.
        """
        reference = base_image(runtime, architecture, self._overrides)
        key = f"{runtime} {reference} {architecture}"
        with self._lock_of(key):
            known = self._bases.get(key)
            if known is None:
                known = self._get_base(_Wanted(runtime, architecture, reference, of), progress)
                with self._lock:
                    self._bases[key] = known
        return known

    def _get_base(self, wanted: _Wanted, progress: Progress) -> BaseImage:
        platform = PLATFORMS[wanted.architecture]
        found = inspected(self._client, wanted.reference)
        if found is None:
            self._pull_base(wanted, platform, progress)
            found = inspected(self._client, wanted.reference)
        if found is None:
            raise self._unavailable(wanted, "it is missing after the pull")
        machine = platform.partition("/")[2]
        if found["Architecture"] != machine:
            raise EngineError(
                f"{wanted.of} cannot run on the base image {wanted.reference}",
                why=f"the version is built for {wanted.architecture}, the image for "
                f"{found['Architecture']}",
                do=f"Get the other one with `docker pull --platform {platform} "
                f"{wanted.reference}`, or name one with "
                f"--lambda-rollback-base-image {wanted.runtime}=IMAGE",
            )
        self._check_emulation(wanted.of, wanted.architecture)
        return BaseImage(
            runtime=wanted.runtime,
            reference=wanted.reference,
            id=found["Id"],
            architecture=machine,
            config=found.get("Config") or {},
        )

    def _pull_base(self, wanted: _Wanted, platform: str, progress: Progress) -> None:
        if not self._pull:
            raise self._unavailable(wanted, "pulling is disabled")
        try:
            pull_image(self._client, wanted.reference, platform=platform, progress=progress)
        except EngineError as error:
            raise self._unavailable(wanted, error.why) from error

    @staticmethod
    def _unavailable(wanted: _Wanted, why: str) -> EngineError:
        platform = PLATFORMS[wanted.architecture]
        return EngineError(
            f"the base image {wanted.reference} for {wanted.of} ({wanted.runtime}) is unavailable",
            why=why.strip().rstrip("."),
            do=f"Get it with `docker pull --platform {platform} {wanted.reference}`, or name "
            f"an available image with --lambda-rollback-base-image {wanted.runtime}=IMAGE",
        )

    def _check_emulation(self, of: str, architecture: str) -> None:
        machine = PLATFORMS[architecture].partition("/")[2]
        here = self._facts.machine
        if machine == here or not self._facts.shares_kernel or _is_emulated(machine):
            return  # another machine's emulators are not known before a container starts
        raise EngineError(
            f"{of} cannot run here",
            why=f"it is built for {architecture}, this machine is {here} and has no "
            f"emulator for {machine} registered (binfmt_misc, qemu)",
            do="Install one (Debian, Ubuntu: `sudo apt-get install qemu-user-static "
            "binfmt-support`), or run these checks on a machine of that architecture",
        )

    def _check_memory(self, version: FunctionVersion) -> None:
        wanted_mb, has_mb = version.configuration.memory_mb, self._facts.memory_bytes // _MB
        if has_mb and wanted_mb > has_mb:
            raise EngineError(
                f"{version.name} cannot run here",
                why=f"it has {wanted_mb} MB of memory, and the machine that Docker runs on only "
                f"{has_mb} MB",
                do="Give that machine more memory (Docker Desktop: Settings, Resources), or run "
                "these checks on a larger one",
            )

    # --- links --------------------------------------------------------------------------------

    def _build(
        self,
        link: ImageLink,
        version: FunctionVersion,
        progress: Progress,
        *,
        with_triggers: bool,
    ) -> None:
        what = f"the image for {version.name} could not be built ({link.subject})"

        def build() -> None:
            with build_lock(f"{self._facts.id} {link.tag}", timeout_s=_BUILD_TIMEOUT_S):
                if self._has(link):  # another process has built it in the meantime
                    return
                if with_triggers:
                    self._commit(link)
                else:
                    self._send(link, what)

        with self._turns, translated(what):
            with_ticks(build, lambda: f"building the image with {link.subject}", progress)

    def _send(self, link: ImageLink, what: str) -> None:
        lines = self._client.api.build(
            fileobj=build_context(link),  # type: ignore[arg-type]  # any iterator streams
            custom_context=True,
            tag=link.tag,
            labels=dict((*link.labels, *self._labels)),
            rm=True,
            forcerm=True,
            pull=False,
            decode=True,
            timeout=_BUILD_TIMEOUT_S,
        )
        error = ""
        for line in lines:  # to the end, else the connection stays open
            error = error or str(line.get("error", ""))
        if error:
            raise EngineError(
                what,
                why=error.strip().rstrip("."),
                do="Check that Docker has disk space (`docker system df`) and try again",
            )

    def _commit(self, link: ImageLink) -> None:
        """Make a link without a build.

        Whoever builds on an image with ONBUILD runs what it says, which Lambda never does.
        """
        api = self._client.api
        container = api.create_container(link.parent, entrypoint=[CARRIER_PATH])["Id"]
        try:
            api.put_archive(container, "/", files_tar(link.files))
            labels = (f'LABEL {name}="{value}"' for name, value in (*link.labels, *self._labels))
            repository, _, name = link.tag.rpartition(":")
            api.commit(container, repository=repository, tag=name, changes=list(labels))
        finally:
            api.remove_container(container, v=True, force=True)


def moment(text: str | None) -> datetime | None:
    """A time of Docker's; ``None`` for none, which Docker also writes as year 1."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year > 1 else None


def _is_emulated(architecture: str) -> bool:
    """True when the kernel has an interpreter for an architecture, or this is unknown."""
    folder = Path("/proc/sys/fs/binfmt_misc")
    if not (folder / "register").exists():
        return True  # not mounted here: the container's start will tell
    for entry in folder.iterdir():
        if entry.name in ("register", "status"):
            continue
        lines = entry.read_text().splitlines()
        magic = next((line.split()[1] for line in lines if line.startswith("magic ")), "")
        if "enabled" in lines and magic.endswith(_MACHINES[architecture]):
            return True
    return False
