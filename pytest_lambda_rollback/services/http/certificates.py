"""The certificate authority of one run, which environments trust and nobody else does.

Its key never leaves this process, and it ends with the run. trustme makes the certificates
(extra ``state``); it is imported late.
"""

from __future__ import annotations

import re
import ssl
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from pytest_lambda_rollback.errors import EngineError

if TYPE_CHECKING:
    import trustme

_NAME: Final = re.compile(r"(?=.{1,253}$)[a-z0-9][a-z0-9-]{0,62}(\.[a-z0-9][a-z0-9-]{0,62})*")
_NO_NAME: Final = "unnamed.lambda-rollback.internal"
_KEPT: Final = 512
"""Certificates that are kept: a function may ask for any number of names."""


class RunAuthority:
    """Makes server certificates for any name. Safe for several threads.

    Raises EngineError if trustme is not installed.
    """

    def __init__(self) -> None:
        self._authority = _new_authority()
        self._lock = threading.Lock()
        self._contexts: OrderedDict[str, ssl.SSLContext] = OrderedDict()

    @property
    def certificate(self) -> bytes:
        """The authority's own certificate, PEM."""
        return bytes(self._authority.cert_pem.bytes())

    def context(self, host: str) -> ssl.SSLContext:
        """Settings of a TLS server for ``host``, which answers to other names that it is asked for.

        HTTP/1.1 is agreed on with every client that speaks it.
        """
        name = host.lower().rstrip(".")
        if not _NAME.fullmatch(name):
            name = _NO_NAME
        with self._lock:
            context = self._contexts.get(name)
            if context is None:
                context = self._contexts[name] = self._made(name)
                if len(self._contexts) > _KEPT:
                    self._contexts.popitem(last=False)
            self._contexts.move_to_end(name)
        return context

    def _made(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # A client that speaks HTTP/2 alone is let in to be told from one that has no trust.
        context.set_alpn_protocols(["http/1.1", "h2"])
        context.sni_callback = self._named
        self._issued(name).configure_cert(context)
        return context

    def _issued(self, name: str) -> trustme.LeafCert:
        try:
            return self._authority.issue_cert(name)
        except ValueError:  # not a name that a certificate can hold
            return self._authority.issue_cert(_NO_NAME)

    def _named(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name:
            wanted = self.context(name)
            if wanted is not context:
                connection.context = wanted


def _new_authority() -> trustme.CA:
    try:
        import trustme
    except ImportError as error:
        raise EngineError(
            "TLS connections of functions cannot be answered",
            why='this needs the extra "state"',
            do='Run `pip install "pytest-lambda-rollback[state]"`',
        ) from error
    return trustme.CA()
