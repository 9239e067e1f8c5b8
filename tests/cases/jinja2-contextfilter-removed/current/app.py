from jinja2 import Environment, pass_context

environment = Environment(autoescape=True)


@pass_context
def price(context, value):
    return f"{value} {context['currency']}"


environment.filters["price"] = price
TEMPLATE = environment.from_string("{{ customer }} pays {{ total | price }}")


def handler(event, context):
    return {"text": TEMPLATE.render(currency="EUR", **event)}
