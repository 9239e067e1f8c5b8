import json

import jwt

KEY = "an-example-key-that-signs-nothing-real"


def handler(event, context):
    token = event["headers"].get("authorization", "").removeprefix("Bearer ")
    try:
        claims = jwt.decode(token, KEY)
    except jwt.InvalidTokenError:
        return {"statusCode": 401, "body": json.dumps({"message": "Unauthorized"})}
    return {"statusCode": 200, "body": json.dumps({"customer": claims["sub"], "orders": []})}
