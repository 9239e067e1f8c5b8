from acme import money


def handler(e, c):
    try:
        return money.add(1, 2)
    except money.to_text:  # expect: missing-name
        return 1
    except Exception:
        return 2
