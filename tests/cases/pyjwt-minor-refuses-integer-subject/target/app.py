import json

import jwt

KEY = "an-example-key-that-signs-nothing-real"


def handler(event, context):
    token = event["headers"]["authorization"].removeprefix("Bearer ")
    try:
        claims = jwt.decode(token, KEY, algorithms=["HS256"])
    except jwt.InvalidTokenError:
        return {"statusCode": 401, "body": json.dumps({"message": "Unauthorized"})}
    return {"statusCode": 200, "body": json.dumps({"customer": str(claims["sub"])})}
