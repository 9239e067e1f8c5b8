"""Functions of package type Image: named by AWS, pulled from a registry, run by a user's pytest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from helpers.account_content import ROLE, Version, client_of, publish_function, zip_of
from helpers.aws_projects import JSON, Project, breaks_of, report_of, unknowns_of, verdicts_of
from helpers.registry import Registry, running_registry
from pytest_lambda_rollback.engines.docker.image_retention import remove_images

pytestmark = pytest.mark.docker

COMMAND = 'CMD ["app.handler"]'
LABEL = "pytest-lambda-rollback.test-session"
ANSWERS = (
    "{'id': event['id']}",
    "{'id': event['id'], 'total': 5}",
    "{'id': event['id'], 'total': 5 + int(len(os.environ['TABLE']) > 0)}",
)
"""What versions 1, 2 and 3 give: the first one lacks a key that callers have today."""


TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      PackageType: Image
      ImageUri: IMAGE
      MemorySize: 256
      Environment:
        Variables:
          TABLE: !Ref Table
          STAGE: prod
  Table:
    Type: AWS::Serverless::SimpleTable
"""


@pytest.fixture(scope="module")
def registry(
    docker_engine_ready: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    import docker

    client = docker.from_env()
    with running_registry(client, tmp_path_factory.mktemp("registry")) as made:
        yield made
        # What a run builds on an image has the image's labels.
        remove_images(client, f"{LABEL}={made.address}")
    client.close()


@dataclass(frozen=True)
class Images:
    """An image for each version, in the registry and nowhere else."""

    registry: Registry
    uris: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"LABEL {LABEL}={self.registry.address}"

    def publish(self, files: dict[str, str], tag: str = "live") -> str:
        return self.registry.publish(files, self.label, COMMAND, tag=tag)

    def build(self, name: str, files: dict[str, str], *steps: str) -> None:
        self.registry.build(name, files, self.label, *steps)

    def forget(self) -> None:
        for uri in self.uris:
            self.registry.forget(uri)


@pytest.fixture(scope="module")
def pushed(registry: Registry) -> Images:
    sources = (f"import os\ndef handler(event, context): return {text}\n" for text in ANSWERS)
    other = "def handler(event, context): return {'total': 5, 'id': 'other'}\n"
    images = Images(registry=registry)
    return replace(
        images,
        uris=tuple(images.publish({"app.py": source, "other.py": other}) for source in sources),
    )


def publish_images(
    client: Any,
    uris: tuple[str, ...],
    *,
    name: str = "orders",
    configs: Mapping[int, Mapping[str, Any]] | None = None,
) -> None:
    """A version for each image, and the alias ``live`` at the last one."""
    for number, uri in enumerate(uris, start=1):
        settings = {
            "Role": ROLE,
            "Environment": {"Variables": {"TABLE": "secret-table"}},
            "ImageConfig": dict((configs or {}).get(number, {})),
        }
        if number == 1:
            client.create_function(
                FunctionName=name, PackageType="Image", Code={"ImageUri": uri}, **settings
            )
        else:
            client.update_function_configuration(FunctionName=name, **settings)
            client.update_function_code(FunctionName=name, ImageUri=uri)
        published = client.publish_version(FunctionName=name)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion=published["Version"])


@pytest.fixture
def orders(project: Project, pushed: Images) -> Iterator[Project]:
    """Versions 1 to 3 by their digests, and an event."""
    publish_images(client_of(project.server), pushed.uris)
    project.event("orders", "create", {"id": "1"})
    project.configure('[functions.orders]\naws = "orders"\n')
    yield project
    pushed.forget()


def test_the_name_of_a_function_is_enough(orders: Project, pushed: Images) -> None:
    run = orders.pytest(JSON, engine="docker")
    report = report_of(orders)
    assert run.code == 1, run.text
    assert breaks_of(report) == {("1", "alias"): {"create"}, ("1", "redeploy"): {"create"}}
    assert unknowns_of(report) == []
    names = {check.rpartition("::")[2] for check in verdicts_of(report)}
    assert names == {"platform", "create"}
    run.shows(
        f"pulling {pushed.uris[2]}",
        "answers without /total, which orders:3 always returns",
        "placeholders for values of: TABLE",
        "The newest safe target of orders is 2, by alias and redeploy",
    )
    notes = {
        note
        for target in report["functions"][0]["targets"]
        for c in target["checks"]
        for note in c["notes"]
    }
    assert any(
        note.startswith("the content of the image of orders:2 is not analysed") for note in notes
    )
    assert all(f'"{uri}"' in orders.lock("orders") for uri in pushed.uris)
    assert "secret-table" not in run.text + orders.lock("orders")

    # Docker has them now: the archive says which, and nobody is asked. Lines that events reach
    # are not looked for in images.
    orders.server.reset_counts()
    offline = orders.pytest(
        JSON, "--lambda-rollback-offline", "--lambda-rollback-coverage", engine="docker"
    )
    assert offline.code == 1, offline.text
    assert breaks_of(report_of(orders)) == breaks_of(report)
    assert orders.server.counts()["requests"] == {}
    assert "pulling" not in offline.text


def test_sync_writes_digests_down_and_offline_says_what_to_pull(
    orders: Project, pushed: Images
) -> None:
    synced = orders.console("sync")
    assert synced.code == 0, synced.text
    synced.shows("4 versions are container images: recorded by digest, pulled when they run")
    assert all(f'"{uri}"' in orders.lock("orders") for uri in pushed.uris)
    assert orders.server.requests("GetFunction") == 4

    again = orders.console("sync")
    again.shows("0 lock files changed")
    # Only $LATEST can have another one.
    assert orders.server.requests("GetFunction") == 5

    run = orders.pytest("--lambda-rollback-offline", "-k", "2-alias", engine="docker")
    assert run.code == 1
    run.shows(
        f"unknown: orders:2 by alias on create: the current version of orders cannot be run: "
        f"the image {pushed.uris[2]} of orders:3 is unavailable: it is not on this machine",
        f"Get it with `docker pull --platform linux/amd64 {pushed.uris[2]}`",
    )


def test_an_image_that_the_registry_lost_is_unknown(orders: Project, pushed: Images) -> None:
    lost = pushed.publish(
        {"app.py": "def handler(event, context): return {'lost': True}\n"}, tag="lost"
    )
    publish_images(client_of(orders.server), (lost, pushed.uris[2]), name="lost")
    pushed.registry.delete(lost)
    orders.event("lost", "create", {"id": "1"})
    orders.configure('strategies = ["alias"]\n[functions.lost]\naws = "lost"\n')
    run = orders.pytest(engine="docker")
    assert run.code == 1
    run.shows(
        f"unknown: lost:1 by alias on create: the image {lost} of lost:1 is unavailable",
        "it was deleted, by hand or by a lifecycle policy",
        "Push that image again from a machine that still has it",
        "No target of lost is known to be safe",
    )
    assert "Traceback" not in run.text


def test_what_the_function_says_in_place_of_the_image_is_run(
    project: Project, pushed: Images
) -> None:
    configs = {1: {"Command": ["other.handler"]}, 2: {"WorkingDirectory": "/var/task"}}
    uris = (pushed.uris[1],) * 3
    publish_images(client_of(project.server), uris, configs=configs)
    project.event("orders", "create", {"id": "1"})
    project.configure(
        'strategies = ["alias"]\n[functions.orders]\naws = "orders"\n'
        'response = { mode = "exact" }\n'
    )
    run = project.pytest(JSON, engine="docker")
    assert breaks_of(report_of(project)) == {("1", "alias"): {"create"}}, run.text
    run.shows('current  "1"', 'target   "other"')


def test_the_sandbox_engine_names_docker(orders: Project) -> None:
    run = orders.pytest("-k", "2-alias")
    assert run.code == 1
    run.shows(
        "orders:3 cannot be run by the sandbox engine: its package is a container image, "
        "which needs Docker. Use the docker engine on a machine where Docker answers."
    )


def test_zip_versions_of_a_function_that_became_an_image(project: Project, pushed: Images) -> None:
    client = client_of(project.server)
    source = "def handler(event, context): return {'id': event['id'], 'total': 4}\n"
    publish_function(client, "orders", [Version(code=zip_of({"app.py": source}))])
    project.configure('[functions.orders]\naws = "orders"\n')
    project.event("orders", "create", {"id": "1"})
    assert project.console("sync").code == 0

    client.delete_function(FunctionName="orders")
    publish_images(client, (pushed.uris[1],))
    base = "lambda-rollback-test/base:python3.11"
    pushed.build(base, {})
    option = f"--lambda-rollback-base-image=python3.11={base}"
    run = project.pytest(JSON, option, engine="docker")
    assert run.code == 1, run.text
    assert verdicts_of(report_of(project)) == {
        f"lambda-rollback.toml::orders::{name}": verdict
        for name, verdict in {
            "1-alias::dependencies": "safe",
            "1-alias::imports": "safe",
            "1-alias::platform": "breaks",
            "1-alias::create": "safe",
            "1-redeploy::platform": "breaks",
        }.items()
    }
    run.shows(
        "orders:1 by alias is impossible: version 1 was deleted in AWS",
        "platform: package-type-changed",
        "orders:1 by redeploy cannot be deployed: it is a zip package and orders:2 is a container "
        "image, and AWS does not change the package type of a function",
    )


def test_an_image_that_sam_built_is_a_candidate(orders: Project, pushed: Images) -> None:
    name = "lambda-rollback-test/orders:candidate"
    pushed.build(
        name,
        {"app.py": "def handler(event, context): return {'id': '1', 'total': 5, 'tax': 1}\n"},
        COMMAND,
    )
    build = orders.path / ".aws-sam" / "build"
    build.mkdir(parents=True)
    (build / "template.yaml").write_text(TEMPLATE.replace("IMAGE", name))
    run = orders.pytest(
        JSON, "--lambda-rollback-candidate=.aws-sam/build", "-k", "3-alias", engine="docker"
    )
    assert run.code == 1, run.text
    assert breaks_of(report_of(orders)) == {("3", "alias"): {"create"}}
    run.shows(
        "orders:3 by alias answers without /tax, which orders:candidate always returns",
        "inherited: settings from Orders in .aws-sam/build/template.yaml, known only at "
        "deployment: Environment.Variables.TABLE",
        "placeholders for values of: TABLE",
    )
    assert f"pulling {name}" not in run.text
