from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from acme.money import to_text
