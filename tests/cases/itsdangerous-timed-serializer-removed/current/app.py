from itsdangerous import URLSafeTimedSerializer

SIGNER = URLSafeTimedSerializer("an-example-key-that-signs-nothing-real")


def handler(event, context):
    return {"token": SIGNER.dumps({"user": event["user"]})}
