from acme.money import to_text
text = to_text(1)
# file: shared-2 acme/__init__.py
from . import money
from . import compat
money.to_text = compat.to_text
# file: shared-2 acme/compat.py
def to_text(cents): ...
