from jinja2 import Environment, pass_context
from markupsafe import Markup

environment = Environment(autoescape=True)


@pass_context
def price(context, value):
    return Markup("<b>{}</b>").format(value)


environment.filters["price"] = price
TEMPLATE = environment.from_string("{{ customer }} pays {{ total | price }}")


def handler(event, context):
    return {"text": TEMPLATE.render(**event)}
