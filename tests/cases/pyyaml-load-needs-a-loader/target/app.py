import yaml


def handler(event, context):
    return {"steps": yaml.load(event["template"])["steps"]}
