import json
import os

import boto3
from boto3.dynamodb.conditions import Attr

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    if event["routeKey"] == "POST /orders":
        return place(json.loads(event["body"]))
    return show(event["pathParameters"]["id"])


def place(order):
    item = {"id": order["id"], "total": order["total"]}
    try:
        orders.put_item(Item=item, ConditionExpression=Attr("id").not_exists())
    except orders.meta.client.exceptions.ConditionalCheckFailedException:
        print("placed before:", order["id"])
    return {"statusCode": 201, "body": json.dumps({"id": order["id"]})}


def show(number):
    item = orders.get_item(Key={"id": number}).get("Item")
    if item is None:
        return {"statusCode": 404, "body": json.dumps({"message": "no such order"})}
    return {"statusCode": 200, "body": json.dumps({"id": number, "total": float(item["total"])})}
