import attr


@attr.s(auto_attribs=True)
class Order:
    id: str
    total: int


def handler(event, context):
    return attr.asdict(Order(**event))
