"""Template files: which they are, and what is said of those that cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.sources.builds.templates import (
    JSON_LIMIT_BYTES,
    YAML_LIMIT_BYTES,
    is_template,
    read_template,
)

YAML = "Resources:\n  A: {Type: 'AWS::Lambda::Function', Properties: {Code: !Ref B}}\n"
JSON = '{"Resources": {"A": {"Type": "AWS::Lambda::Function"}}}'


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.yaml", YAML),
        ("t.yml", "\ufeff" + YAML),
        ("t.template", YAML),
        ("t.template", JSON),
        ("t.json", JSON),
        ("t.yaml", JSON),
    ],
)
def test_yaml_and_json_are_told_apart(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert is_template(path)
    assert read_template(path)["Resources"]["A"]["Type"] == "AWS::Lambda::Function"


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("t.json", b'{"Resources": ', "cannot be read: Expecting value in line 1"),
        ("t.json", b"[" * 100_000, "cannot be read: it is nested too deeply"),
        ("t.yaml", b"Resources: [", "cannot be read: did not find expected node content"),
        ("t.yaml", b"\xff\xfe", "cannot be read: byte 0 is not UTF-8 text"),
        ("t.yaml", b" " * (YAML_LIMIT_BYTES + 1), "cannot be read: it has more than 2 MB"),
        ("t.json", b" " * (JSON_LIMIT_BYTES + 1), "cannot be read: it has more than 64 MB"),
        (
            "t.yaml",
            b"Resources: []",
            "is not a CloudFormation or SAM template: it has no Resources",
        ),
        ("t.yaml", b"- a", "is not a CloudFormation or SAM template: it has no Resources"),
        ("t.yaml", b"", "is not a CloudFormation or SAM template: it has no Resources"),
    ],
    ids=range(9),
)
def test_what_cannot_be_read(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read_template(path)
    assert f"{path} {why}" in str(caught.value)


def test_a_file_that_is_not_there_and_one_that_never_ends(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.yaml")
    with pytest.raises(SourceError, match="it is not a regular file"):
        read_template(tmp_path / "t.yaml")
    with pytest.raises(SourceError, match="No such file"):
        read_template(tmp_path / "u.yaml")
