import json
import os

import boto3

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event["Records"]:
        change = json.loads(record["body"])
        keys = ("sku", "step", "gift_note") if change["step"] == "placed" else ("step",)
        update(change["id"], {key: change[key] for key in keys if key in change})


def update(number, values):
    orders.update_item(
        Key={"id": number},
        UpdateExpression="SET " + ", ".join(f"#{key} = :{key}" for key in values),
        ExpressionAttributeNames={f"#{key}": key for key in values},
        ExpressionAttributeValues={f":{key}": value for key, value in values.items()},
    )
