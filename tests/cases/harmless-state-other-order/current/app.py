import json
import os

import boto3

orders = boto3.resource("dynamodb").Table(os.environ["TABLE"])
s3 = boto3.client("s3")
sqs = boto3.client("sqs")


def handler(event, context):
    order = json.loads(event["body"])
    item = {"tags": order["tags"], "quantity": order["quantity"], "sku": order["sku"]}
    item["id"] = order["id"]
    orders.put_item(Item=item)
    text = json.dumps(item, separators=(",", ":"))
    s3.put_object(Bucket=os.environ["BUCKET"], Key=f"{order['id']}.json", Body=text)
    sqs.send_message(QueueUrl=os.environ["QUEUE"], MessageBody=text)
    return {"statusCode": 201}
