from types import SimpleNamespace

from pydantic import BaseModel

ROWS = {"A-1": SimpleNamespace(id="A-1", total=25)}


class Order(BaseModel):
    id: str
    total: int

    class Config:
        orm_mode = True


def handler(event, context):
    return Order.from_orm(ROWS[event["order"]]).dict()
