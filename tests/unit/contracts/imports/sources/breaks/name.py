from acme.money import to_text  # expect: missing-name
