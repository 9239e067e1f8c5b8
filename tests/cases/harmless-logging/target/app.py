import sys


def handler(event, context):
    print("DEBUG order", event, file=sys.stderr)
    print("error: none")
    return {"order": event["id"]}
