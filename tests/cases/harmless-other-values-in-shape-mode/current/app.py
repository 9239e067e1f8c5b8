import json


def handler(event, context):
    orders = [{"id": "A-3", "total": 25.5}]
    return {"statusCode": 200, "body": json.dumps({"orders": orders, "hint": "one order found"})}
