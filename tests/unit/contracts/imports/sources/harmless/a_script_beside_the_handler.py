def handler(e, c): ...
# file: code migrate.py
from acme.money import to_text
# file: code tests/test_app.py
from acme.money import to_text
