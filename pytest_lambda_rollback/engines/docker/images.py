"""Base images and the chain built on them: what the daemon has, pulls and builds.

`image_chain` decides on the links, `pulls` pulls images; this module inspects, streams the build
contexts and cleans up. It starts no container.
"""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.aws_lambda.architectures import PLATFORMS
from pytest_lambda_rollback.engines.docker.base_images import base_image
from pytest_lambda_rollback.engines.docker.daemon import translated, with_ticks
from pytest_lambda_rollback.engines.docker.function_images import FunctionImages, RegistryLogin
from pytest_lambda_rollback.engines.docker.image_chain import (
    ARTIFACT_NAME,
    ROLE_LABEL,
    ImageLink,
    Launch,
    image_chain,
    launch_of_image,
    launch_of_package,
    seal,
)
from pytest_lambda_rollback.engines.docker.pulls import inspected, pull_image
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import ContainerImage, FunctionVersion

if TYPE_CHECKING:
    from docker.client import DockerClient

_BUILD_TIMEOUT_S: Final = 600
_CHUNK_BYTES: Final = 1024 * 1024
_BLOCK_BYTES: Final = 512
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


class Images:
    """The images of one engine. Methods may be called from several threads.

    ``overrides`` are (runtime, image reference); ``labels`` are put on every image that is built
    beside its own; ``pull`` allows pulling a missing image, with
    ``registry_login`` for a function's image; ``host`` is the daemon's own architecture in
    Docker's words.
    """

    def __init__(
        self,
        client: DockerClient,
        *,
        host: str,
        overrides: tuple[tuple[str, str], ...],
        labels: tuple[tuple[str, str], ...] = (),
        pull: bool = True,
        workers: int = 2,
        registry_login: RegistryLogin | None = None,
    ) -> None:
        self._client = client
        self._host = host
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
        if version.image is not None:
            return self._of_function(version, version.image, progress)
        base = self.base(
            version.configuration.runtime,
            version.configuration.architecture,
            progress,
            of=version.name,
        )
        chain = image_chain(base.id, version)
        final = chain[-1].tag
        if final not in self._made and inspected(self._client, final) is None:
            for link in chain:
                self._make(link, version, progress)
        self._made.add(final)
        return launch_of_package(final, version)

    def _make(self, link: ImageLink, version: FunctionVersion, progress: Progress) -> None:
        with self._lock_of(link.tag):
            if link.tag not in self._made and inspected(self._client, link.tag) is None:
                self._build(link, version, progress)
            self._made.add(link.tag)

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
        link = seal(found["Id"])
        # Whoever builds on an image with ONBUILD runs what it says, which Lambda never does.
        launch = launch_of_image(found["Id"] if config.get("OnBuild") else link.tag, image, config)
        if launch is None:
            raise EngineError(
                f"{version.name} cannot be started",
                why=f"neither its image {image.uri} nor its ImageConfig says what to run",
                do="Give the image an ENTRYPOINT and a CMD, or set them in the function's "
                "ImageConfig",
            )
        if launch.image == link.tag:
            self._make(link, version, progress)
        return launch

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
        if machine == self._host or _is_emulated(machine):
            return
        raise EngineError(
            f"{of} cannot run here",
            why=f"it is built for {architecture}, this machine is {self._host} and has no "
            f"emulator for {machine} registered (binfmt_misc, qemu)",
            do="Install one (Debian, Ubuntu: `sudo apt-get install qemu-user-static "
            "binfmt-support`), or run these checks on a machine of that architecture",
        )

    # --- links --------------------------------------------------------------------------------

    def _build(self, link: ImageLink, version: FunctionVersion, progress: Progress) -> None:
        def build() -> None:
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
                    f"the image for {version.name} could not be built ({link.subject})",
                    why=error.strip().rstrip("."),
                    do="Check that Docker has disk space (`docker system df`) and try again",
                )

        with (
            self._turns,
            translated(f"the image for {version.name} could not be built ({link.subject})"),
        ):
            with_ticks(build, lambda: f"building the image with {link.subject}", progress)


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


def build_context(link: ImageLink) -> Iterator[bytes]:
    """The build context of a link as a tar, piece by piece: at most 1 MB is held in memory.

    Raises EngineError if the package's own tar is gone.
    """
    yield from _member("Dockerfile", link.dockerfile.encode())
    for name, content in link.files:
        yield from _member(name, content)
    if link.artifact is not None:
        path = link.artifact.tar
        if not path.is_file():
            raise EngineError(
                f"the unpacked copy of {link.artifact.label} is gone",
                why=f"{path} no longer exists",
                do="Run again with --lambda-rollback-no-cache",
            )
        size = path.stat().st_size
        yield _header(ARTIFACT_NAME, size)
        with path.open("rb") as tar:
            while piece := tar.read(_CHUNK_BYTES):
                yield piece
        yield _padding(size)
    yield bytes(2 * _BLOCK_BYTES)


def _member(name: str, content: bytes) -> Iterator[bytes]:
    yield _header(name, len(content))
    yield content + _padding(len(content))


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o644
    return member.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK_BYTES)


def remove_images(client: DockerClient, label: str = ROLE_LABEL) -> int:
    """Remove the images of this plugin that carry a label and that no container uses.

    ``label`` is ``name`` or ``name=value``. Returns how many tags went. Raises EngineError when
    the daemon does not answer.
    """
    import docker.errors

    removed = 0
    with translated("images could not be removed"):
        while True:
            images = client.api.images(filters={"label": label})
            before = removed
            for image in images:
                tags = [tag for tag in image.get("RepoTags") or () if tag != "<none>:<none>"]
                for reference in tags or [image["Id"]]:
                    try:
                        client.api.remove_image(reference)
                    except docker.errors.APIError:  # in use, or the parent of one that is left
                        continue
                    removed += 1
            if removed == before:
                return removed
