import json
import os

import boto3

shop = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    customer = f"CUSTOMER#{event['pathParameters']['customer']}"
    if event["routeKey"].startswith("POST"):
        return place(customer, json.loads(event["body"]))
    return show(customer, event["pathParameters"]["id"])


def place(customer, order):
    old = find(customer, order["id"])
    if old is not None:
        return answer(200, {"id": order["id"], "total": int(old["total"])})
    shop.put_item(Item={"pk": customer, "sk": f"ORDER#{order['id']}", "total": order["total"]})
    return answer(201, {"id": order["id"], "total": order["total"]})


def show(customer, number):
    order = find(customer, number)
    if order is None:
        return answer(404, {"message": "no such order"})
    return answer(200, {"id": number, "total": int(order["total"])})


def find(customer, number):
    return shop.get_item(Key={"pk": customer, "sk": f"ORDER#{number}"}).get("Item")


def answer(status, body):
    return {"statusCode": status, "body": json.dumps(body)}
