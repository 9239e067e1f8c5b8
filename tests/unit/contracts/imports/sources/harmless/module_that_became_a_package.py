from acme.money import to_text
# empty: shared-2
# file: shared-2 acme/__init__.py
# file: shared-2 acme/money/__init__.py
from .text import to_text
# file: shared-2 acme/money/text.py
def to_text(): ...
