from itsdangerous import TimedJSONWebSignatureSerializer

SIGNER = TimedJSONWebSignatureSerializer("an-example-key-that-signs-nothing-real")


def handler(event, context):
    return {"token": SIGNER.dumps({"user": event["user"]}).decode("ascii")}
