from acme import money


def handler(e, c):
    try:
        text = money.to_text(1)  # warn: optional-name
    except Exception:
        text = '1'
    return text
