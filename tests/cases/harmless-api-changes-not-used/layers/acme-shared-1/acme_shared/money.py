def total(lines, cur="EUR", rounding="half-up"):
    return {"sum": sum(lines), "currency": cur, "rounding": rounding}


def format_amount(cents):
    return f"{cents / 100:.2f} EUR"


class Ledger:
    def book(self, cents):
        return cents

    def close(self):
        return None
