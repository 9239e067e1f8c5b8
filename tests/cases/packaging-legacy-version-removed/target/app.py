from packaging.version import parse


def handler(event, context):
    return {"newest": max(event["builds"], key=parse)}
