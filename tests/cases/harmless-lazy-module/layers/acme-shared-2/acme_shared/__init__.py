import importlib

_MOVED = {"format_amount": ("acme_shared._money", "format_price")}


def __getattr__(name):
    if name in _MOVED:
        module, moved = _MOVED[name]
        return getattr(importlib.import_module(module), moved)
    raise AttributeError(name)
