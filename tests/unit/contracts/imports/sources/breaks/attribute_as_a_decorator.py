import acme.money as m


@m.to_text  # expect: missing-name
def handler(event, context): ...
