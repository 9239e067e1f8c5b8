from types import SimpleNamespace

from pydantic import BaseModel, ConfigDict

ROWS = {"A-1": SimpleNamespace(id="A-1", total=25)}


class Order(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    total: int


def handler(event, context):
    return Order.model_validate(ROWS[event["order"]]).model_dump()
