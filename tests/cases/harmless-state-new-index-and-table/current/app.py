import json
import os

import boto3
from boto3.dynamodb.conditions import Key

dynamodb = boto3.resource("dynamodb")
orders = dynamodb.Table(os.environ["TABLE"])
settings = dynamodb.Table(os.environ["SETTINGS"])


def handler(event, context):
    if event["routeKey"] == "POST /orders":
        orders.put_item(Item=json.loads(event["body"]))
        return {"statusCode": 201}
    limit = settings.get_item(Key={"name": "orders-shown"}).get("Item", {"value": 10})["value"]
    customer = event["pathParameters"]["customer"]
    found = orders.query(
        IndexName="by-customer",
        KeyConditionExpression=Key("customer").eq(customer),
        Limit=int(limit),
    )
    totals = [int(order["total"]) for order in found["Items"]]
    return {"statusCode": 200, "body": json.dumps({"totals": totals})}
