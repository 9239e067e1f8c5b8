import json

from pydantic import BaseSettings


class Settings(BaseSettings):
    currency: str = "USD"

    class Config:
        env_prefix = "SHOP_"


SETTINGS = Settings()


def handler(event, context):
    order = json.loads(event["body"])
    answer = {"order": order["id"], "currency": SETTINGS.currency}
    return {"statusCode": 201, "body": json.dumps(answer)}
