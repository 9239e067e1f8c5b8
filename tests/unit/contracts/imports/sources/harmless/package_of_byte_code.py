import acme.money
# empty: shared-2
# file: shared-2 acme/__init__.pyc
