"""AWS's protocols, spoken by a child program that has the models of all services.

The child program parses requests that nobody has read, with moto's and botocore's models. moto
patches botocore when it is imported, so it is never imported here. Both talk in lines of JSON over
pipes; the program has no credentials, no network, and ends with this process.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any, Final

from pytest_lambda_rollback.errors import EngineError
from pytest_lambda_rollback.model.downstream import AwsExchange
from pytest_lambda_rollback.services.http.aws_calls import AwsCall
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest

_PATIENCE_S: Final = 30.0
_MOST_BYTES: Final = 16 * 1024 * 1024
"""Requests with a larger body are not translated."""
_KEPT_VARIABLES: Final = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TMPDIR", "TZ")


class AwsTranslation:
    """Translates for one worker process; starts the program when first needed. Thread-safe.

    A request that the program fails at is not translated; the program is started again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._program: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._closed = False

    def call(self, request: HttpRequest) -> AwsCall | None:
        """The call that a request is, or ``None``. Raises EngineError without the extra."""
        answer = self._asked("call", request)
        if answer is None or not answer.get("operation"):
            return None
        return AwsCall(
            service=answer["service"],
            operation=answer["operation"],
            parameters=answer["parameters"],
            added=frozenset(answer["added"]),
        )

    def answer(self, request: HttpRequest, exchange: AwsExchange) -> HttpAnswer | None:
        """The recorded answer in the protocol of the request; ``None`` if it has no form in it."""
        answer = self._asked(
            "answer",
            request,
            service=exchange.service,
            operation=exchange.operation,
            result=exchange.result,
            code=exchange.error_code,
            message=exchange.error_message,
            status=exchange.status,
        )
        if answer is None or "status" not in answer:
            return None
        return HttpAnswer(
            status=answer["status"],
            headers=tuple((name, value) for name, value in answer["headers"]),
            body=base64.b64decode(answer["body"]),
        )

    def exchange(self, request: HttpRequest, answer: HttpAnswer) -> AwsExchange | None:
        """What AWS really answered, as a recorded exchange; ``None`` if it cannot be read."""
        if len(answer.body) > _MOST_BYTES:
            return None
        told = self._asked(
            "exchange",
            request,
            status=answer.status,
            answer_headers=list(answer.headers),
            answer_body=base64.b64encode(answer.body).decode(),
        )
        if told is None or not told.get("operation"):
            return None
        return AwsExchange(
            service=told["service"],
            operation=told["operation"],
            parameters=told["parameters"],
            result=told["result"],
            error_code=told["code"],
            error_message=told["message"],
            status=answer.status,
        )

    def close(self) -> None:
        """End the program. Safe to call twice."""
        with self._lock:
            self._closed = True
            self._end()

    def _asked(self, do: str, request: HttpRequest, **more: Any) -> dict[str, Any] | None:
        if len(request.body) > _MOST_BYTES:
            return None
        message = {
            "do": do,
            "method": request.method,
            "scheme": request.scheme,
            "host": request.host,
            "target": request.target,
            "headers": list(request.headers),
            "body": base64.b64encode(request.body).decode(),
            **more,
        }
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            program = self._ready()
            if program is None or program.stdin is None or program.stdout is None:
                return None
            watch = threading.Timer(_PATIENCE_S, program.kill)
            watch.start()
            try:
                program.stdin.write(line)
                program.stdin.flush()
                answer = program.stdout.readline()
            except OSError:
                answer = b""
            finally:
                watch.cancel()
            if not answer:
                self._fail_without_extra(program)
                self._end()
                return None
        told: dict[str, Any] = json.loads(answer)
        return told

    def _ready(self) -> subprocess.Popen[bytes] | None:
        if self._closed:
            return None
        if self._program is None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the program
            self._program = subprocess.Popen(
                [sys.executable, "-P", "-m", f"{__package__}.translation_program"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=_variables(),
                cwd=tempfile.gettempdir(),
                start_new_session=True,  # Ctrl-C is the plugin's
            )
        return self._program

    def _fail_without_extra(self, program: subprocess.Popen[bytes]) -> None:
        """Raise EngineError if the program could not import what it needs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(1.0)
        if self._errors is None:
            return
        self._errors.seek(0)
        if b"ModuleNotFoundError: No module named" in self._errors.read():
            self._end()
            raise EngineError(
                "requests to AWS cannot be answered from recordings",
                why='this needs the extra "state"',
                do='Run `pip install "pytest-lambda-rollback[state]"`',
            )

    def _end(self) -> None:
        program, self._program = self._program, None
        errors, self._errors = self._errors, None
        if program is not None:
            with contextlib.suppress(ProcessLookupError):
                program.kill()
            for pipe in (program.stdin, program.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            program.wait()
        if errors is not None:
            errors.close()


def _variables() -> dict[str, str]:
    """The program's whole environment: no credentials, no proxies, no home."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
