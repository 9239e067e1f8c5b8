try:
    from acme.nowhere import to_text
except ImportError:
    from acme.money import add as to_text
