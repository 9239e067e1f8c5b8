"""`lambda-rollback record --downstream`, with real sandboxes and a service on a loopback port."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.certificates import Authority
from helpers.loopback_service import Service, served
from helpers.sandbox_gate import needed_bubblewrap
from pytest_lambda_rollback.cli import main

Record = Callable[..., tuple[int, str, str]]

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
CONFIGURATION = f"""
engine = "sandbox"
[functions.orders]
current = "1"
targets = []
events = "events"
[functions.orders.versions.1]
code = "code"
runtime = "{RUNTIME}"
handler = "app.handler"
"""
CODE = """
import json, os, urllib.request, urllib.error

def asked(url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        return {"status": error.code, "reason": error.reason}

def handler(event, context):
    base = event["base"]
    if "elsewhere" in event:
        return asked(event["elsewhere"])
    token = os.environ.get("API_TOKEN", "none")
    first = asked(base + "/v1/customers?mail=" + event["mail"], Authorization="Bearer " + token)
    second = asked(base + "/v1/charges", {"mail": event["mail"], "token": first.get("token")})
    return {"first": first, "second": second}
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with served(authority) as made:
        yield made


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Service) -> Path:
    needed_bubblewrap()
    monkeypatch.setenv("LAMBDA_ROLLBACK_PSEUDONYM_KEY", "k" * 32)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    (folder / "code").mkdir(parents=True)
    (folder / "events").mkdir()
    (folder / "code" / "app.py").write_text(CODE)
    (folder / "lambda-rollback.toml").write_text(CONFIGURATION)
    event = {"base": f"https://localhost:{service.port}", "mail": "ann.lee@shop.com"}
    (folder / "events" / "paid.json").write_text(json.dumps(event))
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def record(project: Path, capsys: pytest.CaptureFixture[str]) -> Record:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["record", "orders", "--downstream", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_answers_are_recorded_redacted_and_say_what_the_event_says(
    project: Path, record: Record, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "kZ8vQ2mT5xW9bN4rL7cJ1pD6sF3hG0yA"
    service.answer = {"token": secret, "phone": "+49 171 5550123", "total": 1.5}
    monkeypatch.setenv("API_TOKEN", "real-token-of-the-user")
    code, out, err = record("--allow", f"localhost:{service.port}", "--pass-env", "API_TOKEN")
    assert code == 0, out + err
    base = f"https://localhost:{service.port}"
    assert out.splitlines() == [
        "orders: 2 answers recorded for 1 of 1 event",
        f"recorded paid.downstream.json: GET {base}/v1/customers, POST {base}/v1/charges",
        out.splitlines()[2],
    ]
    assert out.splitlines()[2].startswith("replaced ")

    # The service got the real values.
    (_, path, headers, _), (_, _, _, body) = service.seen
    assert path == "/v1/customers?mail=ann.lee@shop.com"
    assert headers["authorization"] == "Bearer real-token-of-the-user"
    assert json.loads(body) == {"mail": "ann.lee@shop.com", "token": secret}

    # The file has none of the service's secrets; what the event says, the function says again.
    text = (project / "events" / "paid.downstream.json").read_text()
    for value in (secret, "5550123", "real-token"):
        assert value not in text
    first, second = json.loads(text)["downstream"]
    assert first["url"] == f"{base}/v1/customers?mail=ann.lee@shop.com"
    assert second["body"]["mail"] == "ann.lee@shop.com"
    assert second["body"]["token"] == first["response"]["body"]["token"] != secret
    assert first["response"]["body"]["total"] == 1.5
    assert (first["method"], first["response"]["status"]) == ("GET", 201)


def test_what_was_recorded_is_replayed_without_the_service(
    project: Path, record: Record, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer = {"token": "kZ8vQ2mT5xW9bN4rL7cJ1pD6sF3hG0yA"}
    file = project / "lambda-rollback.toml"
    older = CONFIGURATION.partition("[functions.orders.versions.1]")[2]
    configuration = CONFIGURATION.replace("targets = []", 'targets = ["old"]')
    file.write_text(f"{configuration}[functions.orders.versions.old]{older}")
    code, out, err = record("--allow", f"localhost:{service.port}")
    assert code == 0, out + err
    asked = len(service.seen)

    monkeypatch.delenv("SSL_CERT_FILE")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--lambda-rollback", "-q", "-p", "no:cacheprovider",
         "-k", "paid"],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert len(service.seen) == asked


def test_nothing_goes_to_a_host_that_is_not_allowed(
    project: Path, record: Record, service: Service
) -> None:
    event = {"base": "", "elsewhere": "https://hooks.example.com/x"}
    (project / "events" / "hook.json").write_text(json.dumps(event))
    code, out, err = record("--allow", "*.other.example.com", "--event", "hook")
    assert code == 1, err
    assert out.splitlines() == [
        "orders: nothing recorded: no host that it asked for is allowed",
        "not allowed hooks.example.com: add --allow hooks.example.com",
    ]
    assert service.seen == []
    assert sorted(path.name for path in (project / "events").iterdir()) == [
        "hook.json",
        "paid.json",
    ]


def test_a_function_that_asks_nothing(project: Path, record: Record) -> None:
    (project / "code" / "app.py").write_text("def handler(event, context):\n    return event\n")
    code, out, _ = record("--allow", "api.example.com")
    assert (code, out) == (1, "orders: nothing recorded: it asked no service\n")


def test_a_function_that_fails_is_told(project: Path, record: Record) -> None:
    (project / "code" / "app.py").write_text(
        "def handler(event, context):\n    raise OSError('x')\n"
    )
    code, out, _ = record("--allow", "api.example.com")
    assert code == 1
    assert "FAILED  paid: OSError: x" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--allow", "https://a.example.com/x"), '--allow names "https://a.example.com/x"'),
        (("--allow", "*"), '--allow names "*"'),
        (("--allow", "a:99999"), '--allow names "a:99999"'),
        (("--event", "other"), 'orders has no event "other". Its events are paid.'),
        (("--pass-env", "NOT_SET_ANYWHERE"), "NOT_SET_ANYWHERE, which is not set"),
    ],
)
def test_wrong_arguments(record: Record, arguments: tuple[str, ...], message: str) -> None:
    code, _, err = record(*arguments)
    assert code == 2
    assert message in err


def test_options_of_downstream_alone_are_refused_without_it(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", "orders", "--allow", "api.example.com"]) == 2
    assert "--allow is an option of --downstream. Add --downstream" in capsys.readouterr().err


def test_the_process_engine_cannot_record(project: Path, record: Record) -> None:
    file = project / "lambda-rollback.toml"
    file.write_text(file.read_text().replace('"sandbox"', '"process"'))
    code, _, err = record("--allow", "api.example.com")
    assert code == 1
    assert "the engine process cannot record answers" in err
