import json
import os

import boto3

s3 = boto3.client("s3")
BUCKET = os.environ["BUCKET"]


class UnknownSchema(Exception):
    pass


def handler(event, context):
    change = json.loads(event["body"])
    key = f"{change['cart']}.json"
    cart = load(key)
    if cart["schema"] != 1:
        raise UnknownSchema(cart["schema"])
    lines = cart["lines"]
    lines[change["sku"]] = lines.get(change["sku"], 0) + change["quantity"]
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(cart), ContentType="application/json")
    return {"statusCode": 200, "body": json.dumps({"lines": len(lines)})}


def load(key):
    try:
        return json.load(s3.get_object(Bucket=BUCKET, Key=key)["Body"])
    except s3.exceptions.NoSuchKey:
        return {"schema": 1, "lines": {}}
