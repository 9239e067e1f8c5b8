"""Data files of a private AWS: items of tables and objects of buckets.

``TABLE.json`` holds items as DynamoDB JSON, in an array or as ``aws dynamodb scan`` prints them.
A folder ``BUCKET/`` holds objects; the bucket is made if it does not exist.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

from __future__ import annotations

import base64
import json
import mimetypes
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pytest_lambda_rollback.services.aws.template_resources import create_bucket

SIZE_LIMIT_BYTES: Final = 128 * 1024 * 1024


class SeedingError(Exception):
    """The content of a private AWS cannot be made; the fields are those of a ConfigError."""

    def __init__(self, what: str, *, why: str, do: str) -> None:
        self.what = what
        self.why = why
        self.do = do
        super().__init__(what, why, do)


def load(paths: list[Path], *, names: Mapping[str, str], session: Any, region: str) -> None:
    """Load files and folders; ``names`` has a template's by logical id. Raises SeedingError."""
    for path in paths:
        if path.is_dir():
            _load_folder(path, names=names, session=session, region=region)
        else:
            _load_table(path, names=names, session=session)


def _load_folder(path: Path, *, names: Mapping[str, str], session: Any, region: str) -> None:
    client = session.client("s3")
    bucket = names.get(path.name, path.name)
    if bucket not in [each["Name"] for each in client.list_buckets()["Buckets"]]:
        try:
            create_bucket(client, bucket, region=region)
        except Exception as error:  # botocore's, of a name that is none
            raise SeedingError(
                f"the data folder {path} cannot become a bucket",
                why=str(error).rstrip(". "),
                do="Name the folder as the bucket is named in AWS",
            ) from error
    size = 0
    for folder, folders, files in os.walk(path):
        folders.sort()
        for file in (Path(folder, name) for name in sorted(files)):
            size += file.stat().st_size
            if size > SIZE_LIMIT_BYTES:
                raise _too_large(path)
            kind = mimetypes.guess_type(file.name)[0] or "binary/octet-stream"
            client.put_object(
                Bucket=bucket,
                Key=file.relative_to(path).as_posix(),
                Body=file.read_bytes(),
                ContentType=kind,
            )


def _load_table(path: Path, *, names: Mapping[str, str], session: Any) -> None:
    client = session.client("dynamodb")
    table = names.get(path.stem, path.stem)
    items = _items(path)
    known = [
        name
        for page in client.get_paginator("list_tables").paginate()
        for name in page["TableNames"]
    ]
    if table not in known:
        raise SeedingError(
            f"the data file {path} is for a table that does not exist",
            why=f"there is no table {table}; there is {', '.join(sorted(known)) or 'none'}",
            do="Name the file after a table of the template, or create the table in seed(session)",
        )
    for number, item in enumerate(items, start=1):
        try:
            client.put_item(TableName=table, Item=_attributes(item))
        except Exception as error:  # botocore's validation or DynamoDB's answer
            raise SeedingError(
                f"item {number} of the data file {path} was refused",
                why=f"{error}"[:500].rstrip(". "),
                do='Write items as DynamoDB JSON: [{"id": {"S": "o-1"}}]',
            ) from error


def _items(path: Path) -> list[Any]:
    try:
        if path.stat().st_size > SIZE_LIMIT_BYTES:
            raise _too_large(path)
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise SeedingError(
            f"the data file {path} cannot be read", why=str(error), do="Correct the file"
        ) from error
    items = content.get("Items") if isinstance(content, dict) else content
    if not isinstance(items, list):
        raise SeedingError(
            f"the data file {path} has no items",
            why="it is neither an array nor an object with Items",
            do='Write items as DynamoDB JSON: [{"id": {"S": "o-1"}}]',
        )
    return items


def _attributes(item: Any) -> Any:
    """An item as boto3 takes it: what is binary as bytes."""
    if not isinstance(item, dict):
        return item
    return {name: _attribute(value) for name, value in item.items()}


def _attribute(value: Any) -> Any:
    match value:
        case {"B": str(text)}:
            return {"B": base64.b64decode(text)}
        case {"BS": list(texts)}:
            return {"BS": [base64.b64decode(str(text)) for text in texts]}
        case {"M": dict(attributes)}:
            return {"M": _attributes(attributes)}
        case {"L": list(values)}:
            return {"L": [_attribute(each) for each in values]}
    return value


def _too_large(path: Path) -> SeedingError:
    return SeedingError(
        f"the data in {path} is too large",
        why=f"it has more than {SIZE_LIMIT_BYTES >> 20} MB",
        do="Leave in it what the events need",
    )
