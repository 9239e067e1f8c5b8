"""Moments as texts. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(time_ms: int) -> str:
    """ISO 8601 in UTC of milliseconds since 1970, as ``2026-11-23T09:10:11.123Z``."""
    moment = datetime.fromtimestamp(time_ms / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
