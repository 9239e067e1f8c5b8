"""Values of a CloudFormation template with its intrinsic functions worked out.

What a resource's references give is asked for; nothing is created or read here.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}")
_DEPTH: Final = 50

Attributes = Callable[[str], Mapping[str, str]]
"""What ``Ref`` and ``Fn::GetAtt`` give of a resource, by its logical id. Raises UntoldError."""


class UntoldError(Exception):
    """A value that a template does not tell; the text says why, as a clause."""


class Values:
    """The values of one template in one account and region."""

    def __init__(
        self,
        *,
        parameters: Mapping[str, str],
        rest: Mapping[str, Any],
        pseudo: Mapping[str, str],
        attributes: Attributes,
    ) -> None:
        self._parameters = parameters
        self._mappings = _table(rest.get("Mappings"))
        self._conditions = _table(rest.get("Conditions"))
        self._pseudo = pseudo
        """``AWS::Region`` and the other pseudo parameters."""
        self._attributes = attributes

    def value(self, value: Any, depth: int = 0) -> Any:
        """A value without intrinsic functions; ``None`` for ``AWS::NoValue``.

        Raises UntoldError.
        """
        if depth > _DEPTH:
            raise UntoldError("its references do not end")
        if isinstance(value, list):
            return [self.value(each, depth + 1) for each in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._function(name, argument, depth + 1)
        known = {key: self.value(each, depth + 1) for key, each in value.items()}
        return {key: each for key, each in known.items() if each is not None}

    def holds(self, name: str, depth: int = 0) -> bool:
        """Whether a condition of the template is true. Raises UntoldError."""
        if depth > _DEPTH or name not in self._conditions:
            raise UntoldError(f"condition {name} is not known")
        return self._true(self._conditions[name], depth + 1)

    def _true(self, condition: Any, depth: int) -> bool:
        match condition:
            case {"Condition": str(name)}:
                return self.holds(name, depth + 1)
            case {"Fn::Equals": [one, other]}:
                return str(self.value(one, depth)) == str(self.value(other, depth))
            case {"Fn::Not": [inner]}:
                return not self._true(inner, depth + 1)
            case {"Fn::And": list(inner)}:
                return all(self._true(each, depth + 1) for each in inner)
            case {"Fn::Or": list(inner)}:
                return any(self._true(each, depth + 1) for each in inner)
        raise UntoldError("a condition is of a kind that is not known")

    def _function(self, name: str, argument: Any, depth: int) -> Any:
        match name, argument:
            case "Ref", str(reference):
                return self._reference(reference)
            case "Fn::GetAtt", [str(logical_id), str(attribute)]:
                return self._attribute(logical_id, attribute)
            case "Fn::GetAtt", str(text) if "." in text:
                return self._attribute(*text.split(".", 1))
            case "Fn::Sub", str(text):
                return self._substituted(text, {}, depth)
            case "Fn::Sub", [str(text), dict(own)]:
                return self._substituted(text, own, depth)
            case "Fn::Join", [str(separator), items]:
                return separator.join(str(each) for each in self._items(items, depth))
            case "Fn::Split", [str(separator), text]:
                return str(self.value(text, depth)).split(separator)
            case "Fn::Select", [index, items]:
                return self._selected(self.value(index, depth), self._items(items, depth))
            case "Fn::If", [str(condition), then, otherwise]:
                return self.value(then if self.holds(condition) else otherwise, depth)
            case "Fn::FindInMap", [*keys] if len(keys) in (3, 4):
                return self._mapped(keys, depth)
            case "Fn::Base64", text:
                return base64.b64encode(str(self.value(text, depth)).encode()).decode()
            case "Fn::ToJsonString", inner:
                return json.dumps(self.value(inner, depth))
        raise UntoldError(f"{name} is not worked out here")

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return None
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        return self._attributes(name)["Ref"]

    def _attribute(self, logical_id: str, name: str) -> str:
        attributes = self._attributes(logical_id)
        if name not in attributes:
            raise UntoldError(f"{logical_id}.{name} is not known")
        return attributes[name]

    def _substituted(self, text: str, own: Mapping[str, Any], depth: int) -> str:
        def put(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in own:
                return str(self.value(own[name], depth))
            if "." in name:
                return self._attribute(*name.split(".", 1))
            return str(self._reference(name))

        return _PLACEHOLDER.sub(put, text)

    def _items(self, value: Any, depth: int) -> list[Any]:
        known = self.value(value, depth)
        if isinstance(known, str):  # a parameter that is a list
            return [each.strip() for each in known.split(",")]
        return [each for each in known if each is not None] if isinstance(known, list) else []

    def _selected(self, index: Any, items: list[Any]) -> Any:
        try:
            return items[int(index)]
        except (ValueError, TypeError, IndexError) as error:
            raise UntoldError(f"Fn::Select has no item {index}") from error

    def _mapped(self, keys: list[Any], depth: int) -> Any:
        found: Any = self._mappings
        for key in keys[:3]:
            found = _table(found).get(str(self.value(key, depth)))
        if found is None and len(keys) == 4:
            found = self.value(_table(keys[3]).get("DefaultValue"), depth)
        if found is None:
            raise UntoldError("a mapping does not have its key")
        return found


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
