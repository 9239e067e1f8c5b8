"""orders 2: an order may have several lines, and the customer gets a signed receipt."""

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
        "total": sum(price_of(line["sku"]) * check_quantity(line["qty"]) for line in lines),
    }
    hand_over(placed)
    return placed


def receipt(placed):
    token = jwt.encode(placed, os.environ["RECEIPT_KEY"], algorithm="HS256")
    return token.decode("ascii")  # PyJWT 1 gives bytes
