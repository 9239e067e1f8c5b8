import yaml


def handler(event, context):
    return {"steps": yaml.safe_load(event["template"])["steps"]}
