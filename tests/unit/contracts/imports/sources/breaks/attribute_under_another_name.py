import acme.money as m


class Order:
    text = m.to_text  # expect: missing-name
