from acme.money import to_text
# file: shared-2 acme/money.py
__getattr__, __dir__, __all__ = attach(__name__)
