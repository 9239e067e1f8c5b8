import idna


def handler(event, context):
    return {"host": idna.encode(event["host"]).decode("ascii")}
