from attrs import asdict, define


@define
class Order:
    id: str
    total: int


def handler(event, context):
    return asdict(Order(**event))
