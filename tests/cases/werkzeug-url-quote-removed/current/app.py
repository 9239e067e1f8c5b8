import json
from urllib.parse import quote


def handler(event, context):
    title = json.loads(event["body"])["title"]
    return {"statusCode": 200, "body": json.dumps({"url": "/shop/" + quote(title)})}
