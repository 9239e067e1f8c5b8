from acme import money


def handler(e, c):
    x: money.to_text = 1
