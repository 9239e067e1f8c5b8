from acme.money import to_text
# file: shared-2 acme/money.py
from lazy import __getattr__
