"""A private AWS as the rest of the plugin knows it: contents, passes, connections.

Everything is in processes of a child program: moto is never imported here. The processes are
reached by sockets without a name, which nobody else can open.
https://docs.getmoto.org/en/latest/
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import IO, Any, Final

from pytest_lambda_rollback.errors import ConfigError, EngineError, RollbackError
from pytest_lambda_rollback.model.services import (
    Answer,
    ServiceRequest,
    StoredItem,
    StoredState,
)
from pytest_lambda_rollback.model.settings import AwsService
from pytest_lambda_rollback.services.aws.channel import Channel, ChannelError

START_LIMIT_S: Final = 60.0
SEED_LIMIT_S: Final = 60.0
ANSWER_LIMIT_S: Final = 30.0
_ERROR_LIMIT_BYTES: Final = 2000

DUMMY_CREDENTIAL: Final = "lambda-rollback-dummy"

_KEPT_VARIABLES: Final = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TMPDIR", "TZ")


class PrivateAws:
    """The private AWS of one worker process; safe for several threads.

    The child program starts with the first call of `seeded`, or with `start_ahead`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._program: _Program | None = None
        self._slots: dict[tuple[AwsService, str, str], _Slot] = {}

    def start_ahead(self) -> None:
        """Start the child program and do not wait for it. Raises EngineError."""
        with self._lock:
            self._started()

    def seeded(self, content: AwsService, *, region: str, account: str) -> SeededAws:
        """The state that passes of this content begin with; made once.

        Raises ConfigError for a content that cannot be made, EngineError where this machine
        cannot have a private AWS.
        """
        with self._lock:
            program = self._started()
            slot = self._slots.setdefault((content, region, account), _Slot())
        with slot.lock:
            if slot.error is not None:
                raise slot.error
            if slot.seeded is None or slot.seeded.ended:
                try:
                    slot.seeded = program.seed(content, region=region, account=account)
                except ConfigError as error:
                    slot.error = error
                    raise
            return slot.seeded

    def close(self) -> None:
        """End all processes. Safe to call twice."""
        with self._lock:
            slots, self._slots = list(self._slots.values()), {}
            program, self._program = self._program, None
        for slot in slots:
            if slot.seeded is not None:
                slot.seeded.close()
        if program is not None:
            program.close()

    def _started(self) -> _Program:
        if self._program is not None and self._program.ended:
            self._program.close()
            self._program = None
        if self._program is None:
            self._program = _Program()
        return self._program


class SeededAws:
    """A state that is ready; each pass gets a copy of its own."""

    def __init__(
        self,
        channel: Channel,
        *,
        resources: Mapping[str, Mapping[str, str]],
        notes: tuple[str, ...],
        program: _Program,
    ) -> None:
        self.resources = resources
        """What ``Ref`` and ``Fn::GetAtt`` give, by the logical id in the template and by
        ``Ref``, ``Arn``, ``Name`` or another attribute."""
        self.notes = notes
        """What of a template was left out, one clause each."""
        self._channel = channel
        self._program = program  # which ends when nothing refers to it
        self._lock = threading.Lock()
        self.ended = False
        """Whether its process has gone; another one can be made then."""

    def open(self) -> AwsPass:
        """A fresh copy of the state. Raises EngineError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                with self._lock:
                    _asked(self._channel, {"do": "open"}, passed=theirs)
            except EngineError:
                self.ended = True
                ours.close()
                raise
        return AwsPass(Channel(ours))

    def close(self) -> None:
        """End the process; no more passes can be opened."""
        self.ended = True
        self._channel.close()


class AwsPass:
    """One pass's copy of a state; safe for several threads."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._told = 0

    def connect(self) -> socket.socket:
        """A new connection that takes plain HTTP/1.1 for any service. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                with self._lock:
                    self._channel.send({"do": "connect"}, passed=(theirs.fileno(),))
            except ChannelError as error:
                ours.close()
                raise ConnectionRefusedError(f"the private AWS: {error}") from error
        return ours

    def requests(self) -> tuple[ServiceRequest, ...]:
        """Requests since this was called before, in the order of their answers.

        Raises EngineError.
        """
        with self._lock:
            requests: list[ServiceRequest] = []
            more = True
            while more:
                answer = _asked(self._channel, {"do": "requests", "since": self._told})
                for fields in answer["requests"]:
                    fields["answer"] = Answer(fields["answer"])
                    requests.append(ServiceRequest(**fields))
                self._told += len(answer["requests"])
                more = answer["more"]
            return tuple(requests)

    def stored(self) -> StoredState:
        """All that is stored now. Raises EngineError."""
        with self._lock:
            answer = _asked(self._channel, {"do": "stored"})
        return StoredState(
            items=tuple(
                StoredItem(service=service, container=container, key=key, value=value)
                for service, container, key, value in answer["items"]
            ),
            left_out=tuple(answer["left_out"]),
        )

    def close(self) -> None:
        """Drop the state and end its process. Safe to call twice."""
        self._channel.close()


@dataclass(slots=True)
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    seeded: SeededAws | None = None
    error: RollbackError | None = None


class _Program:
    """The child program, and the one channel to it."""

    def __init__(self) -> None:
        if not hasattr(os, "fork") or not hasattr(socket, "send_fds"):
            raise EngineError(
                "A private AWS cannot run on this system",
                why="it needs fork, which Linux and macOS have",
                do="Run the checks on Linux or macOS, or remove aws from the function's services",
            )
        if importlib.util.find_spec("moto") is None:
            raise missing_extra("moto is not installed")
        self._lock = threading.Lock()
        self._ready = False
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours)
        with theirs:
            module = f"{__package__}.program"
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=_variables(),
                cwd=tempfile.gettempdir(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,  # Ctrl-C is the plugin's
            )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def seed(self, content: AwsService, *, region: str, account: str) -> SeededAws:
        ours, theirs = socket.socketpair()
        channel = Channel(ours)
        request = {
            "do": "seed",
            "content": _message(content),
            "region": region,
            "account": account,
        }
        try:
            with theirs:
                pid = self._asked(request, passed=theirs)["pid"]
            try:
                received = channel.receive(timeout_s=SEED_LIMIT_S)
            except ChannelError as error:
                self._asked({"do": "end", "pid": pid})
                raise ConfigError(
                    "The private AWS was not ready in time",
                    why=f"its seed has taken more than {SEED_LIMIT_S:g} s",
                    do="Make the seed smaller, or move what it waits for out of it",
                ) from error
            if received is None:
                raise self._failure("The private AWS ended while it was seeded")
            answer, _ = received
            if error_fields := answer.get("error"):
                printed = error_fields.get("output") or ""
                why = error_fields["why"] + (f"; it printed: {printed}" if printed else "")
                raise ConfigError(_capital(error_fields["what"]), why=why, do=error_fields["do"])
        except BaseException:
            channel.close()
            raise
        resources = {
            name: MappingProxyType(dict(attributes))
            for name, attributes in answer["resources"].items()
        }
        return SeededAws(
            channel,
            resources=MappingProxyType(resources),
            notes=tuple(answer["notes"]),
            program=self,
        )

    def close(self) -> None:
        self._channel.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._errors.close()

    def _asked(self, message: dict[str, Any], passed: socket.socket | None = None) -> Any:
        with self._lock:
            if not self._ready:
                try:
                    received = self._channel.receive(timeout_s=START_LIMIT_S)
                except ChannelError as error:
                    raise self._failure("The private AWS did not start") from error
                answer = received[0] if received else {}
                failed = str(answer.get("failed", ""))
                if failed.startswith(("ImportError", "ModuleNotFoundError")):
                    raise missing_extra(failed)
                if not answer.get("ready"):
                    raise self._failure("The private AWS did not start", failed)
                self._ready = True
            try:
                return _asked(self._channel, message, passed=passed)
            except EngineError as error:
                raise self._failure(error.what, error.why) from error

    def _failure(self, what: str, why: str = "") -> EngineError:
        with contextlib.suppress(OSError, ValueError):
            size = self._errors.seek(0, os.SEEK_END)
            self._errors.seek(max(0, size - _ERROR_LIMIT_BYTES))
            lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
            why = "; ".join(part for part in (why, lines[-1] if lines else "") if part)
        return EngineError(what, why=why, do=_REPEAT)


_REPEAT: Final = "Repeat the run; if it happens again, report it with this message"


def missing_extra(why: str) -> EngineError:
    """The error where moto is not there."""
    return EngineError(
        'A private AWS needs the extra "state"',
        why=why,
        do='pip install "pytest-lambda-rollback[state]"',
    )


def _asked(
    channel: Channel, message: dict[str, Any], *, passed: socket.socket | None = None
) -> dict[str, Any]:
    """The answer to a message. Raises EngineError; the other end has gone then."""
    try:
        channel.send(message, passed=() if passed is None else (passed.fileno(),))
        if passed is not None:
            passed.close()
        received = channel.receive(timeout_s=ANSWER_LIMIT_S)
    except ChannelError as error:
        channel.close()
        raise EngineError("The private AWS does not answer", why=str(error), do=_REPEAT) from error
    if received is None:
        channel.close()
        raise EngineError("The private AWS has ended", why="its process is gone", do=_REPEAT)
    return received[0]


def _message(content: AwsService) -> dict[str, Any]:
    template = content.template
    return {
        "seed": str(content.seed) if content.seed else None,
        "data": [str(path) for path in content.data],
        "template": dataclasses.asdict(template) if template else None,
        "template_name": content.template_name,
    }


def _variables() -> dict[str, str]:
    """The child program's whole environment: no credentials, no proxies, no home."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "HOME": os.devnull,
        "AWS_ACCESS_KEY_ID": DUMMY_CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": DUMMY_CREDENTIAL,
        "AWS_SESSION_TOKEN": DUMMY_CREDENTIAL,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "MOTO_ALLOW_NONEXISTENT_REGION": "true",
        "MOTO_EVENTS_INVOKE_HTTP": "false",
        # Objects stay in memory: a file's position would be shared with other passes.
        "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(1024 * 1024 * 1024),
    }


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
