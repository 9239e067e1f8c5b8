"""Functions as Lambda describes them: versions, aliases, event source mappings, images.

Two requests read a function with up to 49 versions and 50 aliases; each further 50 of
either cost one more. What a run needs beyond that is in `platform_facts`.
"""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any, Final

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.failures import reading
from pytest_lambda_rollback.aws_lambda.names import (
    partition_of,
    qualifier_of,
    region_of,
    unqualified,
)
from pytest_lambda_rollback.aws_lambda.permissions import statement
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import (
    AliasFacts,
    AwsSource,
    Binding,
    Environment,
    PublishedFunction,
    PublishedVersion,
)
from pytest_lambda_rollback.model.versions import (
    DEFAULTS,
    ContainerImage,
    FunctionConfiguration,
    PackageKind,
    RemotePackage,
)

_PAGE: Final = 50
"""The most that Lambda puts on one page of versions, aliases or functions."""

_MAPPINGS_PAGE: Final = 100

_ENABLED: Final = frozenset({"Creating", "Enabling", "Enabled", "Updating"})
"""States of an event source mapping that reads events, or is about to."""


def read_function(account: Account, source: AwsSource, *, name: str) -> PublishedFunction:
    """Versions and aliases of a function, which the configuration calls ``name``.

    A function named by its ARN is read in the ARN's region. Values of environment variables are
    kept only where the source says so. The image of a version that is a container image has no
    ``uri`` yet: `resolved_image` asks for it. Raises SourceError.
    """
    here = account.in_region(region_of(source.function_name) or account.region)
    resource = _resource(source.function_name, here.region)
    where = _where(source.function_name, name, here.region)
    client = here.client("lambda")
    with reading(
        what=f"the versions of {where} cannot be read",
        action="lambda:ListVersionsByFunction",
        resource=resource,
    ):
        pages = client.get_paginator("list_versions_by_function").paginate(
            FunctionName=source.function_name, PaginationConfig={"PageSize": _PAGE}
        )
        described = [each for page in pages for each in page.get("Versions", ())]
    if not described:
        raise SourceError(
            f"{name}: the versions of {where} cannot be read",
            why="AWS returned no versions, not even $LATEST",
            do="Check AWS_ENDPOINT_URL",
        )
    with reading(
        what=f"the aliases of {where} cannot be read",
        action="lambda:ListAliases",
        resource=resource,
    ):
        pages = client.get_paginator("list_aliases").paginate(
            FunctionName=source.function_name, PaginationConfig={"PageSize": _PAGE}
        )
        aliases = [_alias(each) for page in pages for each in page.get("Aliases", ())]
    fetch = source.environment is Environment.FETCH
    versions = [_version(each, name=name, fetch=fetch) for each in described]
    return PublishedFunction(
        name=name,
        arn=unqualified(str(described[0]["FunctionArn"])),
        versions=tuple(sorted(versions, key=_newest_first)),
        aliases=tuple(sorted(aliases, key=lambda alias: alias.name)),
        as_of=now(),
    )


def read_event_source_mappings(account: Account) -> tuple[tuple[str, Binding], ...]:
    """Every event source mapping of the account and region, with its unqualified function ARN.

    All at once, because Lambda filters by one qualifier only: a request for a function does not
    list what is bound to its aliases. Raises SourceError.
    """
    with reading(
        what=f"the event source mappings in {account.region} cannot be read",
        action="lambda:ListEventSourceMappings",
    ):
        pages = (
            account.client("lambda")
            .get_paginator("list_event_source_mappings")
            .paginate(PaginationConfig={"PageSize": _MAPPINGS_PAGE})
        )
        mappings = [each for page in pages for each in page.get("EventSourceMappings", ())]
    return tuple(
        (
            unqualified(str(each["FunctionArn"])),
            Binding(
                kind="event-source-mapping",
                qualifier=qualifier_of(str(each["FunctionArn"])),
                what=_event_source(each),
                identifier=str(each.get("UUID", "")),
                enabled=each.get("State") in _ENABLED,
            ),
        )
        for each in mappings
        if each.get("FunctionArn")
    )


def resolved_image(account: Account, version: PublishedVersion) -> ContainerImage:
    """The image of a container-image version, by digest: one request. Raises SourceError."""
    function, label = unqualified(version.arn), f"{version.function}:{version.version}"
    here = account.in_region(region_of(version.arn) or account.region)
    what = f"could not determine the image of {label}"
    with reading(what=what, action="lambda:GetFunction", resource=function):
        answer = here.client("lambda").get_function(
            FunctionName=function, Qualifier=version.version
        )
    uri = answer.get("Code", {}).get("ResolvedImageUri")
    if not uri:
        raise SourceError(
            what,
            why="AWS does not report which image the version was published with",
            do="Check that the image still exists in its repository, and publish a new version",
        )
    return _image(answer.get("Configuration", {}), str(uri))


def read_environment(account: Account, version: PublishedVersion) -> tuple[tuple[str, str], ...]:
    """Names and values of a version's environment variables, sorted: one request.

    Raises SourceError, also if Lambda cannot decrypt them.
    """
    function, label = unqualified(version.arn), f"{version.function}:{version.version}"
    here = account.in_region(region_of(version.arn) or account.region)
    what = f"the environment of {label} cannot be read"
    with reading(what=what, action="lambda:GetFunctionConfiguration", resource=function):
        answer = here.client("lambda").get_function_configuration(
            FunctionName=function, Qualifier=version.version
        )
    variables, error = _environment(answer)
    if error is not None:
        raise SourceError(
            what,
            why=f"Lambda could not decrypt it ({error})",
            do="Allow its use with "
            + statement("kms:Decrypt", answer.get("KMSKeyArn"))
            + ", or give the values in the configuration",
        )
    return variables


def now() -> str:
    """The present moment as all times are written, ``2026-01-31T12:00:00Z``."""
    return _written(datetime.now(UTC))


def _resource(function_name: str, region: str) -> str:
    """The resource in a policy: the ARN, with ``*`` for the account if it is not known."""
    if function_name.startswith("arn:"):
        return unqualified(function_name)
    return f"arn:{partition_of(region)}:lambda:{region}:*:function:{function_name}"


def _where(function_name: str, name: str, region: str) -> str:
    if function_name.startswith("arn:"):
        return f"{name} ({function_name})"
    own = name if function_name == name else f"{name} ({function_name})"
    return f"{own} in {region}"


# --- values ---------------------------------------------------------------------------------


def _version(described: dict[str, Any], *, name: str, fetch: bool) -> PublishedVersion:
    version = str(described["Version"])
    arn = f"{unqualified(str(described['FunctionArn']))}:{version}"
    variables, environment_error = _environment(described)
    return PublishedVersion(
        function=name,
        version=version,
        arn=arn,
        code=_code(described, arn),
        layers=tuple(
            RemotePackage(
                kind=PackageKind.LAYER,
                arn=str(layer["Arn"]),
                size_bytes=int(layer.get("CodeSize") or 0),
            )
            for layer in described.get("Layers") or ()
        ),
        configuration=_configuration(described, variables if fetch else ()),
        environment_names=tuple(key for key, _ in variables),
        environment_error=environment_error,
        role=str(described.get("Role") or ""),
        dead_letter_arn=(described.get("DeadLetterConfig") or {}).get("TargetArn") or None,
        kms_key_arn=described.get("KMSKeyArn") or None,
        modified=_time(str(described.get("LastModified") or "")),
        description=str(described.get("Description") or ""),
        state=str(described.get("State") or ""),
        snap_start=(described.get("SnapStart") or {}).get("ApplyOn") == "PublishedVersions",
    )


def _configuration(
    described: dict[str, Any], environment: tuple[tuple[str, str], ...]
) -> FunctionConfiguration:
    storage = described.get("EphemeralStorage") or {}
    return FunctionConfiguration(
        runtime=str(described.get("Runtime") or ""),
        handler=str(described.get("Handler") or ""),
        architecture=str((described.get("Architectures") or (DEFAULTS.architecture,))[0]),
        environment=environment,
        memory_mb=int(described.get("MemorySize") or DEFAULTS.memory_mb),
        timeout_s=float(described.get("Timeout") or DEFAULTS.timeout_s),
        ephemeral_storage_mb=int(storage.get("Size") or DEFAULTS.ephemeral_storage_mb),
    )


def _code(described: dict[str, Any], arn: str) -> RemotePackage | ContainerImage:
    if described.get("PackageType") == "Image":
        return _image(described, "")
    return RemotePackage(
        kind=PackageKind.CODE,
        arn=arn,
        size_bytes=int(described.get("CodeSize") or 0),
        sha256=hexadecimal(described.get("CodeSha256")),
    )


def _image(described: dict[str, Any], uri: str) -> ContainerImage:
    config = (described.get("ImageConfigResponse") or {}).get("ImageConfig") or {}
    return ContainerImage(
        uri=uri,
        entry_point=tuple(config.get("EntryPoint") or ()),
        command=tuple(config.get("Command") or ()),
        working_directory=config.get("WorkingDirectory") or None,
    )


def _environment(described: dict[str, Any]) -> tuple[tuple[tuple[str, str], ...], str | None]:
    environment = described.get("Environment") or {}
    error = environment.get("Error")
    said = None
    if error:
        parts = (str(error.get("ErrorCode") or ""), str(error.get("Message") or "").rstrip(". "))
        said = ": ".join(part for part in parts if part) or "the variables could not be decrypted"
    variables = environment.get("Variables") or {}
    return tuple(sorted((str(key), str(value)) for key, value in variables.items())), said


def _alias(described: dict[str, Any]) -> AliasFacts:
    version, seen = str(described["FunctionVersion"]), now()
    weights = (described.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}
    return AliasFacts(
        name=str(described["Name"]),
        version=version,
        weights=tuple(sorted((str(key), float(share)) for key, share in weights.items())),
        history=((seen, version),),
    )


def _event_source(mapping: dict[str, Any]) -> str:
    arn = mapping.get("EventSourceArn")
    if arn:
        return str(arn)
    topics = ", ".join(mapping.get("Topics") or ()) or "topics"
    return f"self-managed Kafka {topics}"


def hexadecimal(sha256: object) -> str | None:
    """Lambda's SHA-256 in base64 as hexadecimal; ``None`` for anything else."""
    try:
        digest = base64.b64decode(str(sha256 or ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return digest.hex() if len(digest) == 32 else None


def _time(said: str) -> str:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return said
    return _written(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _newest_first(version: PublishedVersion) -> tuple[int, int]:
    if not version.version.isdecimal():
        return (0, 0)
    return (1, -int(version.version))
