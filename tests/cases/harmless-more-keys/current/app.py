import json


def handler(event, context):
    order = json.loads(event["body"])
    print("coupon", order.get("coupon"))
    answer = {"order": order["id"], "total": order["total"]}
    return {"statusCode": 201, "body": json.dumps(answer)}
