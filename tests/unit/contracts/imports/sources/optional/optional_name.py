import contextlib
with contextlib.suppress(ImportError):
    from acme.money import to_text  # warn: optional-name
