from acme.money import a, b, c, d
# empty: shared-1
# file: shared-1 acme/__init__.py
# file: shared-1 acme/money.py
a = b = c = d = 1
# file: shared-2 acme/money.py
with open('x') as a:
    pass
for b in ():
    pass
print(c := 1)
match 1:
    case d: ...
