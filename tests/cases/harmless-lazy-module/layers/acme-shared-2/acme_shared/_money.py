def format_price(cents, currency="EUR"):
    return f"{cents / 100:.2f} {currency}"
