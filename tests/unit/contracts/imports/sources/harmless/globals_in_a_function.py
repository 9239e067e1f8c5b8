from acme.money import to_text
# file: shared-2 acme/money.py
def add(n):
    globals().update(n)
add({'to_text': 1})
