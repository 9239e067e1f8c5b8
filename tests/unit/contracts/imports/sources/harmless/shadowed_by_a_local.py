from acme import money


def handler(e, c):
    money = e
    return money.to_text
