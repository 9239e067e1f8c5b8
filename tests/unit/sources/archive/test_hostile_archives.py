"""An archive folder that somebody else prepared: links in it, other files, other names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from helpers.made_published import digest, function
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.published import AwsSource, Discovery
from pytest_lambda_rollback.model.settings import Store
from pytest_lambda_rollback.sources.archive import locks
from pytest_lambda_rollback.sources.archive.retention import clean, plan_clean
from pytest_lambda_rollback.sources.aws import AwsFunctions

NOW = 2_000_000_000.0
NAME = f"{digest(b'x')}.zip"


def old(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def cleaned(root: Path) -> tuple[Path, ...]:
    plan = plan_clean(root, max_age_days=1, max_bytes=0, now=NOW)
    report = clean(plan)
    assert report.failed == ()
    return tuple(removal.path for removal in plan.removals)


def test_cleaning_takes_nothing_but_objects(tmp_path: Path) -> None:
    # `store` may name any folder, also one that has an `objects` of its own.
    objects = tmp_path / "objects"
    held = old(objects / NAME[:2] / NAME)
    others = [
        old(objects / "thesis.zip"),
        old(objects / "backup" / NAME),
        old(objects / NAME[:2] / "holiday.zip"),
        old(objects / NAME[:2] / "film.mkv.part"),
        old(objects / NAME[:2] / "deep" / NAME),
    ]
    assert cleaned(tmp_path) == (held,)
    assert all(path.exists() for path in others)


@pytest.mark.parametrize("link", ["objects", "objects/inner"])
def test_cleaning_does_not_follow_links(tmp_path: Path, link: str) -> None:
    inner = NAME[:2]
    elsewhere = tmp_path / "elsewhere"
    precious = old(elsewhere / NAME if "inner" in link else elsewhere / inner / NAME)
    root = tmp_path / "store"
    place = root / link.replace("inner", inner)
    place.parent.mkdir(parents=True)
    place.symlink_to(elsewhere)
    if place.name == "objects":
        with pytest.raises(SourceError, match="it is a symbolic link"):
            cleaned(root)
    else:
        assert cleaned(root) == ()
    assert precious.exists()


@pytest.mark.parametrize("name", ["../../outside", "a/b", "\x1b[2J", "", "x" * 65, 5, None, ["a"]])
def test_a_found_function_has_a_name_that_lambda_takes(tmp_path: Path, name: object) -> None:
    folder = tmp_path / "discovered"
    folder.mkdir()
    (folder / "shop.json").write_text(json.dumps({"functions": ["orders", name]}))
    functions = AwsFunctions(offline=True, progress=lambda _: None)
    with pytest.raises(SourceError, match=r"discover\.shop") as caught:
        functions.discover(Discovery(name="shop", prefix="x"), Store(path=tmp_path))
    assert "\x1b" not in str(caught.value)


def test_what_was_found_is_read_from_the_archive(tmp_path: Path) -> None:
    folder = tmp_path / "discovered"
    folder.mkdir()
    (folder / "shop.json").write_text(json.dumps({"functions": ["orders"]}))
    functions = AwsFunctions(offline=True, progress=lambda _: None)
    found = functions.discover(Discovery(name="shop", prefix="x"), Store(path=tmp_path))
    assert [name for name, _ in found] == ["orders"]


def test_a_link_to_what_was_found_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(json.dumps({"functions": ["orders"]}))
    (tmp_path / "discovered").mkdir()
    (tmp_path / "discovered" / "shop.json").symlink_to(tmp_path / "elsewhere")
    functions = AwsFunctions(offline=True, progress=lambda _: None)
    with pytest.raises(SourceError):
        functions.discover(Discovery(name="shop", prefix="x"), Store(path=tmp_path))


@pytest.mark.parametrize("folder", ["locks", "discovered", "objects"])
def test_nothing_is_changed_through_a_link_in_the_archive(tmp_path: Path, folder: str) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "store"
    elsewhere.mkdir()
    (elsewhere / ".theirs.tmp").write_text("theirs")
    root.mkdir()
    (root / folder).symlink_to(elsewhere)
    with pytest.raises(SourceError, match="symbolic link"), locks.held(root):
        pass
    with pytest.raises(SourceError, match="symbolic link"):
        locks.write(root, function("orders"))
    assert [path.name for path in elsewhere.iterdir()] == [".theirs.tmp"]


def test_workers_do_not_share_through_a_link(tmp_path: Path) -> None:
    plans = tmp_path / "cache" / "plans"
    plans.mkdir(parents=True, mode=0o700)
    (tmp_path / "theirs").mkdir()
    (plans / "run").symlink_to(tmp_path / "theirs")
    functions = AwsFunctions(offline=False, progress=lambda _: None, shared=plans / "run")
    with pytest.raises(SourceError, match="is not used"):
        functions.read([("orders", AwsSource(function_name="orders"))], Store(path=tmp_path))


@pytest.mark.parametrize("before", [0o777, 0o770, 0o700])
def test_what_workers_share_is_theirs_alone(tmp_path: Path, before: int) -> None:
    run = tmp_path / "cache" / "plans" / "run"
    run.parent.mkdir(parents=True)
    run.parent.chmod(before)
    run.parent.parent.chmod(before)
    functions = AwsFunctions(offline=False, progress=lambda _: None, shared=run)
    assert functions.read([], Store(path=tmp_path)) == {}
    assert {each.stat().st_mode & 0o022 for each in (run, *run.parents[:2])} == {0}
