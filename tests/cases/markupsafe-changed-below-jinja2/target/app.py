from jinja2 import Template

TEMPLATE = Template("{{ customer | e }} pays {{ total }} EUR")


def handler(event, context):
    return {"text": TEMPLATE.render(**event)}
