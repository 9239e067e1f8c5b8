import acme.money


def handler(event, context):
    return acme.money.to_text(1)  # expect: missing-name
