import json
import os

import boto3

s3 = boto3.client("s3")
BUCKET = os.environ["BUCKET"]


def handler(event, context):
    change = json.loads(event["body"])
    key = f"{change['cart']}.json"
    cart = load(key)
    if cart["schema"] == 1:
        lines = [{"sku": sku, "quantity": number} for sku, number in cart["lines"].items()]
        cart = {"schema": 2, "lines": lines}
    cart["lines"].append({"sku": change["sku"], "quantity": change["quantity"]})
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(cart), ContentType="application/json")
    return {"statusCode": 200, "body": json.dumps({"lines": len(cart["lines"])})}


def load(key):
    try:
        return json.load(s3.get_object(Bucket=BUCKET, Key=key)["Body"])
    except s3.exceptions.NoSuchKey:
        return {"schema": 2, "lines": []}
