"""The server side of functions' connections: ends TLS, and answers or passes on.

One thread with an asyncio loop serves all connections of a worker process. It listens on nothing:
each connection is a socket that it is given, so that nobody else can reach it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pytest_lambda_rollback.model.downstream import Exchange
from pytest_lambda_rollback.services.http.certificates import RunAuthority
from pytest_lambda_rollback.services.http.conversations import BodyBudget, Conversation
from pytest_lambda_rollback.services.http.forwarding import Forwarding
from pytest_lambda_rollback.services.http.messages import HttpAnswer, HttpRequest
from pytest_lambda_rollback.services.http.recorded import RecordedAnswers
from pytest_lambda_rollback.services.http.signing import Signer
from pytest_lambda_rollback.services.http.translation import AwsTranslation

_HANDSHAKE: Final = b"\x16"
"""The first byte of every TLS connection (RFC 8446, 5.1)."""
UNTRUSTED: Final = (
    "its client does not trust this run's certificate authority, which AWS_CA_BUNDLE, "
    "REQUESTS_CA_BUNDLE, SSL_CERT_FILE and NODE_EXTRA_CA_CERTS name"
)
_HANDSHAKE_S: Final = 20.0
_CLOSE_S: Final = 2.0
_MOST_CONNECTIONS: Final = 256
_ANSWERING: Final = 16
_PUMP_BYTES: Final = 64 * 1024


class Answerer(Protocol):
    """Answers requests. Called in several threads at once, one call for a connection at a time."""

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """The answer; what is raised ends the connection."""
        ...

    def refused(self, host: str, port: int, why: str) -> None:
        """Take note that a connection was ended for what the client sent.

        ``why`` is a clause, "it speaks HTTP/2, …". Called in the loop's thread: must not block.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Onward:
    """Pass the bytes of a connection on, without TLS, to another socket."""

    open: Callable[[], socket.socket]
    """Opens that socket. Called in a thread of its own; OSError ends the connection."""
    refused: Callable[[str, int, str], None] | None = None
    """As `Answerer.refused`, for a client with which TLS could not be agreed on."""


Destination = Answerer | Onward


class Front:
    """Serves connections of functions. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._authority: RunAuthority | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._budget = BodyBudget()
        self._translation = AwsTranslation()
        self._closed = False

    @property
    def certificate(self) -> bytes:
        """The certificate that environments have to trust, PEM; the same for the whole run.

        Raises EngineError if trustme is not installed (extra ``state``).
        """
        return self._ready_authority().certificate

    def connect(self, *, host: str, port: int, to: Destination) -> socket.socket:
        """The client's end of a new connection to ``host:port`` that is served.

        Raises OSError once the front is closed.
        """
        ours, theirs = socket.socketpair()
        try:
            self.serve(ours, host=host, port=port, to=to)
        except BaseException:
            theirs.close()
            raise
        return theirs

    def recorded_answers(self, elsewhere: Iterable[Exchange] = ()) -> RecordedAnswers:
        """New answers from recordings, for one pass; they share what translates for AWS.

        ``elsewhere`` are the exchanges of all of the function's events, see `RecordedAnswers`.
        """
        return RecordedAnswers(self._translation, elsewhere=elsewhere)

    def forwarding(self, *, allowed: Iterable[str], signer: Signer | None = None) -> Forwarding:
        """New forwarding to hosts that the user allows, for a recording; see `Forwarding`."""
        return Forwarding(allowed=allowed, signer=signer, translation=self._translation)

    def serve(self, connection: socket.socket, *, host: str, port: int, to: Destination) -> None:
        """Take over the plugin's end of a connection of a process to ``host:port``.

        TLS is recognised by the first byte, whatever the port, and ended. Raises OSError once the
        front is closed; the connection is closed in any case.
        """
        try:
            loop = self._ready_loop()
        except BaseException:
            connection.close()
            raise
        loop.call_soon_threadsafe(self._begin, connection, host.lower(), port, to)

    def close(self) -> None:
        """End all connections and the thread. Safe to call twice."""
        with self._lock:
            self._closed = True
            loop, self._loop = self._loop, None
            thread, threads = self._thread, self._threads
        self._translation.close()
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end_all(), loop)
        thread.join(_CLOSE_S + 5.0)
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)

    # --- the thread ---------------------------------------------------------------------------

    def _ready_authority(self) -> RunAuthority:
        with self._lock:
            if self._authority is None:
                self._authority = RunAuthority()
            return self._authority

    def _ready_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise ConnectionRefusedError("the front is closed")
            if self._loop is None:
                loop = asyncio.SelectorEventLoop()
                loop.set_exception_handler(_overlook)
                self._threads = ThreadPoolExecutor(_ANSWERING, thread_name_prefix="answers")
                self._thread = threading.Thread(
                    target=_run, args=(loop,), name="front", daemon=True
                )
                self._thread.start()
                self._loop = loop
            return self._loop

    def _begin(self, connection: socket.socket, host: str, port: int, to: Destination) -> None:
        if len(self._tasks) >= _MOST_CONNECTIONS:
            if to.refused is not None:
                to.refused(host, port, f"more than {_MOST_CONNECTIONS} connections are open")
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection, host, port, to))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end_all(self) -> None:
        loop = asyncio.get_running_loop()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_CLOSE_S)
        loop.stop()

    # --- one connection -------------------------------------------------------------------------

    async def _serve(
        self, connection: socket.socket, host: str, port: int, to: Destination
    ) -> None:
        """Serve one connection; whatever the client does ends this connection alone."""
        connection.setblocking(False)
        writer: asyncio.StreamWriter | None = None
        try:
            first = await _first_byte(connection)
            if not first:
                return
            secure = first == _HANDSHAKE
            context = self._ready_authority().context(host) if secure else None
            try:
                reader, writer = await _streams(connection, context)
            except OSError as error:  # ssl.SSLError is one
                if to.refused is not None:
                    to.refused(host, port, _untrusting(error))
                return
            if isinstance(to, Onward):
                await self._pass_on(reader, writer, to)
            else:
                await self._converse(
                    reader,
                    writer,
                    scheme="https" if secure else "http",
                    host=host,
                    port=port,
                    to=to,
                )
        except asyncio.CancelledError:
            if writer is not None:
                writer.transport.abort()  # the run is ending, and a client may never answer
            raise
        except Exception:  # noqa: S110 - hostile input must not reach the run
            pass
        finally:
            if writer is not None:
                await _ended(writer)
            connection.close()

    async def _converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        scheme: str,
        host: str,
        port: int,
        to: Answerer,
    ) -> None:
        loop, threads = asyncio.get_running_loop(), self._threads

        async def answer(request: HttpRequest) -> HttpAnswer:
            try:
                return await loop.run_in_executor(threads, to.answer, request)
            except Exception as error:  # ours, which must not look like the function's
                to.refused(host, port, f"the plugin failed with {type(error).__name__}")
                raise

        await Conversation(
            scheme=scheme,
            host=host,
            port=port,
            answer=answer,
            refused=lambda why: to.refused(host, port, why),
            budget=self._budget,
        ).hold(reader, writer)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to: Onward
    ) -> None:
        there = await asyncio.get_running_loop().run_in_executor(self._threads, to.open)
        there.setblocking(False)
        there_reader, there_writer = await _streams(there, None)
        back = asyncio.create_task(_pump(there_reader, writer))
        forth = asyncio.create_task(_pump(reader, there_writer))
        try:
            # A client that sent all it has may still wait for the answer; the other way round
            # nobody is left to answer.
            await back
        finally:
            forth.cancel()
            back.cancel()
            there_writer.close()  # before anything is awaited, which may be cancelled
            await asyncio.gather(back, forth, return_exceptions=True)
            await _ended(there_writer)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()


def _overlook(_loop: asyncio.AbstractEventLoop, _context: dict[str, Any]) -> None:
    """A client that breaks its own connection is nobody's concern."""


async def _first_byte(connection: socket.socket) -> bytes:
    """The first byte that a client sends, left in place; nothing if it sends none."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            pass
        ready = loop.create_future()
        loop.add_reader(connection, _set, ready)
        try:
            await ready
        finally:
            loop.remove_reader(connection)


def _untrusting(error: OSError) -> str:
    """Why TLS was not agreed on, as a clause."""
    reason = getattr(error, "reason", None) or ""
    if "ALERT" in reason and ("CA" in reason.split("_") or "CERTIFICATE" in reason):
        return UNTRUSTED
    words = str(reason).replace("_", " ").lower() or "the connection was closed"
    return f"TLS was not agreed on ({words})"


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _streams(
    connection: socket.socket, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_PUMP_BYTES, loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    transport, _ = await loop.connect_accepted_socket(
        lambda: protocol,
        connection,
        ssl=context,
        ssl_handshake_timeout=_HANDSHAKE_S if context else None,
        ssl_shutdown_timeout=_CLOSE_S if context else None,
    )
    return reader, asyncio.StreamWriter(transport, protocol, reader, loop)


async def _ended(writer: asyncio.StreamWriter) -> None:
    """Close a connection after what was written, or at once if the client does not read it."""
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), _CLOSE_S)
    except TimeoutError:
        writer.transport.abort()
    except Exception:  # noqa: S110 - a connection that failed is closed
        pass


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PUMP_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
