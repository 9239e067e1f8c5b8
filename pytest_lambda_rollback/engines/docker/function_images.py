"""Container images of functions: found by digest, pulled with a login, refused with what to do.

An image that was published is identified only by its digest, whatever happened to its tags; an
image of a build that is not published yet is only in the local daemon and is never pulled. Images
of functions belong to the user: nothing here removes one. What is run from an image is decided in
`image`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pytest_lambda_rollback.aws_lambda.architectures import PLATFORMS
from pytest_lambda_rollback.engines.docker.daemon import DaemonLost, translated
from pytest_lambda_rollback.engines.docker.pulls import inspected, pull_image
from pytest_lambda_rollback.engines.interface import Progress
from pytest_lambda_rollback.errors import EngineError, RollbackError
from pytest_lambda_rollback.model.versions import ContainerImage, FunctionVersion

if TYPE_CHECKING:
    from docker.client import DockerClient

RegistryLogin = Callable[[str], tuple[str, str] | None]
"""Takes an image's URI and gives (user, password) for its registry, or ``None`` to leave it to the
user's own Docker configuration. May raise RollbackError."""

_BY_DIGEST: Final = re.compile(r"(?P<repository>[^@\s]+)@(?P<digest>sha256:[0-9a-f]{64})")
_HELPER: Final = "Credentials store error"
"""Text of the docker package's error if the user's credential helper fails."""
_DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_WORDS: Final = 400
"""Characters of a registry's message that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """One way in which a pull fails: how it is recognised, why, and what to do."""

    words: str
    """A regular expression, in the lower case words of registries and daemons."""
    why: str
    do: str


# In this order: a registry often says "not found" where it means "not allowed".
_REFUSALS: Final = (
    _Refusal(
        words="authorization token has expired|token is expired",
        why="the login to {registry} has expired",
        do="Log in again (`docker login {registry}`, or renew your AWS credentials) and run again",
    ),
    _Refusal(
        words="no basic auth|unauthorized|authentication required|incorrect username"
        "|credentials store|error getting credentials|credential helper",
        why="{registry} does not accept the login",
        do="For Amazon ECR check that your AWS credentials are valid and may call "
        "ecr:GetAuthorizationToken; for another registry run `docker login {registry}`",
    ),
    _Refusal(
        words="denied|forbidden|not authorized",
        why="{registry} does not let you pull from {repository}, or has no such repository",
        do="For Amazon ECR allow ecr:BatchGetImage and ecr:GetDownloadUrlForLayer, also in "
        "the repository's policy if it belongs to another account; for another registry run "
        "`docker login {registry}`",
    ),
    _Refusal(
        words="name unknown|name_unknown|repository .*(not known|does not exist|not found)",
        why="{registry} has no repository {repository} (any more)",
        do="Push the image again into a repository of that name from a machine that still has it, "
        "or check another version",
    ),
    _Refusal(
        words="manifest unknown|manifest_unknown|manifest for .* not found|image not found"
        "|failed to resolve reference .*not found",
        why="{repository} has no image {digest} any more: it was deleted, by hand or by a "
        "lifecycle policy",
        do="Push that image again from a machine that still has it (its digest stays the same), or "
        "check another version; keep the images of rollback targets out of lifecycle policies",
    ),
    _Refusal(
        words="no space left",
        why="Docker's disk is full",
        do="Free disk space (`docker system df` shows its use, `docker image prune` removes what "
        "nothing uses) and run again",
    ),
    _Refusal(
        words="does not match the specified platform|no matching manifest",
        why="it holds no image for {platform}, which the function is configured for",
        do="Publish a version whose image and architecture agree; Lambda runs no other",
    ),
    _Refusal(
        words="x509|certificate|http response to https client",
        why="the certificate of {registry} could not be verified",
        do="Give Docker the registry's certificate authority (/etc/docker/certs.d/{registry})",
    ),
    _Refusal(
        words="toomanyrequests|too many requests|rate exceeded|throttl",
        why="{registry} answers that there were too many requests",
        do="Wait a few minutes, or use fewer workers, and run again",
    ),
    _Refusal(
        words="took more than",
        why="the image is too large, or the connection too slow",
        do="Pull it beforehand with `docker pull --platform {platform} {uri}` and run again",
    ),
    _Refusal(
        words="no such host|connection refused|timeout|timed out|unreachable|no route to host"
        "|connection reset|request canceled|server misbehaving|unexpected eof|deadline exceeded"
        "|: eof",
        why="{registry} cannot be reached from this machine",
        do="Check the network, the VPN and Docker's proxy settings, or pull it on a machine that "
        "reaches "
        "the registry and copy it here with `docker save` and `docker load`",
    ),
)


class FunctionImages:
    """The images of functions that a daemon has, or can get.

    ``pull`` allows pulling a missing one, with ``registry_login``.
    """

    def __init__(
        self, client: DockerClient, *, pull: bool, registry_login: RegistryLogin | None
    ) -> None:
        self._client = client
        self._pull = pull
        self._login = registry_login

    def obtain(
        self, version: FunctionVersion, image: ContainerImage, progress: Progress
    ) -> dict[str, Any]:
        """Docker's description of a version's image, pulled if it is missing.

        Raises EngineError if it is unavailable, or is for another architecture.
        """
        found = self._local(version, image) if image.local else None
        if found is None:
            found = self._published(version, image, progress)
        architecture = version.configuration.architecture
        machine = PLATFORMS[architecture].partition("/")[2]
        if found["Architecture"] != machine:
            raise EngineError(
                f"{version.name} cannot run from its image {image.uri}",
                why=f"the function is configured for {architecture} ({machine}), the "
                f"image is built for {found['Architecture']}",
                do=f"Build the image for that platform (`docker build --platform linux/{machine}`)"
                ", or set the function's architecture to the image's",
            )
        return found

    def _local(self, version: FunctionVersion, image: ContainerImage) -> dict[str, Any]:
        found = inspected(self._client, image.uri)
        if found is None:
            raise EngineError(
                f"the image {image.uri} of {version.name} does not exist",
                why="this machine's Docker has no image of that name",
                do="Build it first (`sam build`, or `docker build --tag` with that name)",
            )
        return found

    def _published(
        self, version: FunctionVersion, image: ContainerImage, progress: Progress
    ) -> dict[str, Any]:
        named = _BY_DIGEST.fullmatch(image.uri)
        if named is None:
            raise EngineError(
                f"the image {image.uri} of {version.name} is not used",
                why="it is not named by a digest, so it may not be the image that was published",
                do="Name it as repository@sha256:…, which GetFunction gives as ResolvedImageUri",
            )
        found = self._present(image.uri, named["digest"])
        if found is None:
            self._get(version, image.uri, progress)
            found = self._present(image.uri, named["digest"])
        if found is None:
            raise EngineError(
                f"the image of {version.name} cannot be used",
                why=f"Docker has no image of the digest {named['digest']} after the pull",
                do=f"Check the output of `docker image inspect {image.uri}`",
            )
        return found

    def _present(self, uri: str, digest: str) -> dict[str, Any] | None:
        """The image of a digest, from whichever repository it came: equal digest, equal image."""
        found = inspected(self._client, uri)
        if found is not None:
            return found if _has(found, digest) else None
        with translated("the images could not be listed"):
            listed = self._client.api.images()
        for each in listed:
            if _has(each, digest):
                return inspected(self._client, each["Id"])
        return None

    def _get(self, version: FunctionVersion, uri: str, progress: Progress) -> None:
        what = f"the image {uri} of {version.name} is unavailable"
        platform = PLATFORMS[version.configuration.architecture]
        if not self._pull:
            raise EngineError(
                what,
                why="it is not on this machine, and pulling is disabled",
                do=f"Get it with `docker pull --platform {platform} {uri}`, or run once with the "
                "network",
            )
        try:
            login = self._login(uri) if self._login is not None else None
        except RollbackError as error:
            why = f"{error.what}: {error.why}" if error.why else error.what
            raise EngineError(what, why=why, do=error.do) from error
        try:
            pull_image(self._client, uri, platform=platform, progress=progress, login=login)
        except EngineError as error:
            if isinstance(error, DaemonLost) and _HELPER not in error.why:
                raise
            raise _refused(what, uri, platform, error.why) from error


def program_path(client: DockerClient, image: str, program: str, config: Mapping[str, Any]) -> str:
    """The path of a program of an image, which is found along the image's PATH as Lambda does.

    ``config`` is the image's configuration. A path, and what is not found, stay as they are.
    Raises EngineError.
    """
    if "/" in program or not program:
        return program
    variables = dict(each.partition("=")[::2] for each in config.get("Env") or ())
    folders = variables.get("PATH", _DEFAULT_PATH).split(":")
    api: Any = client.api
    with translated(f"the image {image} could not be searched for {program}"):
        container = api.create_container(image, entrypoint=[program])["Id"]
        try:
            url = f"{api.base_url}/v{api.api_version}/containers/{container}/archive"
            for folder in folders:
                path = f"{folder.rstrip('/')}/{program}"
                if api.head(url, params={"path": path}, timeout=api.timeout).status_code == 200:
                    return path
        finally:
            api.remove_container(container, v=True, force=True)
    return program


def _has(image: dict[str, Any], digest: str) -> bool:
    return any(each.endswith(f"@{digest}") for each in image.get("RepoDigests") or ())


def _refusal(words: str) -> _Refusal | None:
    return next((each for each in _REFUSALS if re.search(each.words, words.lower())), None)


def _refused(what: str, uri: str, platform: str, words: str) -> EngineError:
    """A pull's failure as a message with what to do."""
    refusal = _refusal(words)
    shown = words if len(words) <= _WORDS else f"{words[:_WORDS]}…"
    if refusal is None:
        return EngineError(
            what, why=shown, do=f"Check the output of `docker pull --platform {platform} {uri}`"
        )
    repository, _, digest = uri.partition("@")
    parts = {
        "registry": repository.partition("/")[0],
        "repository": repository,
        "digest": digest,
        "platform": platform,
        "uri": uri,
    }
    return EngineError(
        what, why=f"{refusal.why.format(**parts)} ({shown})", do=refusal.do.format(**parts)
    )
