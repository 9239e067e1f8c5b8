"""Amounts of money, in cents. 2.0.0 replaced to_text by format_amount."""


def format_amount(cents, currency):
    return f"{cents // 100}.{cents % 100:02} {currency}"
