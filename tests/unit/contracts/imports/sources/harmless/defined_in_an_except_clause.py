from acme.money import to_text
# file: shared-2 acme/money.py
try:
    from fast import to_text
except ImportError:
    to_text = None
