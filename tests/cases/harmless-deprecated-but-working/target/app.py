from pydantic import BaseModel, parse_obj_as, validator


class Order(BaseModel):
    id: str
    total: int

    @validator("total")
    def positive(cls, value):
        if value < 0:
            raise ValueError("a total is not negative")
        return value


def handler(event, context):
    order = Order.parse_obj(event)
    copies = parse_obj_as(list[Order], [order.dict()])
    return copies[0].copy(update={"total": order.total}).dict()
