"""Facts of AWS that could prevent a rollback, read for the versions of a run only.

Each fact costs requests of its own, and is optional: where a permission is missing, where AWS
does not support the request for such a function, or an emulator does not know it, the fact is
listed as unread and everything else goes on.
What a fact means for a rollback is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from botocore.exceptions import ClientError

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.failures import (
    RAISED,
    denied,
    invalid,
    missing,
    not_offered,
    not_shared,
    text_of,
    translated,
)
from pytest_lambda_rollback.aws.functions import now
from pytest_lambda_rollback.aws_lambda.names import account_of, qualifier_of, region_of
from pytest_lambda_rollback.model.published import (
    AliasFacts,
    Binding,
    LayerFacts,
    PlatformFacts,
    PublishedFunction,
    VersionFacts,
)
from pytest_lambda_rollback.model.versions import ContainerImage

_LATEST: Final = "$LATEST"
_GET_LAYER: Final = "lambda:GetLayerVersion"


def read_platform(
    account: Account,
    function: PublishedFunction,
    versions: tuple[str, ...],
    mappings: tuple[Binding, ...] = (),
) -> PlatformFacts:
    """The state today of the named versions and of what is bound to them.

    ``mappings`` are the function's event source mappings, which are read for the whole account
    at once (`functions.read_event_source_mappings`). Requests: three for the function, two or
    three for each version, one for each alias on one of them, one for each layer version. Raises
    SourceError where AWS cannot be asked at all; a refused request is in ``unread`` instead.
    """
    asked = _Asked(account, function)
    aliases = tuple(alias for alias in function.aliases if _points_at(alias, versions))
    modes = {version: asked.runtime_management(version) for version in versions}
    states = {version: asked.state(version) for version in versions}
    provisioned = asked.provisioned_concurrency()
    reserved = asked.reserved_concurrency()
    qualifiers = (
        None,
        *(version for version in versions if version != _LATEST),
        *(alias.name for alias in aliases),
    )
    bindings = [
        *mappings,
        *(binding for qualifier in qualifiers for binding in asked.permissions(qualifier)),
        *asked.urls(),
    ]
    layers = asked.layers(versions)
    return PlatformFacts(
        versions=tuple(
            VersionFacts(
                version=version,
                update_mode=modes[version][0],
                runtime_version_arn=modes[version][1],
                provisioned_concurrency=provisioned.get(version, 0),
                state=states[version],
            )
            for version in versions
        ),
        layers=layers,
        bindings=tuple(bindings),
        reserved_concurrency=reserved,
        unread=tuple(sorted(asked.unread)),
        as_of=now(),
    )


class _Asked:
    """The questions about one function, and the actions that were refused on the way.

    An action that was refused once is not tried again.
    """

    def __init__(self, account: Account, function: PublishedFunction) -> None:
        self._account = account.in_region(function.region)
        self._client = self._account.client("lambda")
        self._function = function
        self.unread: set[str] = set()

    def runtime_management(self, version: str) -> tuple[str | None, str | None]:
        """Update mode and runtime version of a version; an image has neither."""
        known = self._function.version(version)
        if known is not None and isinstance(known.code, ContainerImage):
            return None, None
        answer = self._ask(
            "lambda:GetRuntimeManagementConfig",
            lambda: self._client.get_runtime_management_config(
                FunctionName=self._function.arn, Qualifier=version
            ),
        )
        return answer.get("UpdateRuntimeOn"), answer.get("RuntimeVersionArn") or None

    def state(self, version: str) -> str:
        """The state of a version, which only its own description has."""
        answer = self._ask(
            "lambda:GetFunction",
            lambda: self._client.get_function(FunctionName=self._function.arn, Qualifier=version),
        )
        return str(answer.get("Configuration", {}).get("State") or "")

    def provisioned_concurrency(self) -> dict[str, int]:
        """Provisioned concurrency on versions themselves; on an alias it moves with the alias."""
        answer = self._ask(
            "lambda:ListProvisionedConcurrencyConfigs",
            lambda: self._all(
                "list_provisioned_concurrency_configs", "ProvisionedConcurrencyConfigs"
            ),
        )
        found: dict[str, int] = {}
        for each in answer.get("items", ()):
            version = qualifier_of(str(each.get("FunctionArn", "")))
            if version is not None and version.isdecimal():
                found[version] = int(each.get("RequestedProvisionedConcurrentExecutions") or 0)
        return found

    def reserved_concurrency(self) -> int | None:
        answer = self._ask(
            "lambda:GetFunctionConcurrency",
            lambda: self._client.get_function_concurrency(FunctionName=self._function.arn),
        )
        reserved = answer.get("ReservedConcurrentExecutions")
        return None if reserved is None else int(reserved)

    def permissions(self, qualifier: str | None) -> Iterator[Binding]:
        """Principals that its resource-based policy lets invoke this qualifier; often none."""
        named = {} if qualifier is None else {"Qualifier": qualifier}
        answer = self._ask(
            "lambda:GetPolicy",
            lambda: self._client.get_policy(FunctionName=self._function.arn, **named),
        )
        try:
            statements = json.loads(answer.get("Policy") or "{}").get("Statement", [])
        except (ValueError, AttributeError):
            statements = []
        for statement in statements if isinstance(statements, list) else [statements]:
            if statement.get("Effect") == "Allow":
                yield Binding(
                    kind="permission",
                    qualifier=qualifier,
                    what=_invoker(statement),
                    identifier=str(statement.get("Sid", "")),
                )

    def urls(self) -> tuple[Binding, ...]:
        answer = self._ask(
            "lambda:ListFunctionUrlConfigs",
            lambda: self._all("list_function_url_configs", "FunctionUrlConfigs"),
        )
        return tuple(
            Binding(
                kind="function-url",
                qualifier=qualifier_of(str(each.get("FunctionArn", ""))),
                what=str(each.get("FunctionUrl", "")),
                identifier=str(each.get("AuthType", "")),
            )
            for each in answer.get("items", ())
        )

    def layers(self, versions: tuple[str, ...]) -> tuple[LayerFacts, ...]:
        """The state of each layer version that one of the versions is bound to."""
        arns = {
            layer.arn: None
            for version in self._function.versions
            if version.version in versions
            for layer in version.layers
        }
        facts = (self._layer(arn) for arn in arns)
        return tuple(each for each in facts if each is not None)

    def _layer(self, arn: str) -> LayerFacts | None:
        if _GET_LAYER in self.unread:
            return None
        here = self._account.in_region(region_of(arn) or self._account.region)
        try:
            here.client("lambda").get_layer_version_by_arn(Arn=arn)
        except ClientError as error:
            if missing(error):
                return LayerFacts(arn=arn, state="deleted", detail=text_of(error))
            own = account_of(arn) == self._function.account
            if not own and not_shared(error):
                return LayerFacts(arn=arn, state="forbidden", detail=text_of(error))
            if denied(error) or not_offered(error):
                self.unread.add(_GET_LAYER)
                return None
            raise self._failure(error, _GET_LAYER, arn) from error
        except RAISED as error:
            raise self._failure(error, _GET_LAYER, arn) from error
        return LayerFacts(arn=arn)

    def _all(self, operation: str, key: str) -> dict[str, Any]:
        pages = self._client.get_paginator(operation).paginate(FunctionName=self._function.arn)
        return {"items": [each for page in pages for each in page.get(key, ())]}

    def _ask(self, action: str, request: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The answer; empty if there is nothing, or where the action is unread."""
        if action in self.unread:
            return {}
        try:
            return request()
        except ClientError as error:
            if missing(error):
                return {}
            if denied(error) or not_offered(error) or invalid(error):
                self.unread.add(action)
                return {}
            raise self._failure(error, action, self._function.arn) from error
        except RAISED as error:
            raise self._failure(error, action, self._function.arn) from error

    def _failure(self, error: Exception, action: str, resource: str) -> Exception:
        return translated(
            error,
            what=f"{self._function.name}: could not read its permissions, event sources and "
            "concurrency",
            action=action,
            resource=resource,
        )


def _points_at(alias: AliasFacts, versions: tuple[str, ...]) -> bool:
    return alias.version in versions or any(version in versions for version, _ in alias.weights)


def _invoker(statement: dict[str, Any]) -> str:
    """The principal of a policy statement, with the source that it is limited to."""
    principal = statement.get("Principal", "*")
    if isinstance(principal, dict):
        principal = next(iter(principal.values()), "*")
    if isinstance(principal, list):
        principal = ", ".join(str(each) for each in principal)
    conditions = statement.get("Condition")
    for condition in conditions.values() if isinstance(conditions, dict) else ():
        for key, value in condition.items() if isinstance(condition, dict) else ():
            if key.lower() == "aws:sourcearn":
                source = ", ".join(value) if isinstance(value, list) else value
                return f"{principal} for {source}"
    return str(principal)
