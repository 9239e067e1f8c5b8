import datetime
import json
import random
import uuid


def handler(event, context):
    tags = ["new", "paid", "gift", "express", "fragile"]
    random.shuffle(tags)
    answer = {
        "order": json.loads(event["body"])["id"],
        "number": str(uuid.uuid4()),
        "created": datetime.datetime.now(datetime.UTC).isoformat(),
        "request": context.aws_request_id,
        "tags": tags,
    }
    return {
        "statusCode": 201,
        "headers": {"x-request-id": context.aws_request_id},
        "body": json.dumps(answer),
    }
