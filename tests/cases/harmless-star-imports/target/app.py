import acme_shared
from acme_shared import euros, pounds


def handler(event, context):
    return {"total": [euros(event["cents"]), pounds(1), acme_shared.pounds(2)]}
