import acme


def handler(e, c):
    return acme.money.to_text(1)  # expect: missing-name
# file: shared-1 acme/__init__.py
from . import money
# file: shared-2 acme/__init__.py
from . import money
