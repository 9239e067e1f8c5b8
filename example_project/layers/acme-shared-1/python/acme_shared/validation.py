"""What makes an order invalid."""


class InvalidOrder(ValueError):
    """The sender has to correct the order."""


def check_quantity(qty):
    if qty < 1:
        raise InvalidOrder(f"quantity must be at least 1, got {qty}")
    return qty
