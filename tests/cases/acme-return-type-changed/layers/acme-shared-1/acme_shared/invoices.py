def total(lines):
    return sum(lines) / 100
