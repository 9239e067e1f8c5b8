import click
import jwt


def handler(event, context):
    token = jwt.encode(event, "an-example-key-that-signs-nothing-real", algorithm="HS256")
    return {"text": click.unstyle(event["id"]), "token": token}
