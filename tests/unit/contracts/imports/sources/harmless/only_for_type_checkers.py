from acme.money import to_text
# file: shared-2 acme/money.py
import typing
if typing.TYPE_CHECKING:
    from x import to_text
