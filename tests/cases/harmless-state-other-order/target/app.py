import json
import os

import boto3

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])
s3 = boto3.client("s3")
sqs = boto3.client("sqs")


def handler(event, context):
    order = json.loads(event["body"])
    item = {key: order[key] for key in ("id", "sku", "quantity", "tags")}
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=json.dumps(item))
    orders.put_item(Item=item)
    text = json.dumps(item, indent=2)
    s3.put_object(Bucket=os.environ["BUCKET"], Key=f"{order['id']}.json", Body=text.encode())
    return {"statusCode": 201}
