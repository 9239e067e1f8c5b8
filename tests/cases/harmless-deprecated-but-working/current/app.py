from pydantic import BaseModel


class Order(BaseModel):
    id: str
    total: int


def handler(event, context):
    return Order.model_validate(event).model_dump()
