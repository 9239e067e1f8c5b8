"""Functions found in an account: by the beginning of their names, by tags, by a stack.

No request is made for a single function: `functions` reads those that were found.
"""

from __future__ import annotations

from typing import Any, Final

from pytest_lambda_rollback.aws.clients import Account
from pytest_lambda_rollback.aws.failures import reading
from pytest_lambda_rollback.aws_lambda.names import function_name_of, partition_of
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.published import Discovery

_FUNCTIONS_PAGE: Final = 50
_RESOURCES_PAGE: Final = 100
_FUNCTION: Final = "AWS::Lambda::Function"
_STACK: Final = "AWS::CloudFormation::Stack"


def discover(account: Account, discovery: Discovery) -> tuple[str, ...]:
    """Names of the functions for which every condition of ``discovery`` holds, sorted.

    Empty if there is none, which the caller must not treat as success. Raises SourceError,
    and ConfigError if the entry selects no functions.
    """
    found: list[set[str]] = []
    if discovery.tags:
        found.append(_tagged(account, discovery))
    if discovery.stack is not None:
        found.append(_in_stack(account, discovery, discovery.stack))
    if not found and discovery.prefix is not None:
        found.append(_all(account, discovery))
    if not found:
        raise ConfigError(
            f"{discovery.name} does not select any functions",
            why="it has neither prefix nor tags nor stack",
            do='Give at least one, as prefix = "orders-"',
        )
    names = set.intersection(*found)
    return tuple(sorted(name for name in names if name.startswith(discovery.prefix or "")))


def _all(account: Account, discovery: Discovery) -> set[str]:
    with reading(what=_what(account, discovery), action="lambda:ListFunctions"):
        pages = (
            account.client("lambda")
            .get_paginator("list_functions")
            .paginate(PaginationConfig={"PageSize": _FUNCTIONS_PAGE})
        )
        return {str(each["FunctionName"]) for page in pages for each in page.get("Functions", ())}


def _tagged(account: Account, discovery: Discovery) -> set[str]:
    """Functions that have every tag, as the service itself combines filters of several keys."""
    wanted: dict[str, list[str]] = {}
    for key, value in discovery.tags:
        wanted.setdefault(key, []).extend([value] if value else [])
    filters = [
        {"Key": key, **({"Values": values} if values else {})} for key, values in wanted.items()
    ]
    with reading(what=_what(account, discovery), action="tag:GetResources"):
        pages = (
            account.client("resourcegroupstaggingapi")
            .get_paginator("get_resources")
            .paginate(
                TagFilters=filters,
                ResourceTypeFilters=["lambda:function"],
                PaginationConfig={"PageSize": _RESOURCES_PAGE},
            )
        )
        arns = [
            str(each["ResourceARN"])
            for page in pages
            for each in page.get("ResourceTagMappingList", ())
        ]
    return {function_name_of(arn) for arn in arns}


def _in_stack(account: Account, discovery: Discovery, stack: str) -> set[str]:
    """Functions of a stack and of the stacks nested in it."""
    client = account.client("cloudformation")
    names: set[str] = set()
    waiting, seen = [stack], {stack}
    while waiting:
        each = waiting.pop()
        with reading(
            what=_what(account, discovery),
            action="cloudformation:ListStackResources",
            resource=_stack_arn(account, each),
        ):
            resources = _resources(client, each)
        for resource in resources:
            physical = str(resource.get("PhysicalResourceId") or "")
            if not physical or resource.get("ResourceStatus") == "DELETE_COMPLETE":
                continue
            if resource.get("ResourceType") == _FUNCTION:
                names.add(function_name_of(physical))
            elif resource.get("ResourceType") == _STACK and physical not in seen:
                seen.add(physical)
                waiting.append(physical)
    return names


def _resources(client: Any, stack: str) -> list[dict[str, Any]]:
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [each for page in pages for each in page.get("StackResourceSummaries", ())]


def _stack_arn(account: Account, stack: str) -> str:
    if stack.startswith("arn:"):
        return stack
    partition = partition_of(account.region)
    return f"arn:{partition}:cloudformation:{account.region}:*:stack/{stack}/*"


def _what(account: Account, discovery: Discovery) -> str:
    return f"{discovery.name}: could not find the functions in {account.region}"
