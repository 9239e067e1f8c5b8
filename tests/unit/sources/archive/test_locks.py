"""Lock files: what they keep, what they never hold, and when they change."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.made_published import digest, function, layer, version
from helpers.made_versions import changed
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import (
    AliasFacts,
    Binding,
    LayerFacts,
    PlatformFacts,
    PublishedFunction,
    VersionFacts,
)
from pytest_lambda_rollback.model.versions import ContainerImage
from pytest_lambda_rollback.sources.archive import lock_format, locks

PLANTED = "planted-secret-value"

ONE = version("orders", "1", b"one", layer("acme", 1, b"l1"), layer("other", 3))
TWO = changed(
    version("orders", "2", b"two", layer("acme", 1, b"l1")),
    architecture="arm64",
    memory_mb=512,
    timeout_s=12.5,
    ephemeral_storage_mb=1024,
    environment_names=("KEY", "TABLE"),
    environment_error="KMS key is disabled",
    role="arn:aws:iam::111122223333:role/orders",
    dead_letter_arn="arn:aws:sqs:eu-west-1:111122223333:dead",
    kms_key_arn="arn:aws:kms:eu-west-1:111122223333:key/1",
    modified="2026-04-01T10:00:00Z",
    description="Über „Anführung“ \u2028 \U0001f600",
    state="Active",
    snap_start=True,
    gone=True,
)
IMAGE = changed(
    version("orders", "3", b""),
    code=ContainerImage(
        uri=f"registry.example/orders@sha256:{digest(b'image')}",
        entry_point=("/entry",),
        command=("app.handler", "--now"),
        working_directory="/work",
    ),
    runtime="",
    handler="",
)
FUNCTIONS = {
    "nothing but a name": function("orders"),
    "one version": function("orders", ONE),
    "all fields": replace(
        function("orders", version("orders", "$LATEST", b"new"), IMAGE, TWO, ONE),
        aliases=(
            AliasFacts(
                name="live",
                version="2",
                weights=(("1", 0.1), ("2", 1.0)),
                history=(("2026-01-01T00:00:00Z", "1"), ("2026-02-01T00:00:00Z", "2")),
            ),
            AliasFacts(name="old", version="1"),
        ),
        platform=PlatformFacts(
            versions=(
                VersionFacts(
                    version="2",
                    update_mode="Manual",
                    runtime_version_arn="arn:aws:lambda:eu-west-1::runtime:1",
                    provisioned_concurrency=5,
                ),
                VersionFacts(version="1"),
            ),
            layers=(
                LayerFacts(arn="arn:l:1"),
                LayerFacts(arn="arn:l:2", state="deleted", detail="gone"),
            ),
            bindings=(
                Binding(kind="permission", qualifier=None, what="s3", identifier="x"),
                Binding(kind="event-source-mapping", qualifier="live", what="arn:q", enabled=False),
            ),
            reserved_concurrency=0,
            unread=("lambda:GetPolicy",),
            as_of="2026-05-01T00:00:00Z",
        ),
    ),
}


@pytest.mark.parametrize("made", FUNCTIONS.values(), ids=FUNCTIONS)
def test_what_is_written_is_read_again(tmp_path: Path, made: PublishedFunction) -> None:
    assert locks.read(tmp_path, "orders") is None
    assert locks.write(tmp_path, made)
    assert locks.read(tmp_path, "orders") == made
    assert locks.names(tmp_path) == ("orders",)


def test_values_of_variables_are_never_written(tmp_path: Path) -> None:
    secret = changed(TWO, environment=(("KEY", PLANTED), ("TABLE", PLANTED)))
    locks.write(tmp_path, function("orders", secret))
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or PLANTED not in path.read_text("utf-8")
    read = locks.read(tmp_path, "orders")
    assert read is not None
    assert read.versions[0].configuration.environment == ()
    assert read.versions[0].environment_names == ("KEY", "TABLE")


def test_a_file_does_not_change_where_only_times_did(tmp_path: Path) -> None:
    made = FUNCTIONS["all fields"]
    locks.write(tmp_path, made)
    path = tmp_path / "locks" / "orders.json"
    before = path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino
    live, old = made.aliases
    later = replace(
        made,
        as_of="2027-01-01T00:00:00Z",
        platform=replace(made.platform, as_of="2027-01-01T00:00:00Z"),
        aliases=(
            replace(live, history=(("2026-03-03T00:00:00Z", "1"), live.history[1])),
            old,
        ),
    )
    assert not locks.write(tmp_path, later)
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before
    changed = replace(later, aliases=(replace(live, version="1"), old))
    assert locks.write(tmp_path, changed)
    assert json.loads(path.read_bytes())["as_of"] == "2027-01-01T00:00:00Z"


def test_one_more_version_adds_lines_and_changes_none(tmp_path: Path) -> None:
    locks.write(tmp_path, function("orders", ONE))
    path = tmp_path / "locks" / "orders.json"
    before = path.read_text().splitlines()
    locks.write(tmp_path, function("orders", TWO, ONE))
    after = iter(path.read_text().splitlines())
    assert all(line in after for line in before)


def test_the_text_is_for_people(tmp_path: Path) -> None:
    locks.write(tmp_path, FUNCTIONS["all fields"])
    text = (tmp_path / "locks" / "orders.json").read_text("utf-8")
    assert text.endswith("}\n")
    assert "Über „Anführung“" in text
    assert max(map(len, text.splitlines())) < 160
    data = json.loads(text)
    assert list(data) == sorted(data)
    assert data["lambda_rollback_lock"] == 1
    assert text.count(digest(b"l1")) == 1, "a layer stands once, however many versions use it"


def test_a_known_digest_of_a_layer_holds_for_every_version(tmp_path: Path) -> None:
    made = function(
        "orders",
        version("orders", "2", b"2", layer("acme", 1)),
        version("orders", "1", b"1", layer("acme", 1, b"l1")),
    )
    locks.write(tmp_path, made)
    read = locks.read(tmp_path, "orders")
    assert read is not None
    assert {each.layers[0].sha256 for each in read.versions} == {digest(b"l1")}


@pytest.mark.parametrize(
    "name",
    ["a/b", "../../escape", ".hidden", "with space", "ünï", "%41", "a.json", "..", "sweep:x"],
)
def test_any_name_has_a_file_of_its_own_in_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "store"
    locks.write(root, replace(function("orders"), name=name))
    locks.write(root, replace(function("orders"), name="A"))
    assert locks.names(root) == tuple(sorted((name, "A")))
    assert len(list((root / "locks").glob("*.json"))) == 2
    assert locks.read(root, name) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


GOOD = lock_format.encode(FUNCTIONS["all fields"])


def without(key: str) -> dict[str, object]:
    return {name: each for name, each in GOOD.items() if name != key}


DAMAGED = {
    "cut off": (json.dumps(GOOD)[:200], "Expecting|Unterminated"),
    "empty": ("", "Expecting value"),
    "a conflict of a merge": ("<<<<<<< HEAD\n" + json.dumps(GOOD), "both sides of a merge"),
    "not a table": ("[]", "the file is not a table"),
    "no format": (json.dumps(without("lambda_rollback_lock")), "lambda_rollback_lock is not a"),
    "no ARN": (json.dumps(without("arn")), "the file: Object missing required field `arn`"),
    "no versions": (json.dumps(without("versions")), "versions is not a list"),
    "no layers": (json.dumps({**GOOD, "layers": {}}), "names a layer that the file does not"),
    "unknown key": (json.dumps({**GOOD, "extra": 1}), 'the file has "extra", which is not known'),
    "wrong type": (json.dumps({**GOOD, "as_of": 5}), r"Expected `str`, got `int` - at `\$\.as_of`"),
    "a value of a variable": (
        json.dumps({**GOOD, "versions": [{**GOOD["versions"][0], "environment": []}]}),
        'versions/0 has "environment", which is not known',
    ),
    "weights": (
        json.dumps({**GOOD, "aliases": [{"name": "x", "version": "1", "weights": [["1"]]}]}),
        r"Expected `array` of length 2, got 1 - at `\$\.aliases\[0\]\.weights\[0\]`",
    ),
    "of another function": (
        json.dumps({**GOOD, "name": "billing"}),
        'it is about "billing"',
    ),
    "nested too deep": ("[" * 100_000, "recursion"),
    "not text": (b"\xff\xfe\x00", "decode"),
}


@pytest.mark.parametrize(("text", "why"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_named_and_never_overwritten(
    tmp_path: Path, text: str | bytes, why: str
) -> None:
    path = tmp_path / "locks" / "orders.json"
    path.parent.mkdir()
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    before = path.read_bytes()
    with pytest.raises(SourceError, match=why) as caught:
        locks.read(tmp_path, "orders")
    assert f"the lock file {path} is damaged" in str(caught.value)
    assert "from version control" in caught.value.do
    with pytest.raises(SourceError):
        locks.write(tmp_path, function("orders", ONE))
    assert path.read_bytes() == before


def test_a_newer_format_asks_for_an_update(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "orders.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"lambda_rollback_lock": 2, "other": "things"}))
    with pytest.raises(SourceError) as caught:
        locks.read(tmp_path, "orders")
    assert "written by a later release" in str(caught.value)
    assert caught.value.do == "Update pytest-lambda-rollback"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    root = tmp_path / "file"
    root.write_text("")
    with pytest.raises(SourceError, match="cannot be read: Not a directory"):
        locks.write(root, function("orders", ONE))


def test_git_sees_lock_files_and_no_zips(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    root = tmp_path / ".lambda-rollback"
    with locks.held(root):
        locks.write(root, function("orders", ONE))
    (root / "objects" / "ab").mkdir()
    (root / "objects" / "ab" / "x.zip").write_bytes(b"x")
    (root / "discovered").mkdir()
    for folder in ("locks", "discovered"):
        (root / folder / ".x.tmp").write_bytes(b"x")
    seen = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert seen == [".lambda-rollback/.gitignore", ".lambda-rollback/locks/orders.json"]


def test_what_a_killed_process_was_writing_is_removed_by_the_next_one(tmp_path: Path) -> None:
    locks.write(tmp_path, function("orders", ONE))
    (tmp_path / "discovered").mkdir()
    leftovers = [tmp_path / folder / ".x1.tmp" for folder in ("locks", "discovered")]
    for path in leftovers:
        path.write_bytes(b'{"half')
    assert locks.names(tmp_path) == ("orders",)
    with locks.held(tmp_path):
        assert not any(path.exists() for path in leftovers)
        assert locks.names(tmp_path) == ("orders",)


def test_a_user_keeps_his_own_gitignore(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    locks.write(tmp_path, function("orders", ONE))
    assert (tmp_path / ".gitignore").read_text() == "mine\n"


def test_a_failed_write_leaves_the_former_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks.write(tmp_path, function("orders", ONE))

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SourceError, match="No space left on device"):
        locks.write(tmp_path, function("orders", TWO, ONE))
    assert locks.read(tmp_path, "orders") == function("orders", ONE)
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["orders.json"]
