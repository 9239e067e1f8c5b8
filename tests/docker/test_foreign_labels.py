"""Images that carry our labels: whoever makes an image may write any label into it."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import docker.errors
import pytest

from pytest_lambda_rollback.engines.docker.image_chain import ROLE_LABEL
from pytest_lambda_rollback.engines.docker.owners import (
    ENGINE_LABEL,
    NAME_PREFIX,
    OWNER_LABEL,
    sweep,
    this_process,
)

pytestmark = pytest.mark.docker

DEAD = str(replace(this_process(), started="1"))


@pytest.fixture
def image(client: Any) -> Iterator[str]:
    """An image that says of all its containers that they are leftovers of ours."""
    tag = f"foreign-labels:{secrets.token_hex(6)}"
    text = f'FROM scratch\nLABEL {OWNER_LABEL}="{DEAD}" {ENGINE_LABEL}=x {ROLE_LABEL}=code\n'
    client.images.build(fileobj=io.BytesIO(text.encode()), tag=tag, rm=True)
    yield tag
    client.images.remove(tag)


@pytest.fixture
def created(client: Any, image: str) -> Iterator[Any]:
    made: list[str] = []

    def create(name: str) -> str:
        made.append(client.api.create_container(image, command=["none"], name=name)["Id"])
        return made[-1]

    yield create
    for each in made:
        try:
            client.api.remove_container(each, force=True)
        except docker.errors.NotFound:
            continue


def test_a_users_container_of_such_an_image_is_never_removed(
    client: Any, created: Any, image: str
) -> None:
    users = created(f"precious-{secrets.token_hex(6)}")
    ours = created(f"{NAME_PREFIX}{secrets.token_hex(6)}")
    sweep(client)
    assert client.api.inspect_container(users)["Config"]["Labels"][OWNER_LABEL] == DEAD
    with pytest.raises(docker.errors.NotFound):
        client.api.inspect_container(ours)
    assert client.images.get(image)
