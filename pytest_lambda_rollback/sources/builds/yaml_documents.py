"""YAML as CloudFormation and SAM write it, read into dictionaries, lists and scalars.

Short forms such as ``!Ref`` become their full form, as in JSON. Nothing but plain values is ever
constructed, and aliases cannot make a small file large. Only this module imports PyYAML, and it
is imported when a YAML file is met. What a template means is not known here.
"""

from __future__ import annotations

from typing import Any

import yaml

_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_BARE = frozenset({"Ref", "Condition"})

EXPANDED_LIMIT = 500_000
"""Nodes of a document with every alias written out."""

DEPTH_LIMIT = 100
"""Lists and tables in one another; libyaml's composer crashes the process far above this."""


class UnreadableError(ValueError):
    """The mistake and its place; never with a part of the document in it."""


class _TemplateLoader(_Safe):  # type: ignore[misc]
    """PyYAML's safe loader with CloudFormation's tags; a date stays the text that it is."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML wants it so)
        first: [(tag, form) for tag, form in resolvers if tag != _TIMESTAMP]
        for first, resolvers in _Safe.yaml_implicit_resolvers.items()
    }


def _intrinsic(loader: Any, name: str, node: yaml.Node) -> dict[str, Any]:
    """``!GetAtt A.B`` as ``{"Fn::GetAtt": ["A", "B"]}``."""
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if name == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name if name in _BARE else f"Fn::{name}": value}


_TemplateLoader.add_multi_constructor("!", _intrinsic)


def load(text: str) -> Any:
    """The one document in the text. Raises UnreadableError."""
    try:
        _refuse_depth(text)
        loader = _TemplateLoader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _expanded(node, {}, set()) > EXPANDED_LIMIT:
                raise UnreadableError("its aliases repeat too much")
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        if "nesting depth" in (error.problem or ""):  # newer libyaml counts brackets itself
            raise UnreadableError("it is nested too deeply") from error
        mark = error.problem_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise UnreadableError(f"{error.problem or 'it is not YAML'}{where}") from error
    except yaml.YAMLError as error:
        raise UnreadableError("it has characters that YAML does not allow") from error
    except RecursionError as error:
        raise UnreadableError("it is nested too deeply") from error
    except UnreadableError:
        raise
    except (ValueError, OverflowError) as error:
        raise UnreadableError("it has a number that cannot be read") from error
    except (LookupError, AttributeError, TypeError) as error:
        # What PyYAML's constructors do with a tag such as !!bool on what is none.
        raise UnreadableError("it has a value that cannot be read") from error


def _refuse_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_TemplateLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_LIMIT:
            raise UnreadableError("it is nested too deeply")


def _expanded(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """How many nodes there are below and with this one, every alias written out."""
    if id(node) in above:
        raise UnreadableError("an alias contains itself")
    if id(node) in known:
        return known[id(node)]
    above.add(id(node))
    children: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        children = node.value
    elif isinstance(node, yaml.MappingNode):
        children = [each for pair in node.value for each in pair]
    known[id(node)] = 1 + sum(_expanded(child, known, above) for child in children)
    above.discard(id(node))
    return known[id(node)]
