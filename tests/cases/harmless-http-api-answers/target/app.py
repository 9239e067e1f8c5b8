import base64
import json


def handler(event, context):
    orders = {"orders": ["A-1", "A-2"]}
    if event["rawPath"] == "/encoded":
        body = base64.b64encode(json.dumps(orders).encode()).decode("ascii")
        headers = {"content-type": "application/json"}
        return {"statusCode": 200, "headers": headers, "isBase64Encoded": True, "body": body}
    return orders
