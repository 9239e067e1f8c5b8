try:
    from acme.money import to_text  # warn: optional-name
except ImportError:
    import acme.nowhere  # expect: missing-module
