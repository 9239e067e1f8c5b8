import datetime
import json
import random
import uuid


def handler(event, context):
    answer = {
        "order": json.loads(event["body"])["id"],
        "number": str(uuid.uuid4()),
        "created": datetime.datetime.now(datetime.UTC).isoformat(),
        "request": context.aws_request_id,
        "tags": random.sample(["express", "fragile", "gift", "new", "paid"], 5),
    }
    return {
        "statusCode": 201,
        "headers": {"x-request-id": context.aws_request_id},
        "body": json.dumps(answer),
    }
