"""Digests and handles in events that are about values which redaction replaces.

A message's MD5 would tell whoever guesses its body that the guess is right, and would no longer
be the body's; a receipt handle lets its holder delete the message. Both are renewed. Pure.
"""

from __future__ import annotations

import hashlib
from typing import Final

RECEIPT_HANDLE: Final = "recorded-receipt-handle"


def renewed(event: object) -> object:
    """The event, the records of SQS in it with digests of what they hold now."""
    if isinstance(event, list):  # as EventBridge Pipes send them
        return [_record(each) for each in event]
    if not isinstance(event, dict) or not isinstance(event.get("Records"), list):
        return event
    return event | {"Records": [_record(each) for each in event["Records"]]}


def _record(record: object) -> object:
    if not isinstance(record, dict) or record.get("eventSource") != "aws:sqs":
        return record
    made = {key: value for key, value in record.items() if key != "md5OfMessageAttributes"}
    if "receiptHandle" in made:
        made["receiptHandle"] = RECEIPT_HANDLE
    if "md5OfBody" in made:
        body = str(made.get("body", "")).encode("utf-8", "surrogatepass")
        made["md5OfBody"] = hashlib.md5(body, usedforsecurity=False).hexdigest()
    return made
