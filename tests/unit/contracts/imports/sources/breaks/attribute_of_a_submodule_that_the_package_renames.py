import acme


def handler(e, c):
    return acme.m.to_text(1)  # expect: missing-name
# file: shared-1 acme/__init__.py
import acme.money as m
# file: shared-2 acme/__init__.py
import acme.money as m
