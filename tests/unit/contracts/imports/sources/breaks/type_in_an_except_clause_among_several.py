import acme.money


def handler(e, c):
    try:
        return acme.money.add(1, 2)
    except (ValueError, acme.money.to_text) as error:  # expect: missing-name
        raise RuntimeError from error
