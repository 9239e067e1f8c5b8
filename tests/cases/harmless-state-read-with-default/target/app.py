import json
import os

import boto3
from boto3.dynamodb.conditions import Attr

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    if event["routeKey"] == "POST /orders":
        order = json.loads(event["body"])
        item = {"id": order["id"], "total": order["total"]}
        try:
            orders.put_item(Item=item, ConditionExpression=Attr("id").not_exists())
        except orders.meta.client.exceptions.ConditionalCheckFailedException:
            return answer(409, {"message": "placed before"})
        return answer(201, {"id": order["id"]})
    item = orders.get_item(Key={"id": event["pathParameters"]["id"]}).get("Item")
    if item is None:
        return answer(404, {"message": "no such order"})
    return answer(200, {"total": f"{item['total']} EUR"})


def answer(status, body):
    return {"statusCode": status, "body": json.dumps(body)}
