"""The Lambda functions that templates declare, and the one that a configuration means.

Evidence for the one that is meant is taken in a fixed order, and the first kind that finds
anything decides: the name in AWS, then a name of the configuration's, then what CloudFormation
makes of a logical id, then names that differ only in writing. A function of another name is never
meant, not even if it is the only one: others may have been renamed, removed or made by a loop.

SAM's Globals are merged here as SAM itself does it. What a property means to a build is decided
in `template_builds`; no file is read here.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-template-anatomy-globals.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pytest_lambda_rollback.aws_lambda.names import function_name_of
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.text import listed, nearest
from pytest_lambda_rollback.sources.builds.template_loops import FOR_EACH, loops_in
from pytest_lambda_rollback.sources.builds.template_stacks import Stack, Stacks, is_intrinsic, table
from pytest_lambda_rollback.sources.builds.templates import shown

LAMBDA = "AWS::Lambda::Function"
SAM = "AWS::Serverless::Function"

_REPLACED = frozenset({"Architectures"})
"""Lists of a function that replace those in Globals; all others go behind them."""

_CDK_ADDS = re.compile(
    r"Custom::.*|.*CustomResourceProvider.*|@aws-cdk--.*|framework-(onEvent|isComplete|onTimeout)"
    r"|CertificateRequestorFunction|(?!SingletonLambda)[A-Za-z]*[0-9a-f]{32}"
)
"""Ids of constructs whose functions serve CDK's own constructs."""

_CDK_ADDS_IDS = re.compile(
    r"(Custom.*CustomResourceProvider|CustomCDKBucketDeployment|.*framework(onEvent|isComplete"
    r"|onTimeout)|(?!SingletonLambda)[A-Za-z]*[0-9a-f]{32}).*"
)
"""The same by logical id, for assemblies without construct paths."""

_MACROS_THAT_KEEP = re.compile(
    r"AWS::(Serverless-.*|LanguageExtensions|CodeDeployBlueGreen|SecretsManager-.*)"
)
"""Transforms after which a function is what its resource says (SAM's are known here)."""

_SHOWN = 12
_TRUNCATED = 16
"""CloudFormation shortens a logical id in the name it makes, but hardly further than this."""

_GENERATED = re.compile(r".+-(?P<logical_id>[A-Za-z0-9]+)-[A-Za-z0-9]{12,13}")
_ENDINGS = re.compile(r"(?<=.)(function|lambda|handler|fn)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFunction:
    """One function of a template."""

    stack: Stack
    logical_id: str
    kind: str
    properties: Mapping[str, Any] = field(repr=False)
    """With SAM's Globals in it."""
    metadata: Mapping[str, Any] = field(repr=False)
    aws_name: str | None
    """The name in AWS, where the template writes it out."""
    macros: tuple[str, ...] = ()
    """Transforms by which a deployment may change any of its properties."""

    @property
    def construct(self) -> str | None:
        """CDK's path of the construct: ``Shop/Orders``."""
        return construct_of({"Metadata": self.metadata}) or None

    @property
    def name(self) -> str:
        """The one that tells it from all others of the build, in its owner's words."""
        return self.construct or f"{self.stack.prefix}{self.logical_id}"

    @property
    def origin(self) -> str:
        """``OrdersFunction in .aws-sam/build/template.yaml``."""
        return f"{self.construct or self.logical_id} in {shown(self.stack.path)}"

    @property
    def names(self) -> frozenset[str]:
        """All that it answers to."""
        known = {self.logical_id, f"{self.stack.prefix}{self.logical_id}"}
        known.update(ends(self.construct or ""))
        return frozenset(known | {self.aws_name or self.logical_id})

    @property
    def is_cdks_own(self) -> bool:
        """True for what CDK adds to serve its constructs, as the keeper of log retention."""
        if self.construct is None:
            return bool(self.stack.of_cdk and _CDK_ADDS_IDS.fullmatch(self.logical_id))
        return any(_CDK_ADDS.fullmatch(part) for part in self.construct.split("/"))


def construct_of(resource: Mapping[str, Any]) -> str:
    """CDK's path of a resource's construct; empty if its template does not tell."""
    path = table(resource.get("Metadata")).get("aws:cdk:path")
    return path.removesuffix("/Resource") if isinstance(path, str) else ""


def functions_of(stacks: Stacks) -> Iterator[TemplateFunction]:
    """All Lambda functions, in the order of the templates."""
    for stack in stacks.stacks:
        macros = macros_of(stack)
        for logical_id, resource in stack.resources():
            if resource["Type"] not in (LAMBDA, SAM):
                continue
            properties = table(resource.get("Properties"))
            own: tuple[str, ...] = ("Fn::Transform",) if "Fn::Transform" in properties else ()
            own += (FOR_EACH,) if loops_in(properties) else ()
            if resource["Type"] == SAM:
                shared = table(stack.section("Globals").get("Function"))
                properties = _merged(_unignored(shared, resource.get("IgnoreGlobals")), properties)
            yield TemplateFunction(
                stack=stack,
                logical_id=logical_id,
                kind=resource["Type"],
                properties=properties,
                metadata=table(resource.get("Metadata")),
                aws_name=stacks.text(properties.get("FunctionName"), stack),
                macros=(*macros, *own),
            )


def macros_of(stack: Stack) -> tuple[str, ...]:
    """The transforms whose result the template does not show."""
    said = stack.template.get("Transform")
    names = [
        str(table(each).get("Name", "Fn::Transform")) if isinstance(each, dict) else str(each)
        for each in (said if isinstance(said, list) else [said] if said else [])
    ]
    found = [name for name in names if not _MACROS_THAT_KEEP.fullmatch(name)]
    for section in (stack.template, stack.template["Resources"], stack.section("Globals")):
        if "Fn::Transform" in section:
            found.append("Fn::Transform")
    if "Fn::Transform" in table(stack.section("Globals").get("Function")):
        found.append("Fn::Transform")
    return tuple(dict.fromkeys(found))


def _loops_of_functions(stack: Stack) -> Iterator[str]:
    """The loops that are left in a stack's resources and make functions."""
    for key, said in stack.template["Resources"].items():
        if key in loops_in({key: None}) and _mentions(said, (LAMBDA, SAM)):
            yield str(key)


def _mentions(value: Any, types: tuple[str, ...]) -> bool:
    if isinstance(value, list):
        return any(_mentions(each, types) for each in value)
    if not isinstance(value, dict):
        return False
    return value.get("Type") in types or any(_mentions(each, types) for each in value.values())


def ends(path: str) -> Iterator[str]:
    """``Prod/Shop/Orders``, ``Shop/Orders`` and ``Orders``."""
    parts = path.split("/")
    yield from ("/".join(parts[index:]) for index in range(len(parts)) if path)


def _unignored(shared: Mapping[str, Any], ignored: Any) -> Mapping[str, Any]:
    if ignored == "*":
        return {}
    names = ignored if isinstance(ignored, list) else []
    return {key: value for key, value in shared.items() if key not in names}


def _merged(shared: Any, own: Any, key: str = "") -> Any:
    """The function's own value over the shared one: tables are merged, lists are joined."""
    if isinstance(shared, list) and isinstance(own, list) and key not in _REPLACED:
        return [*shared, *own]
    tables = isinstance(shared, dict) and isinstance(own, dict)
    if not tables or is_intrinsic(shared) or is_intrinsic(own):
        return own
    both = {name: _merged(shared[name], own[name], name) for name in shared if name in own}
    return {**shared, **own, **both}


# --- the one that is meant -------------------------------------------------------------------


def chosen(
    functions: Sequence[TemplateFunction],
    *,
    function: str,
    aws_name: str | None,
    path: Path,
    stacks: Sequence[Stack] = (),
) -> TemplateFunction:
    """The function that a configuration's name and a name or ARN in AWS mean.

    Raises ConfigError for none and for several.
    """
    name = function_name_of(aws_name or "")
    called = {function, name} - {""}
    rules: tuple[Callable[[TemplateFunction], bool], ...] = (
        lambda each: bool(name) and each.aws_name == name,
        lambda each: function in each.names,
        lambda each: _generated(name, each.logical_id),
        lambda each: not _plain(called).isdisjoint(_plain(_owners(each))),
    )
    for rule in rules:
        found = [each for each in functions if rule(each)]
        if len(found) == 1:
            return found[0]
        if found:
            raise _ambiguous(found, function, path)
    raise _unknown(functions, function, path, stacks)


def named(
    functions: Sequence[TemplateFunction], wanted: str, *, path: Path, stacks: Sequence[Stack] = ()
) -> TemplateFunction:
    """The function of that name, as it stands behind ``#``. Raises ConfigError."""
    found = [each for each in functions if each.name == wanted]
    found = found or [each for each in functions if wanted in each.names]
    if len(found) > 1:
        raise _ambiguous(found, wanted, path)
    if not found:
        raise _unknown(functions, wanted, path, stacks)
    return found[0]


def _owners(function: TemplateFunction) -> set[str]:
    """The names that people chose: of CDK's, not the logical id with its hash."""
    if function.construct is None:
        return set(function.names)
    return {*ends(function.construct), function.aws_name or function.construct}


def _plain(names: set[str]) -> set[str]:
    """``orders-api``, ``OrdersApi`` and ``OrdersApiFunction`` as one."""
    return {_ENDINGS.sub("", re.sub(r"[^a-z0-9]", "", name.casefold())) for name in names}


def _generated(aws_name: str, logical_id: str) -> bool:
    """True for ``stack-LogicalId-1A2B3C4D5E6F``, the name that CloudFormation gives by itself."""
    match = _GENERATED.fullmatch(aws_name)
    if match is None:
        return False
    part = match["logical_id"]
    return part == logical_id or (len(part) >= _TRUNCATED and logical_id.startswith(part))


def _ambiguous(found: Sequence[TemplateFunction], name: str, path: Path) -> ConfigError:
    first = found[0]
    alike = len({each.name for each in found}) < len(found)
    # Stacks of one construct for several places: only the file of its stack tells a function.
    by_file = alike and len({each.stack.path for each in found}) == len(found)
    return ConfigError(
        f'{shown(path)} has {len(found)} functions that "{name}" may mean',
        why=listed(f"{each.name} ({_place(each.stack)})" for each in found[:_SHOWN]),
        do=f"Name one, as in {shown(first.stack.path if by_file else path)}#{first.name}",
    )


def _place(stack: Stack) -> str:
    """The file of a stack, with its name and where it goes if a CDK assembly tells."""
    goes = "/".join(each for each in (stack.account, stack.region) if each)
    named = f"stack {stack.name}, " if stack.name else ""
    return f"{named}{goes}, {shown(stack.path)}" if goes and named else shown(stack.path)


def _unknown(
    functions: Sequence[TemplateFunction], name: str, path: Path, stacks: Sequence[Stack] = ()
) -> ConfigError:
    own = [each.name for each in functions if not each.is_cdks_own]
    there = own or [each.name for each in functions]
    macros = sorted({macro for each in functions for macro in macros_of(each.stack)})
    more = f", and the transform {listed(macros)} may add others" if macros else ""
    loops = sorted({loop for stack in stacks for loop in _loops_of_functions(stack)})
    if loops:
        more += (
            f", and {listed(loops)} may make others, of values that only a deployment knows: "
            "literal values are known"
        )
    if not there:
        return ConfigError(
            f"{shown(path)} has no Lambda function",
            why=f"no resource is an AWS::Lambda::Function or AWS::Serverless::Function{more}",
            do="Name the template, build or folder that has it",
        )
    short = {end: each for each in there for end in ends(each)}
    near = nearest(name, short)
    guess = f'Did you mean "{short[near]}"? ' if near else ""
    names = [*there[:_SHOWN], "others"] if len(there) > _SHOWN else there
    return ConfigError(
        f'{shown(path)} has no function "{name}"',
        why=f"it has {listed(names)}{more}",
        do=f"{guess}Name one, as in {shown(path)}#{short[near] if near else there[0]}",
    )
