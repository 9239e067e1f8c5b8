from jinja2 import Environment, contextfilter

environment = Environment(autoescape=True)


@contextfilter
def price(context, value):
    return f"{value} {context['currency']}"


environment.filters["price"] = price
TEMPLATE = environment.from_string("{{ customer }} pays {{ total | price }}")


def handler(event, context):
    return {"text": TEMPLATE.render(currency="EUR", **event)}
