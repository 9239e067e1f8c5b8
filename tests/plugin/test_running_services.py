"""Services that the user runs, behind doors: by address, by fixture and by hook."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator

import pytest

from helpers.made_projects import Project

ASKS = """
import socket

def handler(event, context):
    with socket.create_connection(("counter.internal", 7000), timeout=2) as connection:
        return {"count": int(connection.recv(10))}
"""
"""The count is that of the calls since the last reset: a pass that begins elsewhere shows."""


class Counter:
    """Says to each connection how many there were since it was reset by one to another port."""

    def __init__(self) -> None:
        self._count = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._resetter = socket.create_server(("127.0.0.1", 0))
        self.address, self.reset_address = (
            f"127.0.0.1:{each.getsockname()[1]}" for each in (self._listener, self._resetter)
        )
        for serve, on in ((self._greet, self._listener), (self._reset, self._resetter)):
            threading.Thread(target=self._each, args=(on, serve), daemon=True).start()

    def _each(self, on: socket.socket, serve: object) -> None:
        while True:
            try:
                connection, _ = on.accept()
            except OSError:
                return
            with connection:
                serve(connection)  # type: ignore[operator]

    def _greet(self, connection: socket.socket) -> None:
        self._count += 1
        connection.sendall(str(self._count).encode())

    def _reset(self, connection: socket.socket) -> None:
        self._count = 0
        connection.sendall(b"done")

    def close(self) -> None:
        for each in (self._listener, self._resetter):
            each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def counter() -> Iterator[Counter]:
    made = Counter()
    yield made
    made.close()


RESET = """\
import socket, sys
host, _, port = sys.argv[1].rpartition(":")
socket.create_connection((host, int(port))).recv(4)
"""


@pytest.fixture
def asking(project: Project) -> Project:
    for number in ("1", "2"):
        project.version(number, ASKS)
    (project.path / "reset.py").write_text(RESET)
    return project


def configured(project: Project, line: str) -> None:
    project.configure(
        'current = "2"',
        'events = "events"',
        'strategies = ["alias"]',
        'response = { mode = "exact" }',
        f"[functions.orders.services]\n{line}",
    )


def test_a_service_at_an_address_is_reset_before_each_pass(
    asking: Project, counter: Counter
) -> None:
    reset = f"{sys.executable} {asking.path / 'reset.py'} {counter.reset_address}"
    configured(
        asking,
        f'"counter.internal:7000" = {{ address = "{counter.address}", reset = "{reset}" }}',
    )
    result = asking.run("-k", "create or gift")
    result.assert_outcomes(passed=2, deselected=result.parseoutcomes().get("deselected", 0))


def test_a_service_comes_from_a_fixture_of_the_suite(asking: Project, counter: Counter) -> None:
    asking.pytester.makeconftest(
        f"""
        import socket
        import pytest
        from pytest_lambda_rollback.model.services import RunningService

        @pytest.fixture(scope="session")
        def started():
            print("STARTED")
            yield "{counter.address}"
            print("ENDED")

        @pytest.fixture(scope="session")
        def counter(started):
            def reset():
                host, _, port = "{counter.reset_address}".rpartition(":")
                socket.create_connection((host, int(port))).recv(4)

            return RunningService(address=started, reset=reset)

        @pytest.fixture(autouse=True)
        def each_test():
            raise AssertionError("no test of the suite runs here")
        """
    )
    configured(asking, '"counter.internal:7000" = { fixture = "counter" }')
    result = asking.run("-s", "-k", "create or gift")
    result.assert_outcomes(passed=2, deselected=result.parseoutcomes().get("deselected", 0))
    assert result.stdout.str().count("STARTED") == 1
    assert result.stdout.str().count("ENDED") == 1


def test_a_service_comes_from_the_hook(asking: Project, counter: Counter) -> None:
    asking.pytester.makeconftest(
        f"""
        import socket
        from pytest_lambda_rollback.model.services import RunningService

        def reset():
            host, _, port = "{counter.reset_address}".rpartition(":")
            socket.create_connection((host, int(port))).recv(4)

        def pytest_lambda_rollback_services(config, settings, function):
            assert function == "orders" and settings.functions
            running = RunningService(address="{counter.address}", reset=reset)
            return {{"counter.internal:7000": running}}
        """
    )
    configured(asking, "")
    result = asking.run("-k", "create or gift")
    result.assert_outcomes(passed=2, deselected=result.parseoutcomes().get("deselected", 0))


@pytest.mark.parametrize(
    ("conftest", "line", "words"),
    [
        ("", '{ fixture = "nobody" }', "there is no fixture nobody for lambda-rollback.toml"),
        (
            "import pytest\n@pytest.fixture(scope='session')\ndef pg():\n    1 / 0\n",
            '{ fixture = "pg" }',
            "the fixture pg failed: ZeroDivisionError: division by zero",
        ),
        (
            "import pytest\n@pytest.fixture(scope='session')\ndef pg():\n    return 5\n",
            '{ fixture = "pg" }',
            "the fixture pg gave 5 for counter.internal:7000",
        ),
        (
            "import pytest\n@pytest.fixture\ndef pg():\n    return '127.0.0.1:1'\n",
            '{ fixture = "pg" }',
            "the fixture pg has the scope function: it must outlive a single check. Give it the "
            'scope "session"',
        ),
        (
            "import pytest\n@pytest.fixture(scope='session')\ndef pg():\n    pytest.skip('no')\n",
            '{ fixture = "pg" }',
            "the fixture pg was skipped: no",
        ),
        ("", "{}", "functions.orders.services has no address for counter.internal:7000"),
        (
            "def pytest_lambda_rollback_services(config, settings, function):\n    1 / 0\n",
            "{}",
            "hook pytest_lambda_rollback_services failed: ZeroDivisionError",
        ),
    ],
)
def test_a_service_without_a_place_makes_its_checks_unknown(
    conftest: str, line: str, words: str, asking: Project
) -> None:
    (asking.path / "conftest.py").write_text(conftest)
    configured(asking, f'"counter.internal:7000" = {line}')
    result = asking.run("-k", "create")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    text = " ".join(result.stdout.str().split())
    assert "unknown" in text
    assert words in text


WITHOUT_THE_EXTRA = """
import importlib.util

find_spec = importlib.util.find_spec


def pytest_configure():
    importlib.util.find_spec = lambda name, *more: (
        None if name in ("moto", "trustme") else find_spec(name, *more)
    )
"""
TEMPLATE = """
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: orders
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
"""


@pytest.mark.parametrize(("line", "outcomes"), [("", {"passed": 2}), ("aws = {}", {"failed": 3})])
def test_a_service_that_needs_the_extra_says_so_and_a_template_alone_needs_none(
    line: str, outcomes: dict[str, int], project: Project
) -> None:
    for number in ("1", "2"):
        project.version(number)
    (project.path / "template.yaml").write_text(TEMPLATE)
    (project.path / "bare.py").write_text(WITHOUT_THE_EXTRA)
    configured(project, line)
    result = project.run("-p", "bare", "-k", "create or state or gift")
    found = result.parseoutcomes()
    assert {name: found.get(name, 0) for name in outcomes} == outcomes
    text = " ".join(result.stdout.str().split())
    assert ('pip install "pytest-lambda-rollback[state]"' in text) is bool(line)
