"""OpenAPI documents of hosts, and requests that they do not allow.

Versions 3.0 and 3.1, JSON or YAML, in one file: https://spec.openapis.org/oas/v3.1.1. Path,
method, query and path parameters and bodies of JSON and forms are judged; headers and cookies are
not, because requests come without them. `jsonschema` and `yaml` are imported when they are needed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pytest_lambda_rollback.contracts.downstream.openapi_schemas import Schemas, part, token
from pytest_lambda_rollback.errors import ConfigError
from pytest_lambda_rollback.model.findings import Details
from pytest_lambda_rollback.model.json_values import Json, one_line, parse

_MOST_BYTES = 16 * 1024 * 1024
_MOST_SERVERS = 32
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_NO_REFERENCES = frozenset(("example", "examples", "default", "enum", "const"))
"""Keys below which ``$ref`` is a value."""
_NOT_JUDGED = frozenset(("$bytes", "$large", "$size"))
"""Keys of what stands for a body of bytes, or one that is too large to be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApiIssue:
    """One way in which the document does not allow a request."""

    kind: str
    """``openapi-path``, ``openapi-method``, ``openapi-parameter`` or ``openapi-body``."""
    at: str = ""
    """The parameter, or a JSON Pointer into the body."""
    keyword: str = ""
    """The keyword of the schema; ``missing`` for what is not sent at all."""
    details: Details = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """One operation, and what a request says at the parameters of its path."""

    value: Mapping[str, Any]
    at: str
    """JSON Pointer to it."""
    item: Mapping[str, Any]
    item_at: str
    in_path: Mapping[str, str]


class Document:
    """An OpenAPI document. Safe for several threads."""

    def __init__(self, content: Mapping[str, Any], *, name: str = "the OpenAPI document") -> None:
        """``name`` is the file as messages have it. Raises ConfigError for what is none."""
        self.name = name
        version = content.get("openapi")
        if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
            found = f"it is of version {version or content.get('swagger') or 'unknown'}"
            raise self._error(found, "Give a document of OpenAPI 3.0 or 3.1")
        if not isinstance(content.get("paths", {}), Mapping):
            raise self._error("its paths are no object", "Correct the document")
        self._content = content
        self._schemas = Schemas(content, is_3_0=version.startswith("3.0"))
        self._check()
        self._templates = sorted(
            ((_template(path), path) for path in content.get("paths", {})),
            key=lambda each: each[1].count("{"),
        )

    @classmethod
    def load(cls, path: Path) -> Document:
        """Read a file. Raises ConfigError if it is not an OpenAPI document of 3.0 or 3.1."""
        what = f"The OpenAPI document {path} cannot be read"
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ConfigError(what, why="it is over 16 MB", do="Give only the part you need")
            content = _parsed(path.read_bytes(), is_json=path.suffix == ".json")
        except OSError as error:
            why = error.strerror or str(error)
            raise ConfigError(what, why=why, do="Correct its path under openapi") from error
        except (ValueError, RecursionError) as error:
            raise ConfigError(what, why=one_line(str(error)), do="Correct the file") from error
        if not isinstance(content, Mapping):
            raise ConfigError(what, why="it has no object at its top", do="Correct the file")
        return cls(content, name=path.name)

    def issues(self, operation: str, parameters: Json) -> tuple[OpenApiIssue, ...]:
        """What the document does not allow of a request.

        ``operation`` is ``POST /v1/charges``; ``parameters`` is ``{"query": …, "body": …}``.
        """
        method, _, path = operation.partition(" ")
        path, _, query = path.partition("?")
        sent = parameters if isinstance(parameters, Mapping) else {}
        found = self._operation(method.lower(), path)
        if isinstance(found, OpenApiIssue):
            return (found,)
        if found is None:
            return ()
        asked = {**_query(query), **_query(sent.get("query"))}
        return (*self._of_parameters(found, asked), *self._of_body(found, sent.get("body")))

    # --- the operation -----------------------------------------------------------------------

    def _operation(self, method: str, path: str) -> _Operation | OpenApiIssue | None:
        """The operation of a request; ``None`` for one that documents leave out."""
        paths = self._content.get("paths", {})
        items = []
        for below in self._below_servers(path):
            for pattern, template in self._templates:
                match = pattern.fullmatch(below) or pattern.fullmatch(
                    unquote(below).rstrip("/") or "/"
                )
                if match is not None:
                    at = f"/paths/{token(template)}"
                    item, at = self._schemas.resolved(paths[template], at)
                    values = dict(zip(_names(template), map(unquote, match.groups()), strict=True))
                    items.append((item, at, values))
        for item, at, values in items:
            value = item.get(method)
            if isinstance(value, Mapping):
                return _Operation(
                    value=value, at=f"{at}/{method}", item=item, item_at=at, in_path=values
                )
        if method in ("options", "head"):
            return None
        if not items:
            return OpenApiIssue(kind="openapi-path")
        methods = {each.upper() for item, _, _ in items for each in _METHODS if each in item}
        return OpenApiIssue(kind="openapi-method", details=(("methods", tuple(sorted(methods))),))

    def _below_servers(self, path: str) -> tuple[str, ...]:
        """The path below each server's own, ``/charges`` for ``/v1/charges``."""
        servers = [self._content, *self._content.get("paths", {}).values()]
        prefixes = [each for owner in servers for each in _prefixes(owner)] or [""]
        below = (
            path.removeprefix(prefix)
            for prefix in dict.fromkeys(prefixes)
            if not prefix or path == prefix or path.startswith(f"{prefix}/")
        )
        return tuple(dict.fromkeys(each or "/" for each in below))

    # --- parameters and body -----------------------------------------------------------------

    def _of_parameters(
        self, operation: _Operation, query: Mapping[str, Json]
    ) -> Iterator[OpenApiIssue]:
        for parameter, at in self._parameters(operation):
            place, name = parameter.get("in"), parameter.get("name")
            if place not in ("query", "path") or not isinstance(name, str):
                continue
            words = f"{place} parameter {one_line(name)}"
            values: Mapping[str, Json] = query if place == "query" else operation.in_path
            exploded = f"{name}[]" if f"{name}[]" in values else name
            if exploded not in values:
                deep = any(each.startswith(f"{name}[") for each in values)
                if place == "query" and parameter.get("required") is True and not deep:
                    yield _missing("openapi-parameter", words)
                continue
            if "schema" in parameter and parameter.get("style") in (None, "form", "simple"):
                at = f"{at}/schema"
                explode = parameter.get("explode", place == "query") is True
                value = self._schemas.from_text(
                    parameter["schema"], at, values[exploded], explode=explode
                )
                yield from self._misses("openapi-parameter", words, at, value)

    def _parameters(self, operation: _Operation) -> Iterator[tuple[Mapping[str, Any], str]]:
        """The parameters of an operation and of its path, which it may give anew."""
        found: dict[tuple[Any, Any], tuple[Mapping[str, Any], str]] = {}
        for owner, at in (
            (operation.item, operation.item_at), (operation.value, operation.at)
        ):  # fmt: skip
            for number, each in enumerate(owner.get("parameters", ())):
                parameter, place = self._schemas.resolved(each, f"{at}/parameters/{number}")
                if isinstance(parameter, Mapping):
                    found[parameter.get("in"), parameter.get("name")] = (parameter, place)
        yield from found.values()

    def _of_body(self, operation: _Operation, body: Json) -> Iterator[OpenApiIssue]:
        declared, at = self._schemas.resolved(
            operation.value.get("requestBody"), f"{operation.at}/requestBody"
        )
        if not isinstance(declared, Mapping):
            return
        if body is None or body in ({"$text": ""}, ""):
            if declared.get("required") is True:
                yield _missing("openapi-body", "body")
            return
        if isinstance(body, dict) and body.keys() & _NOT_JUDGED:
            return
        kinds = {
            kind: f"{at}/content/{token(kind)}/schema"
            for kind, media in declared.get("content", {}).items()
            if isinstance(media, Mapping) and "schema" in media
        }
        form = _form(body)
        form_at = next((place for kind, place in kinds.items() if _is_form(kind)), None)
        if form is not None and form_at is not None:
            yield from self._misses("openapi-body", "body", form_at, self._typed(form, form_at))
            return
        json_at = next((place for kind, place in kinds.items() if _is_json(kind)), None)
        is_text = isinstance(body, dict) and "$text" in body
        if json_at is not None and not is_text:
            yield from self._misses("openapi-body", "body", json_at, body)

    def _typed(self, form: Mapping[str, Json], at: str) -> dict[str, Json]:
        """The values of a form, which are text, as its schema has them."""
        schema, at = self._schemas.resolved(part(self._content, at), at)
        properties = schema.get("properties", {}) if isinstance(schema, Mapping) else {}
        return {
            name: self._schemas.from_text(
                properties.get(name), f"{at}/properties/{token(name)}", values
            )
            for name, values in form.items()
        }

    def _misses(self, kind: str, words: str, at: str, value: Json) -> Iterator[OpenApiIssue]:
        for miss in self._schemas.misses(at, value):
            yield OpenApiIssue(
                kind=kind,
                at=f"{words}{_GENERAL.sub('/*', miss.at)}",
                keyword=f"{miss.keyword} {miss.says if miss.keyword == 'required' else ''}",
                details=(("part", words), ("at", miss.at), ("says", miss.says)),
            )

    # --- the document itself -----------------------------------------------------------------

    def _check(self) -> None:
        """Raises ConfigError for references that lead nowhere, and for schemas that are none."""
        seen: set[int] = set()
        below: list[tuple[Any, bool]] = [(self._content, False)]
        while below:
            value, is_map = below.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            if isinstance(value, list):
                below += ((each, False) for each in value)
            if not isinstance(value, Mapping):
                continue
            reference = value.get("$ref")
            if isinstance(reference, str) and not is_map:
                self._check_reference(reference)
            for name, member in value.items():
                if is_map or name not in _NO_REFERENCES:
                    below.append((member, not is_map and name in ("properties", "schemas")))
        schemas = self._content.get("components", {}).get("schemas", {})
        for name, schema in schemas.items():
            fault = self._schemas.faults(schema)
            if fault is not None:
                raise self._error(f"schema {name}, {fault}", "Correct the schema")

    def _check_reference(self, reference: str) -> None:
        if not reference.startswith("#"):
            raise self._error(
                f"it refers to another document, {reference}", "Bundle it into one file"
            )
        try:
            part(self._content, reference.removeprefix("#"))
        except KeyError as error:
            raise self._error(f"there is nothing at {reference}", "Correct its $ref") from error

    def _error(self, why: str, do: str) -> ConfigError:
        return ConfigError(f"{self.name} cannot be used", why=one_line(why), do=do)


_GENERAL = re.compile(r"/\d+(?=/|$)")


def _parsed(content: bytes, *, is_json: bool) -> object:
    if is_json:
        return parse(content)
    import yaml

    try:
        # Keys become text, and so do dates.
        value: object = json.loads(json.dumps(yaml.safe_load(content), default=str))
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(str(error)) from error
    return value


def _missing(kind: str, words: str) -> OpenApiIssue:
    return OpenApiIssue(
        kind=kind, at=words, keyword="missing", details=(("part", words), ("at", ""), ("says", ""))
    )


def _query(value: Json) -> dict[str, Json]:
    """Parameters by name; a query may be a text, an object, or a list of pairs."""
    if isinstance(value, str):
        texts = parse_qs(value.removeprefix("?"), keep_blank_values=True)
        return {name: [*values] for name, values in texts.items()}
    if isinstance(value, dict):
        return value
    found: dict[str, Json] = {}
    for each in value if isinstance(value, list) else ():
        if isinstance(each, list) and len(each) == 2 and isinstance(each[0], str):
            earlier = found.setdefault(each[0], [])
            if isinstance(earlier, list):
                earlier.append(each[1])
    return found


def _template(path: str) -> re.Pattern[str]:
    texts = re.split(r"\{[^{}/]*\}", path.rstrip("/") or "/")
    return re.compile("([^/]+?)".join(map(re.escape, texts)))


def _names(path: str) -> list[str]:
    return re.findall(r"\{([^{}/]*)\}", path)


def _prefixes(owner: object) -> Iterator[str]:
    """The paths of the servers of a document, a path or an operation, without a last slash."""
    servers = owner.get("servers", ()) if isinstance(owner, Mapping) else ()
    for server in servers if isinstance(servers, list) else ():
        if not isinstance(server, Mapping):
            continue
        url = str(server.get("url", ""))
        variables = server.get("variables", {})
        names = [each for each in re.findall(r"\{([^{}]*)\}", url) if each in variables]
        choices = [_values(variables[each]) for each in names]
        for _, values in zip(range(_MOST_SERVERS), product(*choices), strict=False):
            filled = url
            for name, value in zip(names, values, strict=True):
                filled = filled.replace(f"{{{name}}}", value)
            yield urlsplit(filled).path.rstrip("/")


def _values(variable: Any) -> list[str]:
    if not isinstance(variable, Mapping):
        return [""]
    return [*map(str, variable.get("enum") or [variable.get("default", "")])]


def _form(body: Json) -> dict[str, Json] | None:
    """The values by name, if a body may be a form."""
    if not isinstance(body, dict):
        return None
    text = body.get("$text")
    if isinstance(text, str):
        return _query(text)
    texts = (
        isinstance(each, list) and all(isinstance(value, str) for value in each)
        for each in body.values()
    )
    return body if all(texts) else None


def _is_form(media_type: str) -> bool:
    return media_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"


def _is_json(media_type: str) -> bool:
    kind = media_type.partition(";")[0].strip().lower()
    return kind in ("application/json", "*/*", "application/*") or kind.endswith("+json")
