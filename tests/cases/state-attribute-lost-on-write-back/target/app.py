import json
import os
from dataclasses import asdict, dataclass

import boto3
from boto3.dynamodb.conditions import Attr

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])


@dataclass
class Order:
    id: str
    sku: str
    step: str


def handler(event, context):
    for record in event["Records"]:
        change = json.loads(record["body"])
        if change["step"] == "placed":
            place(Order(id=change["id"], sku=change["sku"], step="placed"))
        else:
            advance(change)


def place(order):
    try:
        orders.put_item(Item=asdict(order), ConditionExpression=Attr("id").not_exists())
    except orders.meta.client.exceptions.ConditionalCheckFailedException:
        print("placed before:", order.id)


def advance(change):
    item = orders.get_item(Key={"id": change["id"]}).get("Item")
    if item is not None:
        order = Order(id=item["id"], sku=item["sku"], step=change["step"])
        orders.put_item(Item=asdict(order))
