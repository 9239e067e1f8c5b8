def total(lines, currency="EUR", *, rounding="half-even", market=None):
    return {"sum": sum(lines), "currency": currency, "rounding": rounding}


class Ledger:
    def book(self, cents, account=None):
        return cents
