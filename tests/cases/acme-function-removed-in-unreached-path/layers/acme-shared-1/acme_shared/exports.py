def as_csv(lines):
    return "\n".join(map(str, lines))
