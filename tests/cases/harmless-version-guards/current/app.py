def number(version):
    return [int(part) for part in version.split(".")]


def handler(event, context):
    return {"newest": max(event["versions"], key=number), "type": "application/json"}
