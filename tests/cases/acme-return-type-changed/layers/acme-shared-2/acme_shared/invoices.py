def total(lines):
    return f"{sum(lines) / 100:.2f}"
