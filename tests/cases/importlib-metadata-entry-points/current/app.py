import importlib_metadata

TAXES = {each.name: each.load() for each in importlib_metadata.entry_points(group="acme.taxes")}


def handler(event, context):
    return {"tax": TAXES[event["country"]](event["net"])}
