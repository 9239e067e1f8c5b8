"""Lock files as somebody may write them who wants something else than to lock versions."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from helpers.made_published import digest, function, function_arn, layer, version
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.sources.archive import lock_format, locks

GOOD = lock_format.encode(function("orders", version("orders", "2", b"2", layer("acme", 1, b"l1"))))
LAYER = next(iter(GOOD["layers"]))
CODE = ("versions", 0, "code")
IMAGE = {"image": {"uri": f"registry.example/orders@sha256:{digest(b'i')}"}}
HOSTILE: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "escapes in a version": (("versions", 0, "version"), "1\x1b[2J", "is not a valid version"),
    "a path as version": (("versions", 0, "version"), "../../x", "is not a valid version"),
    "a digit of another script": (("versions", 0, "version"), "\u0663", "is not a valid version"),
    "no ARN": (("arn",), "x", "arn is not a valid function ARN"),
    "a host as region": (
        ("arn",),
        function_arn("orders").replace("eu-west-1", "evil.example/#"),
        "arn is not a valid function ARN",
    ),
    "an ARN of another function": (
        ("versions", 0, "arn"),
        function_arn("payments", "2"),
        "not of this function and version",
    ),
    "code of another function": (
        (*CODE, "arn"),
        function_arn("payments", "2"),
        "is not the code of this version",
    ),
    "a layer as code": ((*CODE, "kind"), "layer", "is not the code of this version"),
    "a path as digest": ((*CODE, "sha256"), "../../../../etc/passwd", "is not a valid SHA-256"),
    "less than no bytes": ((*CODE, "size_bytes"), -1, "of an impossible size"),
    "a layer of another name": (("layers", LAYER, "arn"), "x", "is not a valid layer version ARN"),
    "code as layer": (("layers", LAYER, "kind"), "code", "that is not a layer"),
    "a list as layer": (("versions", 0, "layers"), [["x"]], "names a layer that the file does not"),
    "an image by tag": (
        CODE,
        {"image": {"uri": "registry.example/x:latest"}},
        "is not a valid image",
    ),
    "an image of this machine": (
        CODE,
        {"image": {**IMAGE["image"], "local": True}},
        "AWS has no local images",
    ),
    "an option as image": (
        CODE,
        {"image": {"uri": "-v/:/host@sha256:" + "0" * 64}},
        "is not a valid image",
    ),
    "escapes in a command": (
        CODE,
        {"image": {**IMAGE["image"], "command": ["\x1b[2J"]}},
        "has control characters",
    ),
    "an instruction in a runtime": (
        ("versions", 0, "runtime"),
        "a\nRUN x",
        "is not a valid runtime",
    ),
    "another machine": (("versions", 0, "architecture"), "m68k", "is not a valid architecture"),
    "a digit as alias": (("aliases",), [{"name": "2", "version": "2"}], "is not a valid alias"),
    "settings apart": (
        ("versions", 0, "configuration"),
        {"memory_mb": 512},
        'has "configuration", which is not known',
    ),
    "an unknown key below": (("platform",), {"layer": []}, 'platform has "layer", which is not'),
    "a longer name than AWS gives": (
        ("arn",),
        function_arn("o" * 65),
        "arn is not a valid function ARN",
    ),
    "an assignment as name": (
        ("versions", 0, "environment_names"),
        ["A=B"],
        "is not a valid variable name",
    ),
    "a line break in a handler": (("versions", 0, "handler"), "a.b\nc", "is not a valid handler"),
    "no memory": (("versions", 0, "memory_mb"), -5, "an impossible size of memory"),
    "no time": (("versions", 0, "timeout_s"), float("nan"), "is not a possible time"),
    "endless time": (("versions", 0, "timeout_s"), float("inf"), "is not a possible time"),
    "a version twice": (("versions",), GOOD["versions"] * 2, "lists a version twice"),
    "escapes in an alias": (
        ("aliases",),
        [{"name": "\x1b[2J", "version": "2"}],
        "is not a valid alias",
    ),
    "an alias of nothing": (
        ("aliases",),
        [{"name": "live", "version": "x"}],
        "is not a valid version",
    ),
    "half of a character": (("versions", 0, "description"), "\ud800", "surrogates not allowed"),
    "more traffic than there is": (
        ("aliases",),
        [{"name": "live", "version": "2", "weights": [["2", float("inf")]]}],
        "share of traffic that is not",
    ),
}


def written(root: Path, text: str) -> Path:
    path = root / "locks" / "orders.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def test_what_is_changed_below_is_read(tmp_path: Path) -> None:
    written(tmp_path, json.dumps(GOOD))
    assert locks.read(tmp_path, "orders") is not None


@pytest.mark.parametrize(("place", "value", "why"), HOSTILE.values(), ids=HOSTILE)
def test_what_aws_could_not_have_said_is_refused(
    tmp_path: Path, place: tuple[Any, ...], value: Any, why: str
) -> None:
    changed = copy.deepcopy(GOOD)
    table: Any = changed
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = value
    written(tmp_path, json.dumps(changed))
    with pytest.raises(SourceError, match=why) as caught:
        locks.read(tmp_path, "orders")
    assert "is damaged" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    text = json.dumps(GOOD)
    written(tmp_path, f'{{"name": "payments", {text[1:]}')
    with pytest.raises(SourceError, match="a key is repeated"):
        locks.read(tmp_path, "orders")


def test_an_endless_file_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "_LIMIT_BYTES", 100)
    written(tmp_path, json.dumps(GOOD))
    with pytest.raises(SourceError, match="more than 100 bytes"):
        locks.read(tmp_path, "orders")


@pytest.mark.parametrize("target", ["elsewhere.json", "/dev/zero"])
def test_a_link_is_not_followed(tmp_path: Path, target: str) -> None:
    (tmp_path / "elsewhere.json").write_text(json.dumps(GOOD))
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / "orders.json").symlink_to(tmp_path / target)
    with pytest.raises(SourceError, match="it is a symbolic link"):
        locks.read(tmp_path, "orders")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    os.mkfifo(tmp_path / "locks" / "orders.json")
    with pytest.raises(SourceError, match="not a regular file"):
        locks.read(tmp_path, "orders")


def test_holding_the_archive_makes_no_file_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks" / ".lock").symlink_to(tmp_path / "made")
    with pytest.raises(SourceError, match="symbolic link"), locks.held(tmp_path):
        pass
    assert not (tmp_path / "made").exists()


def test_a_number_that_no_float_holds_is_damage(tmp_path: Path) -> None:
    locks.write(tmp_path, function("orders", version("orders", "1", b"one")))
    path = tmp_path / "locks" / "orders.json"
    said = json.loads(path.read_text())
    said["versions"][0]["timeout_s"] = 10**400
    path.write_text(json.dumps(said))
    with pytest.raises(SourceError, match="is damaged"):
        locks.read(tmp_path, "orders")
