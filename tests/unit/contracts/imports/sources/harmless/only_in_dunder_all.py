from acme.money import to_text
# file: shared-2 acme/money.py
__all__ = ['to_text']
