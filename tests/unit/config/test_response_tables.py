"""The ``response`` table and the JSON Schema that it names."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from pytest_lambda_rollback.config.response_tables import response_of
from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.settings import Matcher, ResponseRule

ORDER = {"type": "object", "properties": {"id": {"$ref": "#/$defs/id"}}, "$defs": {"id": True}}


def rule(text: str, base: Path) -> ResponseRule:
    values = tomllib.loads(f"response = {text}" if text else "")
    return response_of(
        Table(file="rollback.toml", key=("functions", "orders"), values=values), base
    )


def refusal(text: str, base: Path) -> str:
    with pytest.raises(ConfigError) as refused:
        rule(text, base)
    return str(refused.value)


def test_the_default_compares_shapes(tmp_path: Path) -> None:
    assert rule("", tmp_path) == ResponseRule(mode="shape")


def test_matchers(tmp_path: Path) -> None:
    matchers = (
        '"/body/order_id" = "uuid", "/body/created" = "timestamp", '
        '"/items/*/total" = { tolerance = 0.01 }, "/body/code" = { regex = "^A[0-9]+$" }'
    )
    assert rule(f'{{ mode = "exact", matchers = {{ {matchers} }} }}', tmp_path) == ResponseRule(
        mode="exact",
        matchers=(
            Matcher(pointer="/body/order_id", kind="uuid"),
            Matcher(pointer="/body/created", kind="timestamp"),
            Matcher(pointer="/items/*/total", kind="tolerance", tolerance=0.01),
            Matcher(pointer="/body/code", kind="regex", pattern="^A[0-9]+$"),
        ),
    )


@pytest.mark.parametrize("value", ["nan", "inf", "-0.5", "true", '"1"'])
def test_a_tolerance_is_a_distance(tmp_path: Path, value: str) -> None:
    text = refusal(f'{{ matchers = {{ "/a" = {{ tolerance = {value} }} }} }}', tmp_path)
    assert text.startswith('rollback.toml: functions.orders.response.matchers."/a".tolerance is ')
    assert text.endswith("expected a number of at least 0.")


def test_a_schema_is_read_when_the_configuration_is(tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "order.json").write_text(json.dumps(ORDER), encoding="utf-8-sig")
    found = rule(
        '{ mode = "schema", schema = "schemas/order.json", schema_at = "/body" }', tmp_path
    )
    assert json.loads(str(found.schema)) == ORDER
    assert (found.mode, found.schema_name, found.schema_at) == (
        "schema",
        "schemas/order.json",
        "/body",
    )


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("{", "which is not JSON: Expecting property name"),
        (b"\xff", "which is not JSON: 'utf-8' codec"),
        ('{"type": "objct"}', "which is not a valid JSON Schema: at /type: 'objct' is not valid"),
        ("[]", "which is not a valid JSON Schema: at the top level: [] is not of type"),
        ('{"$schema": "http://example.com/mine"}', "whose $schema is a string"),
        (
            '{"$ref": "https://example.com/order.json"}',
            'which refers to "https://example.com/order.json": a schema may refer only to '
            "itself, since nothing is read from the network or another file. Copy that",
        ),
        ('{"properties": {"a": {"items": {"$ref": "id.json"}}}}', 'which refers to "id.json"'),
        (
            '{"allOf": [{"$ref": "#/$defs/id"}], "$defs": {}}',
            'which refers to "#/$defs/id": the schema has nothing at that place',
        ),
    ],
)
def test_a_schema_that_cannot_be_judged_by_is_refused(
    tmp_path: Path, schema: str | bytes, message: str
) -> None:
    (tmp_path / "order.json").write_bytes(schema if isinstance(schema, bytes) else schema.encode())
    text = refusal('{ mode = "schema", schema = "order.json" }', tmp_path)
    assert text.startswith('rollback.toml: functions.orders.response.schema names "order.json", ')
    assert message in text


@pytest.mark.parametrize(
    "schema",
    [
        True,
        {"properties": {"$ref": {"type": "string"}}},
        {"const": {"$ref": "https://example.com"}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a",
         "definitions": {"a": {}}},
        {"$defs": {"a/b c": {}}, "$ref": "#/$defs/a~1b%20c"},
        {"items": [{"$ref": "#/items/1"}, {"$ref": "#"}], "$schema": "http://json-schema.org/draft-07/schema#"},
    ],
)  # fmt: skip
def test_schemas_that_are_whole_in_themselves(tmp_path: Path, schema: object) -> None:
    (tmp_path / "order.json").write_text(json.dumps(schema))
    assert rule('{ mode = "schema", schema = "order.json" }', tmp_path).mode == "schema"


def test_a_schema_place_is_a_pointer(tmp_path: Path) -> None:
    (tmp_path / "order.json").write_text("{}")
    text = refusal('{ mode = "schema", schema = "order.json", schema_at = "body" }', tmp_path)
    assert "response.schema_at is" in text
    assert "expected a JSON Pointer" in text
