import os
import pickle

import boto3
from pydantic import BaseModel

s3 = boto3.client("s3")
BUCKET = os.environ["BUCKET"]


class Quote(BaseModel):
    sku: str
    price: int


def handler(event, context):
    key = f"{event['quote']}.pickle"
    quote = load(key)
    if quote is None:
        quote = Quote(sku=event["sku"], price=event["price"])
        s3.put_object(Bucket=BUCKET, Key=key, Body=pickle.dumps(quote))
    return {"sku": quote.sku, "price": quote.price}


def load(key):
    try:
        return pickle.loads(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None
