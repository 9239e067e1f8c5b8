import json
import os
import secrets
import time
from datetime import UTC, datetime

import boto3

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])
sqs = boto3.client("sqs")


def handler(event, context):
    if event["routeKey"].startswith("GET"):
        return {"statusCode": 200, "body": json.dumps({"orders": orders.scan()["Count"]})}
    order = {
        "id": secrets.token_hex(8),
        "sku": json.loads(event["body"])["sku"],
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "expires_at": int(time.time()) + 30 * 86400,
    }
    orders.put_item(Item=order)
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(order))
    return {"statusCode": 201, "body": json.dumps({"id": order["id"]})}
