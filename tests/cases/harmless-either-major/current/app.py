import json
from urllib.parse import quote

import jwt


def handler(event, context):
    token = jwt.encode({}, "an-example-key-that-signs-nothing-real", algorithm="HS256")
    return {"url": quote(event["title"]), "token": token, "size": len(json.dumps(event))}
