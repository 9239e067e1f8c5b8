"""What a function can reach, read, write and use up in a sandbox, as root and as another user."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.made_versions import changed
from pytest_lambda_rollback.engines.sandbox.engine import SandboxEngine
from pytest_lambda_rollback.errors import EngineError, SourceError
from pytest_lambda_rollback.model.replay import Invocation, Outcome, OutcomeKind
from pytest_lambda_rollback.model.versions import FunctionVersion
from pytest_lambda_rollback.packages.artifacts import ArtifactStore

pytestmark = pytest.mark.fault

OWN = "{}.{}".format(*sys.version_info)

MakeVersion = Callable[..., FunctionVersion]


def replayed(engine: SandboxEngine, version: FunctionVersion, event: object = None) -> Outcome:
    environment = engine.start(version)
    try:
        return environment.invoke(Invocation(request_id="id", event=json.dumps(event).encode()))
    finally:
        environment.close()


def value(outcome: Outcome) -> Any:
    assert outcome.kind is OutcomeKind.RESPONSE, f"{outcome.detail} {outcome.logs}"
    return json.loads(outcome.payload or b"")


# --- network ------------------------------------------------------------------------------------


@pytest.fixture
def listeners() -> Iterator[tuple[list[int], list[str], list[object]]]:
    """Ports on all interfaces by TCP and UDP, a name of a local socket, and who came there."""
    seen: list[object] = []
    tcp, udp = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
    local = socket.socket(socket.AF_UNIX)
    name = f"\0lambda-rollback-test-{os.getpid()}"
    for each, address in ((tcp, ("0.0.0.0", 0)), (udp, ("0.0.0.0", 0)), (local, name)):
        each.bind(address)
    tcp.listen()
    local.listen()

    def watch(each: socket.socket, receive: Callable[[], object]) -> None:
        try:
            while True:
                seen.append(receive())
        except OSError:
            return

    for each, receive in ((tcp, tcp.accept), (local, local.accept), (udp, lambda: udp.recv(99))):
        threading.Thread(target=watch, args=(each, receive), daemon=True).start()
    yield [tcp.getsockname()[1], udp.getsockname()[1]], [name], seen
    for each in (tcp, udp, local):
        shut(each)


def shut(each: socket.socket) -> None:
    with contextlib.suppress(OSError):  # ends the threads that wait on it
        each.shutdown(socket.SHUT_RDWR)
    each.close()


def addresses_of_this_machine() -> list[str]:
    """Loopback, the machine's own addresses, and those of bridges such as Docker's."""
    found = {"127.0.0.1", "127.0.0.53", "172.17.0.1", "169.254.169.254", "169.254.100.6"}
    local = Path("/proc/net/fib_trie").read_text().split()
    found |= {word for word in local if word.count(".") == 3 and not word.endswith((".0", ".255"))}
    return sorted(found)


REACH = """
import os, socket
def handler(event, context):
    reached = []
    for address in event["addresses"]:
        for port in event["ports"]:
            try:
                socket.create_connection((address, port), timeout=1).close()
                reached.append([address, port])
            except OSError:
                pass
            try:
                with socket.socket(type=socket.SOCK_DGRAM) as udp:
                    udp.sendto(b"hello", (address, port))
            except OSError:
                pass
    for path in event["sockets"]:
        with socket.socket(socket.AF_UNIX) as local:
            try:
                local.connect(path)
                reached.append(path)
            except OSError:
                pass
    for name in ("localhost.localdomain", "example.com", "sqs.eu-west-1.amazonaws.com"):
        try:
            socket.create_connection((name, 443), timeout=1).close()
            reached.append(name)
        except ConnectionRefusedError:
            pass
    return [reached, [name for _, name in socket.if_nameindex()]]
"""


def test_no_address_name_or_socket_is_reached(
    engine: SandboxEngine,
    make_version: MakeVersion,
    listeners: tuple[list[int], list[str], list[object]],
) -> None:
    ports, names, seen = listeners
    event = {
        "addresses": addresses_of_this_machine(),
        "ports": ports,
        "sockets": ["/var/run/docker.sock", "/run/docker.sock", *names],
    }
    assert value(replayed(engine, make_version(REACH), event)) == [[], ["lo"]]
    assert seen == []


def test_another_environment_is_not_reached(
    engine: SandboxEngine, make_version: MakeVersion
) -> None:
    listening = make_version(
        """
        import pathlib, socket
        tcp = socket.create_server(("", 8080))
        local = socket.socket(socket.AF_UNIX)
        local.bind("\\0another")
        local.listen()
        pathlib.Path("/tmp/note").write_text("of another")
        def handler(event, context):
            return "listens"
        """
    )
    other = make_version(
        """
        import os, pathlib, socket
        def handler(event, context):
            refused = []
            for family, address in ((socket.AF_INET, ("127.0.0.1", 8080)),
                                    (socket.AF_INET, ("169.254.100.6", 8080)),
                                    (socket.AF_UNIX, "\\0another")):
                with socket.socket(family) as each:
                    try:
                        each.connect(address)
                    except OSError:
                        refused.append(str(address))
            return [len(refused), os.listdir("/tmp")]
        """
    )
    environment = engine.start(listening)
    assert value(environment.invoke(Invocation(request_id="1", event=b"1"))) == "listens"
    assert value(replayed(engine, other)) == [3, []]
    environment.close()


# --- files and identity -------------------------------------------------------------------------

LOOK = """
import ctypes, os, pathlib, pwd, socket, sys
WRITTEN = ("/x", "/var/x", "/var/task/x", "/var/task/app.py", "/opt/x", "/opt/layer.txt", "/etc/x",
           "/usr/x", "/dev/x", "/dev/shm/x", "/dev/mqueue/x", "/var/runtime/x", "/var/lang/x",
           "/var/runtime/bootstrap", "/var/runtime/bootstrap.py", "/proc/sys/kernel/core_pattern",
           "/var/runtime/awslambdaric/__init__.py", "/carrier", "/tmp/x", "/run/x",
           "/run/lambda-rollback/x")
def written(path):
    try:
        with open(path, "ab") as file:
            file.write(b"x")
        return True
    except OSError:
        try:
            os.chmod(path, 0o777)
            os.unlink(path)
            return True
        except OSError:
            return False
def handler(event, context):
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    libc = ctypes.CDLL(None)
    return {
        "user": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()],
        "name": pwd.getpwuid(os.getuid()).pw_name,
        "host": socket.gethostname(),
        "capabilities": [int(status[name], 16) for name in
                         ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
        "no_new_privileges": status["NoNewPrivs"].strip(),
        "written": [path for path in WRITTEN if written(path)],
        "there": [path for path in event if pathlib.Path(path).exists()],
        "run": os.listdir("/run"),
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit())[0],
        "count": len([name for name in os.listdir("/proc") if name.isdigit()]),
        "unshare": libc.unshare(0x10000000),
        "python": sys.executable,
        "environment": sorted(os.environ),
    }
"""


def test_lambdas_user_who_can_write_to_two_folders_alone(
    engine: SandboxEngine, make_version: MakeVersion
) -> None:
    hidden = [
        "/home",
        "/root",
        "/run/docker.sock",
        "/var/run",
        "/sys",
        "/etc/shadow",
        "/etc/ssh",
        "/mnt",
    ]
    hidden += ["/dev/shm", "/dev/mqueue", "/dev/tty", str(Path.cwd()), str(Path.home())]
    version = make_version(LOOK, layer={"layer.txt": "of the layer"})
    seen = value(replayed(engine, version, hidden))
    assert seen["user"] == [993, 993, 990, 990, []]
    assert seen["name"] == "sbx_user1051"
    assert seen["host"] == "169.254.100.6"
    assert seen["capabilities"] == [0, 0, 0, 0, 0]
    assert seen["no_new_privileges"] == "1"
    assert seen["written"] == ["/tmp/x", "/run/lambda-rollback/x"]
    assert seen["run"] == ["lambda-rollback"]
    assert seen["there"] == []
    assert (seen["processes"], seen["count"]) == (1, 2)
    assert seen["unshare"] == -1
    assert seen["python"] == f"/var/lang/bin/python{OWN}"
    assert not {"HOME", "USER", "LOGNAME", "VIRTUAL_ENV"} & set(seen["environment"])


def test_tmp_has_exactly_the_functions_size(
    engine: SandboxEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        import os
        def handler(event, context):
            size, block = 0, bytes(1 << 20)
            with open("/tmp/big", "wb", buffering=0) as file:
                try:
                    while True:
                        size += file.write(block)
                except OSError as error:
                    return [size, error.errno]
        """,
        ephemeral_storage_mb=513,
    )
    assert value(replayed(engine, version)) == [513 << 20, 28]


def test_files_that_only_their_owner_may_read(
    engine: SandboxEngine, make_version: MakeVersion, store: ArtifactStore, tmp_path: Path
) -> None:
    version = make_version("def handler(event, context):\n    return open('closed').read()")
    packed = tmp_path / "closed.zip"
    make_closed_zip(packed)
    code = store.load(packed, label="closed.zip", root_dir="/var/task")
    version = changed(version, code=code)
    if os.geteuid() == 0 and engine._bubblewrap.as_root:
        outcome = replayed(engine, version)
        assert outcome.kind is OutcomeKind.FUNCTION_ERROR
        assert outcome.error is not None
        assert outcome.error.type == "PermissionError"
        return
    with pytest.raises(EngineError, match=r"closed in closed\.zip is not readable"):
        engine.prepare(version, print)


def make_closed_zip(path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(path, "w") as made:
        for name, mode, text in (
            ("app.py", 0o644, "def handler(event, context):\n    return open('closed').read()"),
            ("closed", 0o600, "secret"),
        ):
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o100000 | mode) << 16
            made.writestr(info, text)


def test_standard_output_can_be_opened_by_its_name(
    engine: SandboxEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        def handler(event, context):
            for name in ("/dev/stdout", "/dev/stderr", "/proc/self/fd/2"):
                with open(name, "a") as file:
                    file.write(f"through {name}\\n")
            raise ValueError
        """
    )
    logs = replayed(engine, version).logs
    assert {"through /dev/stdout", "through /dev/stderr", "through /proc/self/fd/2"} <= set(logs)


def test_a_changed_package_is_not_run(
    engine: SandboxEngine, make_version: MakeVersion, store: ArtifactStore
) -> None:
    version = make_version("def handler(event, context):\n    return 'as published, once'")
    tar = version.code.tar
    tar.write_bytes(tar.read_bytes().replace(b"published", b"corrupted"))
    try:
        with pytest.raises(SourceError, match="code has changed in the artefact store"):
            engine.prepare(version, print)
    finally:
        tar.unlink()


# --- limits -------------------------------------------------------------------------------------


def test_more_memory_than_the_function_has_is_out_of_memory(
    engine: SandboxEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        def handler(event, context):
            kept = bytearray(event << 20)
            kept[::4096] = b"x" * len(kept[::4096])
            return len(kept) >> 20
        """,
        memory_mb=256,
    )
    assert value(replayed(engine, version, 150)) == 150
    outcome = replayed(engine, version, 400)
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert outcome.peak_memory_bytes is None or outcome.peak_memory_bytes > 256 << 20


def test_processes_and_files_are_limited_as_in_lambda(
    engine: SandboxEngine, make_version: MakeVersion
) -> None:
    version = make_version(
        """
        import os, resource, signal
        def handler(event, context):
            children = []
            try:
                while len(children) < 2000:
                    pid = os.fork()
                    if pid == 0:
                        signal.pause()
                    children.append(pid)
            except OSError:
                pass
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            limits = [resource.getrlimit(limit) for limit in
                      (resource.RLIMIT_NPROC, resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)]
            return [len(children), limits]
        """,
        memory_mb=3008,
    )
    count, limits = value(replayed(engine, version))
    assert 900 < count < 1024
    assert limits == [[1024, 1024], [1024, 1024], [0, 0]]


# --- wrapper scripts ----------------------------------------------------------------------------

ECHO = "import os\ndef handler(event, context):\n    return os.environ.get('BY_WRAPPER')"
WRAPPED = (("AWS_LAMBDA_EXEC_WRAPPER", "/opt/wrapper"),)


def test_a_wrapper_script_starts_the_runtime(
    engine: SandboxEngine, make_version: MakeVersion
) -> None:
    layer = {"wrapper": '#!/bin/sh\nexport BY_WRAPPER="$*"\nexec "$@"\n'}
    version = make_version(ECHO, layer=layer, environment=WRAPPED)
    arguments = value(replayed(engine, version))
    assert arguments == f"/var/lang/bin/python{OWN} /var/runtime/bootstrap.py"


@pytest.mark.parametrize(
    ("layer", "status", "words"),
    [
        (None, 127, "/opt/wrapper: does not exist"),
        ({"wrapper": "exec"}, 126, "/opt/wrapper: is not an executable"),
    ],
)
def test_a_wrapper_script_that_cannot_be_run_fails_the_initialisation(
    engine: SandboxEngine,
    make_version: MakeVersion,
    layer: dict[str, str] | None,
    status: int,
    words: str,
) -> None:
    outcome = replayed(engine, make_version(ECHO, layer=layer, environment=WRAPPED))
    assert outcome.kind is OutcomeKind.RUNTIME_EXIT
    assert outcome.detail == f"the runtime exited with status {status} during the initialisation"
    assert words in outcome.logs
