from acme.money import Order
shown = Order.to_text
other = Order().add
# empty: shared-1
# file: shared-1 acme/__init__.py
# file: shared-1 acme/money.py
class Order:
    to_text = 1
# file: shared-2 acme/money.py
class Order: ...
