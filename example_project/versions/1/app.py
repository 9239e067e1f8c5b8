"""orders 1: an order is one article and a quantity."""

import json
import uuid

from acme_shared.api import reply
from acme_shared.catalog import price_of
from acme_shared.money import to_text
from acme_shared.validation import InvalidOrder, check_quantity
from acme_shared.warehouse import hand_over


def handler(event, context):
    if "Records" in event:  # SQS: an exception sends the batch back to the queue
        for record in event["Records"]:
            place(json.loads(record["body"]))
        return {"batchItemFailures": []}
    try:
        return reply(201, place(json.loads(event["body"])))
    except InvalidOrder as error:
        return reply(400, {"error": str(error)})


def place(order):
    total = price_of(order["sku"]) * check_quantity(order["qty"])
    placed = {"order_id": str(uuid.uuid4()), "total": to_text(total)}
    hand_over(placed)
    return placed
