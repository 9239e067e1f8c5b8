import json

from werkzeug.urls import url_quote


def handler(event, context):
    title = json.loads(event["body"])["title"]
    return {"statusCode": 200, "body": json.dumps({"url": "/shop/" + url_quote(title)})}
