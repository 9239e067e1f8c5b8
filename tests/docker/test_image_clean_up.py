"""Images of this plugin in a real daemon: their sizes, their use, and what a clean removes."""

from __future__ import annotations

import io
import multiprocessing
import secrets
import time
from collections.abc import Iterator
from typing import Any

import docker.errors
import pytest

from pytest_lambda_rollback import cli
from pytest_lambda_rollback.engines.docker.engine import DockerEngine
from pytest_lambda_rollback.engines.docker.image_retention import (
    BuiltImage,
    ImagePlan,
    ImageRemoval,
    built_images,
    clean_images,
    remove_images,
)
from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.versions import ContainerImage

pytestmark = pytest.mark.docker


def removing(*tags: str) -> ImagePlan:
    return ImagePlan(
        removals=tuple(ImageRemoval(tag=tag, size_bytes=1, reason="test") for tag in tags)
    )


def chain_of(client: Any, last: str) -> list[BuiltImage]:
    """The links below an image of ours and itself, the last first."""
    by_tag = {image.tag: image for image in built_images(client)}
    chain = [by_tag[last]]
    while chain[-1].parent in by_tag:
        chain.append(by_tag[chain[-1].parent])
    return chain


@pytest.fixture
def built(new_engine: Any, store: Any) -> str:
    """Tag of the last link of a version with a layer of about 1 MB."""
    content = secrets.token_bytes(1_000_000)
    layer = store.layer("heavy", {"python/heavy.bin": content})
    code = f"def handler(event, context): return {secrets.token_hex(4)!r}\n"
    engine = new_engine()
    version = store.version(code, layers=(layer,))
    engine.prepare(version, lambda line: None)
    return str(engine._launches[version].image)


def exists(client: Any, tag: str) -> bool:
    try:
        client.images.get(tag)
    except docker.errors.ImageNotFound:
        return False
    return True


def test_images_are_known_with_their_own_size_and_parent(client: Any, built: str) -> None:
    code, layer, carrier = chain_of(client, built)

    assert carrier.tag.startswith("lambda-rollback/carrier:")
    assert carrier.parent == client.images.get("lambda-rollback-standin:python3.11").id
    assert 1_000_000 <= layer.size_bytes < 1_100_000
    assert 0 < code.size_bytes < 10_000
    assert 0 < carrier.size_bytes < 300_000
    assert code.used_s >= layer.used_s > 0


def test_links_are_removed_and_the_base_image_stays(client: Any, built: str) -> None:
    code, layer, carrier = chain_of(client, built)

    report = clean_images(client, removing(code.tag, layer.tag))

    assert (report.removed, report.in_use) == (2, 0)
    assert not exists(client, code.tag)
    assert not exists(client, layer.tag)
    assert exists(client, carrier.tag)
    assert exists(client, "lambda-rollback-standin:python3.11")
    # The steps of their builds have gone as well.
    untagged = client.api.images(
        all=True, filters={"dangling": True, "label": "pytest-lambda-rollback.role"}
    )
    assert layer.tag not in str(untagged)


def test_image_that_a_container_uses_stays(client: Any, built: str) -> None:
    container = client.api.create_container(built, entrypoint=["x"])["Id"]
    try:
        report = clean_images(client, removing(built))
    finally:
        client.api.remove_container(container)

    assert (report.removed, report.in_use) == (0, 1)
    assert exists(client, built)


@pytest.fixture
def users_image(client: Any) -> Iterator[Any]:
    """Build an image of a user; removed with the test."""
    tags: list[str] = []

    def build(base: str) -> str:
        tags.append(f"precious:{secrets.token_hex(4)}")
        text = f"FROM {base}\nLABEL precious={secrets.token_hex(4)}\n"
        client.images.build(fileobj=io.BytesIO(text.encode()), tag=tags[-1], rm=True)
        return tags[-1]

    yield build
    for tag in tags:
        if exists(client, tag):
            client.images.remove(tag)


def test_image_that_a_user_built_on_ours_is_the_users(
    client: Any, built: str, users_image: Any
) -> None:
    theirs = users_image(built)

    assert theirs not in {image.tag for image in built_images(client)}
    clean_images(client, removing(*(image.tag for image in chain_of(client, built)[:2])))

    assert exists(client, theirs)


def test_nothing_is_left_of_images_with_a_label(
    client: Any,
    users_image: Any,
    new_engine: Any,
    store: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    base = users_image("lambda-rollback-standin:python3.11")
    label, value = "pytest-lambda-rollback.test-label", secrets.token_hex(8)
    engine = new_engine(base_images=(("python3.11", base),), image_labels=((label, value),))
    layer = store.layer("heavy", {"python/heavy.bin": b"heavy"})
    version = store.version("def handler(event, context): ...\n", layers=(layer,))
    engine.prepare(version, lambda line: None)
    listed = client.api.images
    # Docker lists images by the second of their making, in any order within one.
    monkeypatch.setattr(client.api, "images", lambda **options: listed(**options)[::-1])

    assert remove_images(client, f"{label}={value}") == 3

    precious = client.images.get(base).labels["precious"]
    left = listed(all=True, filters={"label": f"precious={precious}"})
    assert [image["RepoTags"] for image in left] == [[base]]


def test_image_of_a_function_that_lost_its_tag_stays(
    client: Any, users_image: Any, new_engine: Any, store: Any
) -> None:
    tag = users_image("lambda-rollback-standin:python3.11")
    engine = new_engine()
    image = ContainerImage(uri=tag, local=True, command=("app.handler",))
    wanted = store.version(image=image)
    engine.prepare(wanted, lambda line: None)
    ours, theirs = engine._launches[wanted].image, client.images.get(tag).id
    newer = users_image("lambda-rollback-standin:python3.11")
    client.api.tag(newer, *tag.split(":"))  # as a newer build of the same name does

    assert clean_images(client, removing(ours)).removed == 1

    assert not exists(client, ours)
    assert client.images.get(theirs).id == theirs
    client.images.remove(theirs)


def test_use_is_noted_by_the_daemon(client: Any, built: str) -> None:
    before = chain_of(client, built)[0].used_s
    client.api.tag(built, *built.split(":"), force=True)

    assert chain_of(client, built)[0].used_s > before


def test_console_shows_what_it_would_remove(
    capsys: pytest.CaptureFixture[str], built: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    code = cli.main(["clean", "--images-only", "--max-age-days", "0", "--dry-run"])

    shown = capsys.readouterr().out
    assert code == 0
    assert "images: " in shown
    assert " to remove (" in shown
    assert f"would remove {built}" not in shown  # it was used just now


def test_console_without_a_daemon(
    capsys: pytest.CaptureFixture[str], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")

    assert cli.main(["clean", "--max-age-days", "9"]) == 0
    assert "images: none to look at, as Docker does not answer" in capsys.readouterr().out
    assert cli.main(["clean", "--images-only", "--max-age-days", "9"]) == 1
    assert "Docker does not answer" in capsys.readouterr().err


# --- several processes --------------------------------------------------------------------------


def prepare(version: Any, options: dict[str, Any], lines: Any) -> None:
    engine = DockerEngine(**options)
    try:
        seen: list[str] = []
        engine.prepare(version, seen.append)
        lines.put((seen, engine._launches[version].image))
    except EngineError as error:
        lines.put(([str(error)], ""))
    finally:
        engine.close()


def test_two_processes_build_one_image_once(
    client: Any, store: Any, image_labels: Any, tmp_path: Any
) -> None:
    layer = store.layer("shared", {"python/c.py": f"c = {secrets.token_hex(8)!r}\n"})
    version = store.version("def handler(e, c): return 1\n", layers=(layer,))
    options = {
        "base_images": (("python3.11", "lambda-rollback-standin:python3.11"),),
        "image_labels": image_labels,
        "pull": False,
    }
    context = multiprocessing.get_context("spawn")
    lines = context.Queue()
    began = time.time()
    processes = [context.Process(target=prepare, args=(version, options, lines)) for _ in range(3)]
    for process in processes:
        process.start()
    answers = [lines.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)

    tags = {image for _, image in answers}
    assert len(tags) == 1, answers
    events = client.api.events(
        since=began,
        until=time.time(),
        filters={"type": "image", "event": "tag", "image": tags.pop()},
        decode=True,
    )
    assert len(list(events)) == 1
