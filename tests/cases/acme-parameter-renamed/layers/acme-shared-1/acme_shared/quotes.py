from attrs import define


@define
class Quote:
    sku: str
    total: int


def quote(sku, quantity, currency="EUR"):
    return Quote(sku, 450 * quantity)
