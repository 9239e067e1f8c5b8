try:
    from acme.money import add
except ImportError:
    from acme.money import to_text
