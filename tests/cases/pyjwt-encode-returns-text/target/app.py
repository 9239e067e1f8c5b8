import json

import jwt

KEY = "an-example-key-that-signs-nothing-real"


def handler(event, context):
    order = json.loads(event["body"])
    receipt = jwt.encode({"order": order["id"]}, KEY, algorithm="HS256").decode("ascii")
    return {"statusCode": 201, "body": json.dumps({"order": order["id"], "receipt": receipt})}
