import json


def handler(event, context):
    body = json.dumps({"id": "A-1", "lines": [{"sku": "tea", "price": 5.0}], "total": 10})
    return {"statusCode": 200, "body": body}
