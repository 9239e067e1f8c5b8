import acme_telemetry
import jwt


def handler(event, context):
    acme_telemetry.count("orders")
    token = jwt.encode(event, "an-example-key-that-signs-nothing-real", algorithm="HS256")
    return {"order": event["id"], "receipt": "Bearer " + token}
