from acme.money import to_text
# file: shared-2 acme/money.py
def f():
    global to_text
    to_text = 1
f()
