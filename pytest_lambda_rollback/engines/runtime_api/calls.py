"""The ways out that a function tried, from what the carrier saw of its system calls.

Nothing outside an execution environment can be reached, so each of them failed. What Lambda does
not offer either, and what takes telemetry and answers nothing, is no call of a service.
"""

from __future__ import annotations

import ipaddress
import struct

_INTERNET, _INTERNET_6 = 2, 10
_HEAD_BYTES = 12
_POINTER_QUERY = 12
_NAME_PORT = 53
SOME_NAME = "a host, by a name that is not known"
"""A look-up of which only the name server's address was seen."""
_MOST = 64
"""Services that are kept of one replay."""

_LINK_LOCAL = ipaddress.ip_network("169.254.0.0/16")
"""Instance metadata, which Lambda has not, and the X-Ray daemon, which answers nothing:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""


class CallsTried:
    """The services that the processes of one environment tried, while it lives.

    ``names`` says that the carrier answers for names.
    """

    def __init__(self, *, names: bool = False) -> None:
        self._names = names
        self.too_many = False
        """True once more names were asked for than the carrier has addresses for."""
        self._at_start: dict[str, None] = {}
        self._since_mark: dict[str, None] = {}
        self._started = False

    def add(self, fields: tuple[tuple[str, str], ...]) -> None:
        """Take a frame of the carrier. What cannot be read is left out."""
        names = dict(fields)
        self.too_many |= "full" in names
        name = names.get("name") or None
        if name is not None:
            service = _at_port(name, names.get("address", ""))
        else:
            name = _asked(names.get("question", ""))
            service = _called(names.get("address", "")) if name is None else name
        kept = self._since_mark if self._started else self._at_start
        if not service or len(kept) >= _MOST:
            return
        # C libraries look up a name once more, with the machine's own domain behind it. Where the
        # carrier answers for names it knows that domain.
        if self._names or not any(service.startswith(f"{each}.") for each in kept):
            kept[service] = None

    def mark(self) -> None:
        """What comes from now on belongs to the next event; what was before all to each."""
        self._started = True
        self._since_mark = {}

    def services(self) -> tuple[str, ...]:
        """Names and addresses, each once: ``api.internal``, ``db.internal:5432``."""
        found = [*{**self._at_start, **self._since_mark}]
        named = [each for each in found if each != SOME_NAME]
        return tuple(named or found)


def _at_port(name: str, address: str) -> str | None:
    """``host:port`` of a name; the port only if it is not HTTP's."""
    try:
        (port,) = struct.unpack_from(">H", bytes.fromhex(address), 2)
    except (ValueError, struct.error):
        return None
    return name if port in (80, 443) else f"{name}:{port}"


def _called(address: str) -> str | None:
    """``host:port`` of a ``sockaddr`` in hexadecimal; the port only if it is not HTTP's."""
    try:
        raw = bytes.fromhex(address)
        (family,) = struct.unpack_from("=H", raw)
        (port,) = struct.unpack_from(">H", raw, 2)
        if family == _INTERNET:
            host: ipaddress.IPv4Address | ipaddress.IPv6Address
            host = ipaddress.IPv4Address(raw[4:8])
        elif family == _INTERNET_6:
            whole = ipaddress.IPv6Address(raw[8:24])
            host = whole.ipv4_mapped or whole
        else:
            return None
    except (ValueError, struct.error):
        return None
    if port == _NAME_PORT:
        return SOME_NAME
    if (
        port == 0
        or host.is_loopback
        or host.is_unspecified
        or host.is_multicast
        or host in _LINK_LOCAL
    ):
        return None
    shown = f"[{host}]" if host.version == 6 else str(host)
    return shown if port in (80, 443) else f"{shown}:{port}"


def _asked(question: str) -> str | None:
    """The name that a DNS message in hexadecimal asks for; empty for a look-up by address."""
    try:
        raw = bytes.fromhex(question)
    except ValueError:
        return None
    labels, at = [], _HEAD_BYTES
    while at < len(raw) and 0 < raw[at] < 64:
        labels.append(raw[at + 1 : at + 1 + raw[at]].decode("ascii", "replace"))
        at += 1 + raw[at]
    if not labels or at + 3 > len(raw) or raw[at]:
        return None
    if int.from_bytes(raw[at + 1 : at + 3], "big") == _POINTER_QUERY or labels == ["localhost"]:
        return ""
    return ".".join(labels).lower()
