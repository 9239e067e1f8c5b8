import json
import os

from pydantic import BaseModel


class Settings(BaseModel):
    currency: str = "USD"


SETTINGS = Settings(currency=os.environ["SHOP_CURRENCY"])


def handler(event, context):
    order = json.loads(event["body"])
    answer = {"order": order["id"], "currency": SETTINGS.currency}
    return {"statusCode": 201, "body": json.dumps(answer)}
