import idna


def handler(event, context):
    if "phone" in event:
        import phonenumbers

        return {"phone": str(phonenumbers.parse(event["phone"]))}
    return {"host": idna.encode(event["host"]).decode("ascii")}
