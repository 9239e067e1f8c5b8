from __future__ import annotations
from acme import money


def handler(e, c: money.to_text) -> money.to_text: ...
