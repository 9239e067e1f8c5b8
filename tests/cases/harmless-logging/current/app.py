import json
import logging

logger = logging.getLogger("orders")
logger.setLevel(logging.INFO)


def handler(event, context):
    logger.info(json.dumps({"order": event["id"], "request": context.aws_request_id}))
    return {"order": event["id"]}
