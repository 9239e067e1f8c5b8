"""orders 3: a line may be a gift card; runs on PyJWT 2."""

import json
import os
import uuid
from datetime import UTC, datetime

import jwt
from acme_shared.api import reply
from acme_shared.catalog import price_of
from acme_shared.validation import InvalidOrder, check_quantity
from acme_shared.warehouse import hand_over


def handler(event, context):
    if "Records" in event:  # SQS: an exception sends the batch back to the queue
        for record in event["Records"]:
            place(json.loads(record["body"]))
        return {"batchItemFailures": []}
    try:
        placed = place(json.loads(event["body"]))
    except InvalidOrder as error:
        return reply(400, {"error": str(error)})
    return reply(201, placed | {"receipt": receipt(placed)})


def place(order):
    lines = order.get("lines", [order])  # old apps still send one sku and qty
    placed = {
        "order_id": str(uuid.uuid4()),
        "created_at": datetime.now(UTC).isoformat(),
        "total": sum(unit_price(line) * check_quantity(line["qty"]) for line in lines),
    }
    hand_over(placed)
    return placed


def unit_price(line):
    if "gift_card" in line:
        return line["gift_card"]
    return price_of(line["sku"])


def receipt(placed):
    return jwt.encode(placed, os.environ["RECEIPT_KEY"], algorithm="HS256")
