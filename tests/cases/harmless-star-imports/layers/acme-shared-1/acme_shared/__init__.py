def euros(cents):
    return f"{cents / 100:.2f} EUR"


def pounds(cents):
    return f"{cents / 100:.2f} GBP"
