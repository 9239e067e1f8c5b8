def total(lines, discount=0):
    return sum(lines) - discount
