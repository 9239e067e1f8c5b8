"""What a clean may take away, and what it never does."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.made_published import code, digest, function, layer, made_zip, version
from pytest_lambda_rollback.errors import SourceError
from pytest_lambda_rollback.model.versions import Location, RemotePackage
from pytest_lambda_rollback.sources.archive import locks
from pytest_lambda_rollback.sources.archive.archive import Archive
from pytest_lambda_rollback.sources.archive.retention import (
    CleanPlan,
    CleanReport,
    clean,
    plan_cache_clean,
    plan_clean,
)

DAY_S = 86_400
NOW = time.time()


def used(path: Path, days: float) -> Path:
    moment = NOW - days * DAY_S
    os.utime(path, (moment, moment))
    return path


def fetched(root: Path, content: bytes, days: float, package: RemotePackage | None = None) -> Path:
    held = Archive(root).fetch(
        package or code("orders", "1", content),
        locate=lambda _: Location(url="", sha256=digest(content), size_bytes=len(content)),
        download=lambda url, write, **_: write(content),
        progress=lambda _: None,
    )
    return used(held.path, days)


def names(plan: CleanPlan) -> list[str]:
    return [removal.path.stem for removal in plan.removals]


A, B, C = made_zip("a", 1000), made_zip("b", 1000), made_zip("c", 1000)
SIZE = len(A)


def test_what_a_lock_file_names_is_never_dropped(tmp_path: Path) -> None:
    kept = fetched(tmp_path, A, 1000)
    bound = fetched(tmp_path, B, 1000, layer("acme", 1, B))
    other = fetched(tmp_path, C, 1000)
    locks.write(tmp_path, function("orders", version("orders", "1", A, layer("acme", 1, B))))
    plan = plan_clean(tmp_path, max_age_days=1, max_bytes=0, now=NOW)
    assert names(plan) == [digest(C)]
    assert (plan.locked, plan.locked_bytes, plan.over_bytes) == (2, 2 * SIZE, 2 * SIZE)
    assert clean(plan) == CleanReport(removed=1, removed_bytes=SIZE)
    assert (kept.exists(), bound.exists(), other.exists()) == (True, True, False)


def test_a_layer_that_a_lock_file_knows_by_arn_alone_is_kept(tmp_path: Path) -> None:
    fetched(tmp_path, B, 1000, layer("acme", 1))
    locks.write(tmp_path, function("orders", version("orders", "1", A, layer("acme", 1))))
    assert names(plan_clean(tmp_path, max_age_days=1, max_bytes=0, now=NOW)) == []


def test_versions_that_are_gone_are_named_too(tmp_path: Path) -> None:
    fetched(tmp_path, A, 1000)
    gone = replace(version("orders", "1", A), gone=True)
    locks.write(tmp_path, function("orders", gone))
    assert names(plan_clean(tmp_path, max_age_days=1, max_bytes=0, now=NOW)) == []


def test_age_is_since_the_last_use(tmp_path: Path) -> None:
    fetched(tmp_path, A, 31)
    fetched(tmp_path, B, 29)
    used_again = fetched(tmp_path, C, 31)
    os.utime(used_again, (NOW - 5 * DAY_S, NOW - 31 * DAY_S))
    plan = plan_clean(tmp_path, max_age_days=30, max_bytes=None, now=NOW)
    assert names(plan) == [digest(A)]
    assert plan.removals[0].reason == "not used for 31 days"
    assert (plan.kept, plan.kept_bytes, plan.removed_bytes) == (2, 2 * SIZE, SIZE)


def test_size_takes_the_longest_unused_first(tmp_path: Path) -> None:
    fetched(tmp_path, A, 3)
    fetched(tmp_path, B, 9)
    fetched(tmp_path, C, 6)
    plan = plan_clean(tmp_path, max_age_days=None, max_bytes=SIZE + 10, now=NOW)
    assert names(plan) == [digest(B), digest(C)]
    assert plan.over_bytes == 0
    assert names(plan_clean(tmp_path, max_age_days=None, max_bytes=3 * SIZE, now=NOW)) == []


def test_no_bound_takes_nothing(tmp_path: Path) -> None:
    fetched(tmp_path, A, 5000)
    assert names(plan_clean(tmp_path, max_age_days=None, max_bytes=None, now=NOW)) == []


def test_what_was_used_within_the_hour_stays(tmp_path: Path) -> None:
    fetched(tmp_path, A, 0.5 / 24)
    plan = plan_clean(tmp_path, max_age_days=0, max_bytes=0, now=NOW)
    assert (names(plan), plan.over_bytes) == ([], SIZE)
    fetched(tmp_path, B, 1.5 / 24)
    assert names(plan_clean(tmp_path, max_age_days=0, max_bytes=0, now=NOW)) == [digest(B)]


def test_a_plan_changes_nothing(tmp_path: Path) -> None:
    path = fetched(tmp_path, A, 100)
    plan_clean(tmp_path, max_age_days=1, max_bytes=0, now=NOW)
    assert path.exists()


def test_what_was_used_since_the_plan_stays(tmp_path: Path) -> None:
    path = fetched(tmp_path, A, 100)
    plan = plan_clean(tmp_path, max_age_days=1, max_bytes=None, now=NOW)
    assert fetched(tmp_path, A, 0) == path
    assert clean(plan) == CleanReport(used_again=1)
    assert path.exists()


def test_what_is_gone_already_is_no_failure(tmp_path: Path) -> None:
    fetched(tmp_path, A, 100).unlink()
    fetched(tmp_path, A, 100)
    plan = plan_clean(tmp_path, max_age_days=1, max_bytes=None, now=NOW)
    assert clean(plan).removed == 1
    assert clean(plan) == CleanReport(used_again=1)


def test_a_damaged_lock_file_stops_the_clean(tmp_path: Path) -> None:
    fetched(tmp_path, A, 100)
    (tmp_path / "locks").mkdir(exist_ok=True)
    (tmp_path / "locks" / "orders.json").write_text("{")
    with pytest.raises(SourceError, match=r"orders\.json is damaged"):
        plan_clean(tmp_path, max_age_days=1, max_bytes=0, now=NOW)


def test_what_a_killed_fetch_left_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    folder = fetched(tmp_path, A, 0).parent
    left, busy = folder / f"{'1' * 64}.part", folder / f"{'2' * 64}.part"
    left.write_bytes(b"left")
    busy.write_bytes(b"busy")
    with busy.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        plan = plan_clean(tmp_path, max_age_days=None, max_bytes=None, now=NOW)
        assert [removal.path for removal in plan.removals] == [left]
        assert plan.removals[0].reason == "left by an interrupted download"
        assert clean(plan).removed == 1
    assert (left.exists(), busy.exists()) == (False, True)


def test_a_fetch_that_began_since_the_plan_is_left_alone(tmp_path: Path) -> None:
    folder = fetched(tmp_path, A, 0).parent
    left = folder / f"{'1' * 64}.part"
    left.write_bytes(b"left")
    plan = plan_clean(tmp_path, max_age_days=None, max_bytes=None, now=NOW)
    with left.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert clean(plan) == CleanReport(used_again=1)
    assert left.exists()


def test_an_archive_that_is_not_there_is_empty(tmp_path: Path) -> None:
    plan = plan_clean(tmp_path / "none", max_age_days=1, max_bytes=0, now=NOW)
    assert plan == CleanPlan(root=tmp_path / "none")
    assert plan_cache_clean(tmp_path / "none", max_age_days=1, max_bytes=0, now=NOW).kept == 0


def test_a_file_that_cannot_be_removed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = fetched(tmp_path, A, 100), fetched(tmp_path, B, 100)
    plan = plan_clean(tmp_path, max_age_days=1, max_bytes=None, now=NOW)
    real = Path.unlink

    def unlink(self: Path, missing_ok: bool = False) -> None:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        real(self, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink)
    report = clean(plan)
    assert report.failed == ((path, "Permission denied"),)
    assert (report.removed, other.exists()) == (1, False)


def cached(root: Path, name: str, days: float, size_bytes: int = 100) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size_bytes))
    return used(path, days)


def test_the_cache_is_cleaned_file_by_file_and_trees_as_a_whole(tmp_path: Path) -> None:
    old = [
        cached(tmp_path, "artifacts/a.tar", 40),
        cached(tmp_path, "index/a.json", 41),
        cached(tmp_path, "facts/modules/a.json", 42),
    ]
    tree = tmp_path / "runtimes" / "abc"
    used(cached(tmp_path, "runtimes/abc/runtime/x.py", 43).parent, 43)
    used(tree, 43)
    fresh = tmp_path / "awslambdaric" / "3.13"
    cached(tmp_path, "awslambdaric/3.13/old.py", 400)
    cached(tmp_path, "awslambdaric/3.13/new.py", 2)
    foreign = cached(tmp_path, "other/file", 400)
    plan = plan_cache_clean(tmp_path, max_age_days=30, max_bytes=None, now=NOW)
    assert [removal.path for removal in plan.removals] == [tree, *reversed(old)]
    assert clean(plan) == CleanReport(removed=4, removed_bytes=400)
    assert not tree.exists()
    assert not any(path.exists() for path in old)
    assert {path.name for path in fresh.iterdir()} == {"old.py", "new.py"}
    assert foreign.exists()
    assert list((tmp_path / "runtimes").iterdir()) == []


def test_the_cache_is_bounded_by_size_but_not_under_a_run(tmp_path: Path) -> None:
    """Linux writes down a file's last use once a day, so a day says nothing."""
    cached(tmp_path, "artifacts/a.tar", 2)
    cached(tmp_path, "artifacts/b.tar", 3)
    today = cached(tmp_path, "artifacts/c.tar", 1)
    plan = plan_cache_clean(tmp_path, max_age_days=None, max_bytes=100, now=NOW)
    assert [removal.path.name for removal in plan.removals] == ["b.tar", "a.tar"]
    plan = plan_cache_clean(tmp_path, max_age_days=0, max_bytes=0, now=NOW)
    clean(plan)
    assert today.exists()
    assert plan.over_bytes == 100


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    target = cached(tmp_path, "elsewhere/file", 400)
    tree = tmp_path / "runtimes" / "abc"
    tree.mkdir(parents=True)
    (tree / "link").symlink_to(target)
    (tree / "folder").symlink_to(target.parent, target_is_directory=True)
    for path in (tree / "link", tree / "folder"):
        os.utime(path, (NOW - 50 * DAY_S,) * 2, follow_symlinks=False)
    used(tree, 50)
    assert clean(plan_cache_clean(tmp_path, max_age_days=30, max_bytes=0, now=NOW)).removed == 1
    assert target.exists()
    assert not tree.exists()
