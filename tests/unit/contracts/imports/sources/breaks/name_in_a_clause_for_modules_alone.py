try:
    from acme.money import to_text  # expect: missing-name
except ModuleNotFoundError:
    to_text = str
