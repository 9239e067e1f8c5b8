from urllib3.util.retry import Retry


def handler(event, context):
    retry = Retry(total=3, status_forcelist=[502, 503], allowed_methods=["GET"])
    return {"again": retry.is_retry("GET", event["status"])}
