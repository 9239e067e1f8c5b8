from acme.money import add, to_text as shown  # expect: missing-name
