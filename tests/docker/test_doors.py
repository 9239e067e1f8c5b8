"""Doors to services in containers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from docker.errors import APIError

from helpers.door_checks import CHECKS, Check, Opened, invoked, value
from helpers.doors import FUNCTION, FakeServices, web
from helpers.made_versions import changed
from pytest_lambda_rollback.engines.docker.confinement import LOW_PORTS_SETTING
from pytest_lambda_rollback.engines.docker.engine import DockerEngine
from pytest_lambda_rollback.model.replay import Invocation, OutcomeKind

pytestmark = pytest.mark.docker

VARIABLES = (("OWN", "function"),)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_doors(engine: DockerEngine, store: Any, check: Check) -> None:
    version = store.version(FUNCTION, environment=VARIABLES, timeout_s=120.0)
    engine.prepare(version, lambda line: None)
    check(engine, version)


def test_a_daemon_may_refuse_to_open_low_ports(
    new_engine: Callable[..., DockerEngine],
    new_client: Callable[[], Any],
    store: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = new_client()
    create = client.api.create_container
    asked: list[bool] = []

    def refuse(*arguments: Any, **options: Any) -> Any:
        asked.append("Sysctls" in options["host_config"])
        if asked[-1]:
            raise APIError(f"sysctl {LOW_PORTS_SETTING} is not allowed")
        return create(*arguments, **options)

    monkeypatch.setattr(client.api, "create_container", refuse)
    engine = new_engine(client=client)
    version = store.version(FUNCTION)
    engine.prepare(version, lambda line: None)
    for _ in range(2):
        environment = engine.start(version)
        assert invoked(environment, "look").kind is OutcomeKind.RESPONSE
        environment.close()
    assert asked == [True, False, False]


NODE = """
import http from "node:http";
import dns from "node:dns/promises";
import net from "node:net";

const get = (url) => new Promise((resolve, reject) => {
  http.get(url, (answer) => {
    let text = "";
    answer.on("data", (piece) => { text += piece; });
    answer.on("end", () => resolve(text));
  }).on("error", reject);
});
const refused = (host, port) => new Promise((resolve) => {
  net.connect(port, host).on("error", (error) => resolve(error.code))
    .on("connect", () => resolve("open"));
});

export const handler = async () => ({
  get: await get("http://api.example.com/orders"),
  fetch: await (await fetch("http://API.example.com/fetched")).text(),
  address: (await dns.resolve4("db.internal"))[0].split(".").slice(0, 2),
  refused: await refused("db.internal", 5432),
});
"""


def test_nodes_own_resolvers_find_the_doors(engine: DockerEngine, store: Any) -> None:
    code = store.artifact({"index.mjs": NODE}, "code")
    changes = {"runtime": "nodejs22.x", "handler": "index.handler", "memory_mb": 256}
    version = changed(store.version(), code=code, **changes)
    engine.prepare(version, lambda line: None)
    with (
        web() as port,
        Opened(engine, version, FakeServices(ports={"*.example.com:80": port})) as environment,
    ):
        outcome = environment.invoke(Invocation(request_id="id", event=b"{}"))
        assert value(outcome) == {
            "get": "api.example.com/orders",
            "fetch": "api.example.com/fetched",
            "address": ["127", "64"],
            "refused": "ECONNREFUSED",
        }
        assert outcome.calls == ("db.internal:5432",)
