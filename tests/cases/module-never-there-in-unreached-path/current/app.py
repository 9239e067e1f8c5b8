import idna


def handler(event, context):
    if "phone" in event:
        return {"phone": event["phone"].replace(" ", "")}
    return {"host": idna.encode(event["host"]).decode("ascii")}
