def handler(event, context):
    if event['refund']:
        import acme.extra  # expect: missing-module
