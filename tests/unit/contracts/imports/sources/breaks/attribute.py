from acme import money


def handler(event, context):
    return money.to_text(1)  # expect: missing-name
