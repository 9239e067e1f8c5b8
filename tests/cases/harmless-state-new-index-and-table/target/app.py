import json
import os

import boto3
from boto3.dynamodb.conditions import Attr

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    if event["routeKey"] == "POST /orders":
        orders.put_item(Item=json.loads(event["body"]))
        return {"statusCode": 201}
    customer = event["pathParameters"]["customer"]
    found = orders.scan(FilterExpression=Attr("customer").eq(customer))
    totals = [int(order["total"]) for order in found["Items"]]
    return {"statusCode": 200, "body": json.dumps({"totals": totals})}
