class InvalidOrder(Exception):
    pass


def handler(event, context):
    if not event["lines"]:
        raise InvalidOrder("no lines")
    return {"total": sum(event["lines"])}
