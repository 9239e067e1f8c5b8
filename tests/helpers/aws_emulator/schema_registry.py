"""EventBridge's schema registry, which moto does not have: as much as test events need.

https://docs.aws.amazon.com/eventbridge/latest/schema-reference/what-is-eventbridge-schemas.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Response


@dataclass
class SchemaRegistry:
    """CreateRegistry, CreateSchema, UpdateSchema and DescribeSchema."""

    _registries: set[str] = field(default_factory=set)
    _schemas: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def answer(self, operation: str, path: dict[str, str], body: dict[str, Any]) -> Response | None:
        """The service's answer; ``None`` for an operation that it lacks."""
        registry, schema = path.get("registryName", ""), path.get("schemaName", "")
        if operation == "CreateRegistry":
            self._registries.add(registry)
            return _json({"RegistryName": registry}, 201)
        if operation not in ("CreateSchema", "UpdateSchema", "DescribeSchema"):
            return None
        if registry not in self._registries:
            return _missing(f"Registry with name {registry} does not exist.")
        held = self._schemas.get((registry, schema))
        if held is None and operation != "CreateSchema":
            return _missing(f"Schema with name {schema} does not exist.")
        if operation != "DescribeSchema":
            version = int(held["SchemaVersion"]) + 1 if held else 1
            held = {"Type": "OpenApi3"} | (held or {}) | body
            held |= {"SchemaName": schema, "SchemaVersion": str(version)}
            self._schemas[registry, schema] = held
        return _json(held or {}, 201 if operation == "CreateSchema" else 200)


def _missing(message: str) -> Response:
    answered = _json({"Code": "NotFoundException", "Message": message}, 404)
    answered.headers["x-amzn-errortype"] = "NotFoundException"
    return answered


def _json(document: dict[str, Any], status: int) -> Response:
    return Response(json.dumps(document), status, mimetype="application/json")
