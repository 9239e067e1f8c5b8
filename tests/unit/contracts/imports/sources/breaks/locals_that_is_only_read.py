from acme.money import to_text  # expect: missing-name
# file: shared-2 acme/money.py
__all__ = ["add"]


def add(a, b): ...


__locals = locals()
for __name in __all__:
    __locals[__name].__module__ = "acme"
