import json
import os

import boto3
from boto3.dynamodb.conditions import Key

shop = boto3.resource("dynamodb").Table(os.environ["TABLE"])


def handler(event, context):
    customer = f"CUSTOMER#{event['pathParameters']['customer']}"
    if event["routeKey"].startswith("POST"):
        return place(customer, json.loads(event["body"]))
    return show(customer, event["pathParameters"]["id"])


def place(customer, order):
    for old in orders_of(customer):
        if old["sk"].endswith(f"#{order['id']}"):
            return answer(200, {"id": order["id"], "total": int(old["total"])})
    sort = f"ORDER#{order['country']}#{order['id']}"
    shop.put_item(Item={"pk": customer, "sk": sort, "total": order["total"]})
    return answer(201, {"id": order["id"], "total": order["total"]})


def show(customer, number):
    for order in orders_of(customer):
        if order["sk"].endswith(f"#{number}"):
            return answer(200, {"id": number, "total": int(order["total"])})
    return answer(404, {"message": "no such order"})


def orders_of(customer):
    found = shop.query(
        KeyConditionExpression=Key("pk").eq(customer) & Key("sk").begins_with("ORDER#")
    )
    return found["Items"]


def answer(status, body):
    return {"statusCode": status, "body": json.dumps(body)}
