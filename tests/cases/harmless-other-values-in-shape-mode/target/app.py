import json


def handler(event, context):
    orders = [{"id": "A-1", "total": 20}, {"id": "A-2", "total": 30}]
    return {"statusCode": 200, "body": json.dumps({"orders": orders, "hint": "two orders"})}
