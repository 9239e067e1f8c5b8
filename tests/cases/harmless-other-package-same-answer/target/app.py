from dateutil import parser
from dateutil.relativedelta import relativedelta


def handler(event, context):
    return {"due": (parser.isoparse(event["placed"]) + relativedelta(days=14)).isoformat()}
