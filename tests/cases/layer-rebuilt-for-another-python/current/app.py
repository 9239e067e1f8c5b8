import idna


def handler(event, context):
    return {"order": event["id"], "host": idna.encode(event["host"]).decode("ascii")}
