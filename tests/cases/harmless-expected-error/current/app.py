class InvalidOrder(Exception):
    pass


def check(lines):
    if not lines:
        raise InvalidOrder(f"an order needs lines, got {lines}")


def handler(event, context):
    check(event["lines"])
    return {"total": sum(event["lines"])}
