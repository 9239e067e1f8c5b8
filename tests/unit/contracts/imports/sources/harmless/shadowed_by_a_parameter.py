from acme import money


def handler(money, c):
    return money.to_text
