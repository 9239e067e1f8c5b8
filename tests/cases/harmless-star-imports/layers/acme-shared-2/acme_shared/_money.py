__all__ = ["euros"]


def maker(currency):
    return lambda cents: f"{cents / 100:.2f} {currency}"


euros = maker("EUR")
