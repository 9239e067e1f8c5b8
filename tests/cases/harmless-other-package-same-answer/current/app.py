import isodate


def handler(event, context):
    due = isodate.parse_datetime(event["placed"]) + isodate.parse_duration("P14D")
    return {"due": due.isoformat()}
