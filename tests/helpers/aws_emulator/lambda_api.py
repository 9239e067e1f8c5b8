"""Lambda's control plane as its API reference describes it, on top of moto's Lambda backend.

moto keeps functions, versions, aliases, layers and their zips, and answers what is not named
here: aliases, layer publishing and listing, permissions, reserved concurrency, tags, invocation
settings, mappings' creation. Answered here instead, out of moto's backend, because moto lacks it
or answers otherwise than AWS:

* CreateFunction, UpdateFunctionCode, UpdateFunctionConfiguration, PublishVersion: a version is a
  snapshot of its own (moto shares the code's location and image between versions); numbers are
  never given twice; dead-letter, SnapStart, KMS, storage, tracing and image settings are kept;
  architectures change with the code; a role need not be made in IAM first; layers of other
  accounts may be attached.
* GetFunction, GetFunctionConfiguration: ``Code.Location`` can be downloaded and is fresh each
  time; the ARN ends in the qualifier that was asked for; images are resolved to a digest.
* ListVersionsByFunction, ListFunctions, ListAliases, ListEventSourceMappings: pages of 50 (100
  for mappings) however many were asked for; without the fields that a list leaves out; 404 for a
  function that is not there.
* GetLayerVersion, GetLayerVersionByArn: a location that can be downloaded; 404 for a deleted
  layer version; 403 for a layer of another account that is not (any more) shared.
* DeleteFunction with a version: refused while an alias points at it.
* GetPolicy: the statements of the qualifier that was asked for alone.
* Event source mappings keep the qualifier of the function that they invoke. Listed for a
  function, only those of just the qualifier that was asked for (none: the bare function) are
  given: AWS's reference leaves open whether a bare name stands for more.
* Runtime management, provisioned concurrency and function URLs: kept for each qualifier.

https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import threading
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.models import (
    LambdaBackend,
    LambdaFunction,
    LayerVersion,
    lambda_backends,
)
from moto.iam.models import iam_backends
from werkzeug.wrappers import Response

KEPT_SETTINGS = ("DeadLetterConfig", "SnapStart", "LoggingConfig", "FileSystemConfigs")
"""Settings of a function that moto drops."""
LEFT_OUT_OF_LISTS = (
    "State",
    "StateReason",
    "StateReasonCode",
    "LastUpdateStatus",
    "LastUpdateStatusReason",
    "LastUpdateStatusReasonCode",
    "RuntimeVersionConfig",
)
MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.oci.image.index.v1+json"
)


class LambdaFault(Exception):
    """An answer of Lambda's that is an error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to Lambda, parsed."""

    operation: str
    account: str
    region: str
    path: dict[str, str]
    """The parameters in the path, decoded."""
    query: dict[str, str]
    body: dict[str, Any]
    forward: Callable[[dict[str, Any] | None], Response]
    """Asks moto; with a body in place of the request's own where one is given."""
    mint: Callable[[bytes, str], str]
    """A fresh location of a zip, for the ARN that it belongs to."""

    @property
    def backend(self) -> LambdaBackend:
        """moto's backend of the account and region."""
        return lambda_backends[self.account][self.region]

    def arn(self, name: str, qualifier: str | None = None) -> str:
        """ARN of a function."""
        arn = f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"
        return f"{arn}:{qualifier}" if qualifier else arn


@dataclass
class ForeignLayer:
    """A layer version of another account."""

    data: bytes
    readable: bool = True


@dataclass
class LambdaApi:
    """Kept beside moto's backend, and written for one account at a time."""

    foreign_layers: dict[str, ForeignLayer] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    """Highest number ever given, by unqualified ARN: deletion doesn't lower it."""
    _runtime_management: dict[str, dict[str, Any]] = field(default_factory=dict)
    _provisioned: dict[str, dict[str, Any]] = field(default_factory=dict)
    _urls: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, call: Call) -> Response:
        """Lambda's answer."""
        handler = HANDLERS.get(call.operation)
        if handler is None:
            return call.forward(None)
        try:
            with self._lock:
                return handler(self, call)
        except LambdaFault as fault:
            return fault_response(fault.status, fault.code, fault.message)

    # Functions and versions

    def create_function(self, call: Call) -> Response:
        """CreateFunction."""
        body = dict(call.body)
        layers = self._layers(call, body.pop("Layers", []))
        publish = body.pop("Publish", False)
        _ensure_role(call.account, body["Role"])
        answered = call.forward(body)
        if answered.status_code != 201:
            return answered
        function = self._group(call, body["FunctionName"])["latest"]
        function.code = _without_zip(function.code)
        function.layers = layers
        function.last_modified = _now()
        self._keep(function, body)
        _resolve_image(function)
        if publish:
            function = self._publish(call, function.function_name)
        return _json(self._configuration(function), 201)

    def update_function_code(self, call: Call) -> Response:
        """UpdateFunctionCode."""
        function, _ = self._find(call)
        body = dict(call.body)
        publish = body.pop("Publish", False)
        function.code = dict(function.code)
        answered = call.forward(body)
        if answered.status_code != 200:
            return answered
        function.code = _without_zip(function.code)
        if body.get("Architectures"):
            function.architectures = body["Architectures"]
        function.last_modified = _now()
        _resolve_image(function)
        if publish:
            function = self._publish(call, function.function_name)
        return _json(self._configuration(function))

    def update_function_configuration(self, call: Call) -> Response:
        """UpdateFunctionConfiguration."""
        function, _ = self._find(call)
        body = dict(call.body)
        layers = body.pop("Layers", None)
        if "Environment" in body:
            body["Environment"] = {"Variables": {}} | body["Environment"]
        if layers is not None:
            function.layers = self._layers(call, layers)
        answered = call.forward(body)
        if answered.status_code != 200:
            return answered
        if "KMSKeyArn" in body:
            function.kms_key_arn = body["KMSKeyArn"] or None
        if "EphemeralStorage" in body:
            function.ephemeral_storage = body["EphemeralStorage"]["Size"]
        if "TracingConfig" in body:
            function.tracing_config = body["TracingConfig"]
        if "ImageConfig" in body:
            function.image_config = type(function.image_config)(body["ImageConfig"])
        self._keep(function, body)
        function.last_modified = _now()
        return _json(self._configuration(function))

    def publish_version(self, call: Call) -> Response:
        """PublishVersion."""
        function, _ = self._find(call)
        wanted = call.body.get("CodeSha256")
        if wanted and wanted != function.code_sha_256:
            raise LambdaFault(
                400,
                "InvalidParameterValueException",
                f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST "
                f"({function.code_sha_256}). Please try again with the CodeSHA256 in $LATEST.",
            )
        version = self._publish(call, function.function_name, call.body.get("Description", ""))
        return _json(self._configuration(version), 201)

    def get_function(self, call: Call) -> Response:
        """GetFunction."""
        function, arn = self._find(call)
        latest = self._group(call, function.function_name)["latest"] or function
        answer: dict[str, Any] = {"Configuration": self._configuration(function, arn)}
        if function.package_type == "Image":
            answer["Code"] = {
                "RepositoryType": "ECR",
                "ImageUri": function.code["ImageUri"],
                "ResolvedImageUri": function.code["ResolvedImageUri"],
            }
        else:
            held = f"{call.arn(function.function_name)}:{function.version}"
            location = call.mint(function.code_bytes, held)
            answer["Code"] = {"RepositoryType": "S3", "Location": location}
        if latest.tags:
            answer["Tags"] = latest.tags
        if latest.reserved_concurrency is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": latest.reserved_concurrency}
        return _json(answer)

    def get_function_configuration(self, call: Call) -> Response:
        """GetFunctionConfiguration."""
        function, arn = self._find(call)
        return _json(self._configuration(function, arn))

    def list_versions(self, call: Call) -> Response:
        """ListVersionsByFunction: ``$LATEST``, then oldest first."""
        name, _ = self._named(call)
        group = self._group(call, name)
        functions = [group["latest"], *group["versions"]]
        listed = [self._listed(call, each) for each in functions if each is not None]
        return _page(call, "Versions", listed, 50)

    def list_functions(self, call: Call) -> Response:
        """ListFunctions."""
        listed = []
        for group in call.backend._lambdas._functions.values():
            if call.query.get("FunctionVersion") == "ALL":
                functions = [group["latest"], *group["versions"]]
                listed += [self._listed(call, each) for each in functions if each is not None]
            elif group["latest"] is not None:
                listed.append(self._configuration(group["latest"]))
        listed = [_shortened(each) for each in listed]
        return _page(call, "Functions", listed, 50)

    def delete_function(self, call: Call) -> Response:
        """DeleteFunction, for the whole function or one version."""
        name, qualifier = self._named(call)
        function, _ = self._find(call)
        aliases = call.backend._lambdas._aliases[call.arn(name)]
        if qualifier is None:
            aliases.clear()
            for kept in (self._provisioned, self._urls, self._runtime_management):
                for arn in [each for each in kept if each.rpartition(":")[0] == call.arn(name)]:
                    del kept[arn]
            return call.forward(None)
        if not qualifier.isdigit():
            raise LambdaFault(
                400,
                "InvalidParameterValueException",
                "$LATEST version cannot be deleted without deleting the function."
                if qualifier == "$LATEST"
                else "Deletion of aliases is not currently supported.",
            )
        pointing = [
            each.arn
            for each in aliases.values()
            if qualifier in (each.function_version, *_weights(each))
        ]
        if pointing:
            raise LambdaFault(
                409,
                "ResourceConflictException",
                f"Version cannot be deleted because of the following aliases: {pointing}",
            )
        self._group(call, name)["versions"].remove(function)
        return Response(status=204)

    def list_aliases(self, call: Call) -> Response:
        """ListAliases."""
        name, _ = self._named(call)
        self._group(call, name)
        aliases = call.backend._lambdas._aliases[call.arn(name)]
        version = call.query.get("FunctionVersion")
        listed = [
            {key: value for key, value in alias.to_json().items() if value is not None}
            for _, alias in sorted(aliases.items())
            if version in (None, alias.function_version)
        ]
        return _page(call, "Aliases", listed, 50)

    # Layers

    def get_layer_version(self, call: Call) -> Response:
        """GetLayerVersion, by the layer's name or ARN and the number."""
        layer, number = call.path["LayerName"], call.path["VersionNumber"]
        if not layer.startswith("arn:"):
            layer = f"arn:aws:lambda:{call.region}:{call.account}:layer:{layer}"
        return self._layer_version(call, f"{layer}:{number}")

    def get_layer_version_by_arn(self, call: Call) -> Response:
        """GetLayerVersionByArn."""
        return self._layer_version(call, call.query["Arn"])

    def publish_layer_version(self, call: Call) -> Response:
        """PublishLayerVersion: moto's, with a location that can be downloaded."""
        answered = call.forward(None)
        if answered.status_code != 201:
            return answered
        return self._layer_version(call, json.loads(answered.get_data())["LayerVersionArn"], 201)

    def _layer_version(self, call: Call, arn: str, status: int = 200) -> Response:
        if arn.split(":")[4] != call.account:
            foreign = self.foreign_layers.get(arn)
            if foreign is None or not foreign.readable:
                raise LambdaFault(
                    403,
                    "AccessDeniedException",
                    f"User: arn:aws:iam::{call.account}:user/ci is not authorized to perform: "
                    f"lambda:GetLayerVersion on resource: {arn} because no resource-based policy "
                    "allows the lambda:GetLayerVersion action",
                )
            layer, _, version = arn.rpartition(":")
            answer: dict[str, Any] = {
                "LayerArn": layer,
                "LayerVersionArn": arn,
                "Version": int(version),
                "Content": _content(foreign.data),
            }
            data = foreign.data
        else:
            found = self._own_layer(call, arn)
            if found is None:
                raise LambdaFault(
                    404, "ResourceNotFoundException", f"Layer version {arn} does not exist."
                )
            answer, data = found.get_layer_version(), found.code_bytes
        answer["Content"]["Location"] = call.mint(data, arn)
        return _json(answer, status)

    def _own_layer(self, call: Call, arn: str) -> LayerVersion | None:
        if arn.split(":")[3] != call.region:
            return None
        return call.backend.layers_versions_by_arn(arn)

    def _layers(self, call: Call, arns: Sequence[str]) -> list[Any]:
        layers = []
        for arn in arns:
            own = self._own_layer(call, arn) if arn.split(":")[4] == call.account else None
            foreign = self.foreign_layers.get(arn)
            if own is not None:
                layers.append({"Arn": own.arn, "CodeSize": own.code_size})
            elif foreign is not None:
                layers.append({"Arn": arn, "CodeSize": len(foreign.data)})
            else:
                raise LambdaFault(
                    400,
                    "InvalidParameterValueException",
                    f"Layer version {arn} does not exist.",
                )
        return layers

    # What is bound to a qualifier

    def get_policy(self, call: Call) -> Response:
        """GetPolicy."""
        function, _ = self._find(call)
        name, qualifier = self._named(call)
        resource = call.arn(name, qualifier)
        owner = self._group(call, name)["latest"] or function
        kept = [each for each in owner.policy.statements if each.get("Resource") == resource]
        if not kept:
            raise LambdaFault(
                404, "ResourceNotFoundException", "The resource you requested does not exist."
            )
        policy = {"Version": "2012-10-17", "Id": "default", "Statement": kept}
        return _json({"Policy": json.dumps(policy), "RevisionId": owner.policy.revision})

    def create_event_source_mapping(self, call: Call) -> Response:
        """CreateEventSourceMapping: the function may be qualified."""
        name, qualifier = self._split(call, call.body["FunctionName"])
        self._find(call, name, qualifier)
        answered = call.forward(call.body | {"FunctionName": name})
        if answered.status_code != 201:
            return answered
        mapping = call.backend._event_source_mappings[json.loads(answered.get_data())["UUID"]]
        mapping.function_arn = call.arn(name, qualifier)
        return _json(mapping.get_configuration(), 202)

    def list_event_source_mappings(self, call: Call) -> Response:
        """ListEventSourceMappings."""
        source = call.query.get("EventSourceArn")
        wanted = call.query.get("FunctionName")
        listed = []
        for mapping in call.backend._event_source_mappings.values():
            held = mapping.get_configuration()
            if source not in (None, mapping.event_source_arn):
                continue
            if wanted is not None:
                name, qualifier = self._split(call, wanted)
                held_name, held_qualifier = self._split(call, held["FunctionArn"])
                if (held_name, held_qualifier) != (name, qualifier):
                    continue
            listed.append(held)
        return _page(call, "EventSourceMappings", listed, 100)

    def get_runtime_management(self, call: Call) -> Response:
        """GetRuntimeManagementConfig."""
        function, arn = self._find(call)
        arn = f"{call.arn(function.function_name)}:{function.version}"
        kept = self._runtime_management.get(arn, {"UpdateRuntimeOn": "Auto"})
        return _json(kept | {"FunctionArn": arn})

    def put_runtime_management(self, call: Call) -> Response:
        """PutRuntimeManagementConfig."""
        function, _ = self._find(call)
        arn = f"{call.arn(function.function_name)}:{function.version}"
        self._runtime_management[arn] = dict(call.body)
        return self.get_runtime_management(call)

    def put_provisioned_concurrency(self, call: Call) -> Response:
        """PutProvisionedConcurrencyConfig, for a version or an alias."""
        _, arn = self._find(call)
        count = call.body["ProvisionedConcurrentExecutions"]
        self._provisioned[arn] = {
            "RequestedProvisionedConcurrentExecutions": count,
            "AvailableProvisionedConcurrentExecutions": count,
            "AllocatedProvisionedConcurrentExecutions": count,
            "Status": "READY",
            "LastModified": _now(),
        }
        return _json(self._provisioned[arn], 202)

    def get_provisioned_concurrency(self, call: Call) -> Response:
        """GetProvisionedConcurrencyConfig."""
        _, arn = self._find(call)
        if arn not in self._provisioned:
            raise LambdaFault(
                404,
                "ProvisionedConcurrencyConfigNotFoundException",
                "No Provisioned Concurrency Config found for this function",
            )
        return _json(self._provisioned[arn])

    def list_provisioned_concurrency(self, call: Call) -> Response:
        """ListProvisionedConcurrencyConfigs."""
        return self._of_function(call, self._provisioned, "ProvisionedConcurrencyConfigs")

    def delete_provisioned_concurrency(self, call: Call) -> Response:
        """DeleteProvisionedConcurrencyConfig."""
        _, arn = self._find(call)
        self._provisioned.pop(arn, None)
        return Response(status=204)

    def create_url(self, call: Call) -> Response:
        """CreateFunctionUrlConfig, for the function or an alias."""
        _, arn = self._find(call)
        if arn in self._urls:
            raise LambdaFault(409, "ResourceConflictException", "Already exists: " + arn)
        host = hashlib.sha256(arn.encode()).hexdigest()[:32]
        self._urls[arn] = {
            "FunctionUrl": f"https://{host}.lambda-url.{call.region}.on.aws/",
            "AuthType": call.body.get("AuthType", "NONE"),
            "CreationTime": _now(),
            "LastModifiedTime": _now(),
            "InvokeMode": call.body.get("InvokeMode", "BUFFERED"),
        }
        return _json(self._urls[arn] | {"FunctionArn": arn}, 201)

    def get_url(self, call: Call) -> Response:
        """GetFunctionUrlConfig."""
        _, arn = self._find(call)
        if arn not in self._urls:
            raise LambdaFault(
                404, "ResourceNotFoundException", "The resource you requested does not exist."
            )
        return _json(self._urls[arn] | {"FunctionArn": arn})

    def list_urls(self, call: Call) -> Response:
        """ListFunctionUrlConfigs."""
        return self._of_function(call, self._urls, "FunctionUrlConfigs")

    def delete_url(self, call: Call) -> Response:
        """DeleteFunctionUrlConfig."""
        _, arn = self._find(call)
        self._urls.pop(arn, None)
        return Response(status=204)

    def _of_function(self, call: Call, kept: dict[str, dict[str, Any]], key: str) -> Response:
        name, _ = self._named(call)
        self._group(call, name)
        base = call.arn(name)
        listed = [
            value | {"FunctionArn": arn}
            for arn, value in sorted(kept.items())
            if arn == base or arn.startswith(base + ":")
        ]
        return _page(call, key, listed, 50)

    # Parts

    def _split(self, call: Call, text: str) -> tuple[str, str | None]:
        """Name and qualifier of any form in which a function may be named."""
        parts = text.split(":")
        if text.startswith("arn:"):
            if parts[3] != call.region:
                raise LambdaFault(
                    404,
                    "ResourceNotFoundException",
                    f"Functions from '{parts[3]}' are not reachable in this region "
                    f"('{call.region}')",
                )
            if parts[4] != call.account:
                raise LambdaFault(
                    403,
                    "AccessDeniedException",
                    f"User: arn:aws:iam::{call.account}:user/ci is not authorized to perform: "
                    f"lambda:{call.operation} on resource: {text} because no resource-based "
                    f"policy allows the lambda:{call.operation} action",
                )
            parts = parts[6:]
        elif len(parts) > 2 and parts[1] == "function":
            parts = parts[2:]
        return parts[0], parts[1] if len(parts) > 1 else None

    def _named(self, call: Call) -> tuple[str, str | None]:
        name, qualifier = self._split(call, call.path["FunctionName"])
        return name, call.query.get("Qualifier", qualifier)

    def _group(self, call: Call, name: str, qualifier: str | None = None) -> Any:
        name, _ = self._split(call, name)
        group = call.backend._lambdas._functions.get(name)
        if group is None:
            raise _not_found(call.arn(name, qualifier))
        return group

    def _find(
        self, call: Call, name: str | None = None, qualifier: str | None = None
    ) -> tuple[LambdaFunction, str]:
        """The function as of a qualifier, and the ARN in the caller's words."""
        if name is None:
            name, qualifier = self._named(call)
        group = self._group(call, name, qualifier)
        arn = call.arn(name, qualifier)
        version = qualifier
        if qualifier is not None and qualifier != "$LATEST" and not qualifier.isdigit():
            alias = call.backend._lambdas._aliases[call.arn(name)].get(qualifier)
            version = alias.function_version if alias is not None else qualifier
        if version in (None, "$LATEST"):
            return group["latest"], arn
        for each in group["versions"]:
            if str(each.version) == version:
                return each, arn
        raise _not_found(arn)

    def _publish(self, call: Call, name: str, description: str = "") -> LambdaFunction:
        group = self._group(call, name)
        latest, known = group["latest"], len(group["versions"])
        version = call.backend.publish_version(name, description)
        assert version is not None
        latest.code_or_config_updated = False
        if len(group["versions"]) == known:
            return version
        version.code = dict(latest.code)
        base = call.arn(name)
        number = self.published.get(base, 0) + 1
        self.published[base] = number
        version.set_version(number)
        version.last_modified = _now()
        for each in group["versions"]:
            call.backend._lambdas._arns[each.function_arn] = each
        return version

    def _keep(self, function: LambdaFunction, body: dict[str, Any]) -> None:
        kept = dict(getattr(function, "kept_settings", {}))
        for name in KEPT_SETTINGS:
            if name in body:
                kept[name] = body[name]
        vars(function)["kept_settings"] = kept

    def _listed(self, call: Call, function: LambdaFunction) -> dict[str, Any]:
        arn = f"{call.arn(function.function_name)}:{function.version}"
        return _shortened(self._configuration(function, arn))

    def _configuration(self, function: LambdaFunction, arn: str | None = None) -> dict[str, Any]:
        document = function.get_configuration() | copy.deepcopy(
            getattr(function, "kept_settings", {})
        )
        published = function.version != "$LATEST"
        snap_start = document["SnapStart"].get("ApplyOn", "None")
        optimised = published and snap_start == "PublishedVersions"
        document["SnapStart"] = {
            "ApplyOn": snap_start,
            "OptimizationStatus": "On" if optimised else "Off",
        }
        if arn is not None:
            document["FunctionArn"] = arn
        if not (document.get("DeadLetterConfig") or {}).get("TargetArn"):
            document.pop("DeadLetterConfig", None)
        if not document.get("Layers"):
            document.pop("Layers", None)
        if document["PackageType"] == "Image":
            for name in ("Runtime", "Handler", "Layers"):
                document.pop(name, None)
            image = {key: value for key, value in _image_config(document).items() if value}
            document.pop("ImageConfigResponse")
            if image:
                document["ImageConfigResponse"] = {"ImageConfig": image}
        else:
            runtime = hashlib.sha256(str(document["Runtime"]).encode()).hexdigest()
            document["RuntimeVersionConfig"] = {
                "RuntimeVersionArn": f"arn:aws:lambda:{function.region}::runtime:{runtime}"
            }
        digest = json.dumps(document, sort_keys=True, default=str).encode()
        document["RevisionId"] = str(uuid.UUID(bytes=hashlib.sha256(digest).digest()[:16]))
        return {key: value for key, value in document.items() if value is not None}


HANDLERS: dict[str, Callable[[LambdaApi, Call], Response]] = {
    "CreateFunction": LambdaApi.create_function,
    "UpdateFunctionCode": LambdaApi.update_function_code,
    "UpdateFunctionConfiguration": LambdaApi.update_function_configuration,
    "PublishVersion": LambdaApi.publish_version,
    "GetFunction": LambdaApi.get_function,
    "GetFunctionConfiguration": LambdaApi.get_function_configuration,
    "ListVersionsByFunction": LambdaApi.list_versions,
    "ListFunctions": LambdaApi.list_functions,
    "DeleteFunction": LambdaApi.delete_function,
    "ListAliases": LambdaApi.list_aliases,
    "GetLayerVersion": LambdaApi.get_layer_version,
    "GetLayerVersionByArn": LambdaApi.get_layer_version_by_arn,
    "PublishLayerVersion": LambdaApi.publish_layer_version,
    "GetPolicy": LambdaApi.get_policy,
    "CreateEventSourceMapping": LambdaApi.create_event_source_mapping,
    "ListEventSourceMappings": LambdaApi.list_event_source_mappings,
    "GetRuntimeManagementConfig": LambdaApi.get_runtime_management,
    "PutRuntimeManagementConfig": LambdaApi.put_runtime_management,
    "PutProvisionedConcurrencyConfig": LambdaApi.put_provisioned_concurrency,
    "GetProvisionedConcurrencyConfig": LambdaApi.get_provisioned_concurrency,
    "ListProvisionedConcurrencyConfigs": LambdaApi.list_provisioned_concurrency,
    "DeleteProvisionedConcurrencyConfig": LambdaApi.delete_provisioned_concurrency,
    "CreateFunctionUrlConfig": LambdaApi.create_url,
    "GetFunctionUrlConfig": LambdaApi.get_url,
    "ListFunctionUrlConfigs": LambdaApi.list_urls,
    "DeleteFunctionUrlConfig": LambdaApi.delete_url,
}


def fault_response(status: int, code: str, message: str) -> Response:
    """An error as Lambda words it."""
    answered = _json({"Type": "User", "message": message, "Message": message}, status)
    answered.headers["x-amzn-errortype"] = code
    return answered


def _not_found(arn: str) -> LambdaFault:
    return LambdaFault(404, "ResourceNotFoundException", f"Function not found: {arn}")


def _json(document: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(document, default=str), status, mimetype="application/json")


def _page(call: Call, key: str, listed: Sequence[dict[str, Any]], most: int) -> Response:
    start = int(base64.urlsafe_b64decode(call.query.get("Marker", "MA==")))
    end = start + min(most, int(call.query.get("MaxItems", most)))
    answer: dict[str, Any] = {key: list(listed[start:end])}
    if end < len(listed):
        answer["NextMarker"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return _json(answer)


def _shortened(configuration: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in configuration.items() if key not in LEFT_OUT_OF_LISTS}


def _content(data: bytes) -> dict[str, Any]:
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    return {"CodeSha256": digest, "CodeSize": len(data)}


def _weights(alias: Any) -> tuple[str, ...]:
    return tuple((alias.routing_config or {}).get("AdditionalVersionWeights") or {})


def _image_config(document: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = document["ImageConfigResponse"]["ImageConfig"]
    return config


def _without_zip(code: dict[str, Any]) -> dict[str, Any]:
    """moto keeps the Base64 text of the zip too, which nothing reads."""
    return {key: value for key, value in code.items() if key != "ZipFile"}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _ensure_role(account: str, arn: str) -> None:
    backend = iam_backends[account]["aws"]
    name = arn.rpartition("/")[2]
    if arn.split(":")[4:5] == [account] and name not in {each.name for each in backend.get_roles()}:
        backend.create_role(name, "{}", "/", None, "", [], "3600")


def _resolve_image(function: LambdaFunction) -> None:
    """The digest is what the registry says where it is on this machine, else made up."""
    uri = function.code.get("ImageUri")
    if not uri:
        return
    repository, at, digest = uri.partition("@")
    if not at:
        head, slash, last = uri.rpartition("/")
        last, _, tag = last.partition(":")
        repository = head + slash + last
        digest = "sha256:" + hashlib.sha256(uri.encode()).hexdigest()
        host, _, path = repository.partition("/")
        if host.partition(":")[0] in ("localhost", "127.0.0.1"):
            asked = urllib.request.Request(
                f"http://{host}/v2/{path}/manifests/{tag or 'latest'}",
                method="HEAD",
                headers={"Accept": MANIFESTS},
            )
            with urllib.request.urlopen(asked, timeout=10) as answered:
                digest = answered.headers["Docker-Content-Digest"]
    function.code["ResolvedImageUri"] = f"{repository}@{digest}"
    function.code_sha_256 = digest.removeprefix("sha256:")
