"""What a function's ``services`` table says, and what a mistake in it reads like."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pytest_lambda_rollback.config import service_tables
from pytest_lambda_rollback.config.service_tables import services_of
from pytest_lambda_rollback.config.toml_table import Table
from pytest_lambda_rollback.errors import ConfigError, SourceError
from pytest_lambda_rollback.model.builds import Build
from pytest_lambda_rollback.model.services import Door, TemplateResource, TemplateResources
from pytest_lambda_rollback.model.settings import AwsService, DoorService, ServiceSettings

ORDERS = TemplateResources(
    resources=(TemplateResource(logical_id="Orders", type="AWS::DynamoDB::Table", properties="{}"),)
)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "seed.py").write_text("def seed(session): ...\n")
    (tmp_path / "api.yaml").write_text("openapi: 3.1.0\n")
    (tmp_path / "data" / "uploads").mkdir(parents=True)
    for name in ("orders.json", "README.md", ".hidden.json"):
        (tmp_path / "data" / name).write_text("[]")
    (tmp_path / "stack.yaml").write_text("Resources: {}\n")
    return tmp_path


def read(text: str, base: Path, build: Build | None = None) -> ServiceSettings:
    values = tomllib.loads(text)
    table = Table(file="lambda-rollback.toml", key=("functions", "orders"), values=values)
    return services_of(table, base=base, templates=lambda _path: ORDERS, build=build)


def refused(text: str, base: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read(text, base)
    return str(caught.value)


def test_nothing_is_reached_by_default(base: Path) -> None:
    assert read("", base) == ServiceSettings()
    assert not read("", base).have_state


@pytest.mark.parametrize(
    ("said", "door"),
    [
        ("db.internal:5432", Door(name="db.internal", port=5432)),
        ("DB.Internal.:5432", Door(name="db.internal", port=5432)),
        ("*.example.com:443", Door(name="*.example.com", port=443)),
        ("*:443", Door(name="*", port=443)),
        ("localhost:6379", Door(name="localhost", port=6379)),
        ("my_db:5432", Door(name="my_db", port=5432)),
    ],
)
def test_a_name_with_a_port_is_a_door(said: str, door: Door, base: Path) -> None:
    found = read(f'[services]\n"{said}" = "127.0.0.1:55432"', base)
    assert found.doors == (DoorService(door=door, address="127.0.0.1:55432"),)


def test_a_door_may_have_a_fixture_and_a_reset(base: Path) -> None:
    found = read(
        '[services]\n"db:1" = { fixture = "pg" }\n'
        '"cache:2" = { address = "[::1]:7", reset = "redis-cli flushall" }\n"hooked:3" = {}',
        base,
    )
    assert found.doors == (
        DoorService(door=Door(name="db", port=1), fixture="pg"),
        DoorService(door=Door(name="cache", port=2), address="[::1]:7", reset="redis-cli flushall"),
        DoorService(door=Door(name="hooked", port=3)),
    )
    assert found.have_state


@pytest.mark.parametrize("said", ["aws = true", "aws = {}"])
def test_an_empty_private_aws(said: str, base: Path) -> None:
    assert read(f"[services]\n{said}", base).aws == AwsService()


def test_what_is_in_a_private_aws(base: Path) -> None:
    said = 'aws = { seed = "seed.py", template = "stack.yaml", data = "data" }'
    found = read(f"[services]\n{said}", base).aws
    assert found == AwsService(
        seed=base / "seed.py",
        template=ORDERS,
        template_name=str(base / "stack.yaml"),
        data=(base / "data" / "orders.json", base / "data" / "uploads"),
    )


def test_a_file_of_data_may_be_named_itself(base: Path) -> None:
    found = read('[services]\naws = { data = ["data/orders.json"] }', base).aws
    assert found is not None
    assert found.data == (base / "data" / "orders.json",)


def test_a_template_beside_the_file_makes_a_private_aws(base: Path) -> None:
    (base / "template.yaml").write_text("Resources: {}\n")
    found = read("", base).aws
    assert found is not None
    assert found.found
    assert found.template == ORDERS
    assert read("[services]\naws = false", base).aws is None
    told = read('[services]\naws = { seed = "seed.py" }', base).aws
    assert told is not None
    assert not told.found
    assert told.template == ORDERS
    assert read("[services]\naws = { template = false }", base).aws == AwsService()


def test_the_template_of_a_candidate_comes_first(base: Path) -> None:
    (base / "template.yaml").write_text("Resources: {}\n")
    build = Build(
        path=base, template=base / "stack.yaml", computed_environment=(("TABLE", '{"Ref": "T"}'),)
    )
    found = read("", base, build).aws
    assert found is not None
    assert found.template_name == str(base / "stack.yaml")
    assert found.variables == (("TABLE", '{"Ref": "T"}'),)


def test_a_template_that_nobody_named_and_nobody_can_read_is_left_alone(base: Path) -> None:
    (base / "template.yaml").write_text("{{ jinja }}")

    def unreadable(_path: Path) -> TemplateResources:
        raise SourceError("it is not a template")

    table = Table(file="f", key=("functions", "orders"), values={})
    assert services_of(table, base=base, templates=unreadable, build=None).aws is None


def test_without_the_extra_a_template_makes_nothing(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (base / "template.yaml").write_text("Resources: {}\n")
    monkeypatch.setattr(service_tables, "is_installed", lambda: False)
    assert read("", base).aws is None
    assert read("[services]\naws = true", base).aws is not None


def test_http_and_its_documents(base: Path) -> None:
    found = read('[services]\nhttp = true\nopenapi = { "API.example.com" = "api.yaml" }', base)
    assert found.http
    assert found.openapi == (("api.example.com", base / "api.yaml"),)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("awz = {}", ['unknown key "awz"', 'Did you mean "aws"?']),
        ("aws = 3", ["services.aws is an integer (3)"]),
        ('aws = { sed = "x" }', ['unknown key "sed"', 'Did you mean "seed"?']),
        ('aws = { seed = "sed.py" }', ['"sed.py", which does not exist', '"seed.py"']),
        ('aws = { seed = "data" }', ["a Python file that defines seed(session)"]),
        ('aws = { data = ["gone"] }', ['"gone", which does not exist']),
        ('aws = { template = "gone.yaml" }', ["which does not exist"]),
        ('http = "cassettes"', ["services.http is a string", "NAME.downstream.json"]),
        ('openapi = { "api.example.com" = "gone.yaml" }', ["which does not exist"]),
        ('"db:0" = "127.0.0.1:1"', ["has no port from 1 to 65535"]),
        ('"db:99999" = "127.0.0.1:1"', ["has no port from 1 to 65535"]),
        ('"db:http" = "127.0.0.1:1"', ["has no port from 1 to 65535"]),
        ('"10.0.0.5:5432" = "127.0.0.1:1"', ["names an address", "only names can lead out"]),
        ('"[::1]:5432" = "127.0.0.1:1"', ["names an address"]),
        ('"a b:1" = "127.0.0.1:1"', ["is not a host's name with a port"]),
        ('"a.*.b:1" = "127.0.0.1:1"', ["is not a host's name with a port"]),
        ('"localhost:9001" = "127.0.0.1:1"', ["is taken inside every execution environment"]),
        ('"db:1" = "127.0.0.1"', ["is not host:port"]),
        ('"db:1" = 5', ["an address like"]),
        ('"db:1" = { adress = "x" }', ['Did you mean "address"?']),
        ('"db:1" = { address = "x" }', ["is not host:port"]),
        ('"db:1" = { address = "h:1", fixture = "f" }', ["mutually exclusive"]),
    ],
)
def test_mistakes(said: str, words: list[str], base: Path) -> None:
    message = refused(f"[services]\n{said}", base)
    for each in words:
        assert each in message
