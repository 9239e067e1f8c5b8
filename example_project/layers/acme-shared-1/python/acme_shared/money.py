"""Amounts of money, in cents."""


def to_text(cents):
    return f"{cents // 100}.{cents % 100:02}"
