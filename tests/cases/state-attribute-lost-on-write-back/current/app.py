import json
import os

import boto3
from boto3.dynamodb.conditions import Attr

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    for record in event["Records"]:
        change = json.loads(record["body"])
        if change["step"] == "placed":
            place(change)
        else:
            advance(change)


def place(change):
    order = {key: change[key] for key in ("id", "sku", "gift_note") if key in change}
    try:
        orders.put_item(
            Item=order | {"step": "placed"}, ConditionExpression=Attr("id").not_exists()
        )
    except orders.meta.client.exceptions.ConditionalCheckFailedException:
        print("placed before:", change["id"])


def advance(change):
    order = orders.get_item(Key={"id": change["id"]}).get("Item")
    if order is not None:
        orders.put_item(Item=order | {"step": change["step"]})
