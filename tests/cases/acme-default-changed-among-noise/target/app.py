import time
import uuid

from acme_shared.money import rounded


def handler(event, context):
    return {
        "id": str(uuid.uuid4()),
        "created": time.time(),
        "request": context.aws_request_id,
        "total": rounded(event["net"]),
    }
