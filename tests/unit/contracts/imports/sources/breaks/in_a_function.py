def handler(event, context):
    from acme.money import to_text  # expect: missing-name
