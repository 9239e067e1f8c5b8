"""A function that reads, changes and announces an order, as many do."""

import json
import os
from typing import Any

import boto3

orders: Any = boto3.resource("dynamodb").Table(os.environ["TABLE"])
steps: Any = boto3.resource("sqs").get_queue_by_name(QueueName=os.environ["QUEUE"])


def handler(event: dict[str, str], context: object) -> dict[str, object]:
    order = orders.get_item(Key={"id": event["id"]}).get("Item", {"id": event["id"], "steps": []})
    order["steps"].append(event["step"])
    orders.put_item(Item=order)
    steps.send_message(MessageBody=json.dumps(event))
    return {"id": order["id"], "steps": len(order["steps"])}
