class Order:
    def total(self):
        import acme.extra  # expect: missing-module
