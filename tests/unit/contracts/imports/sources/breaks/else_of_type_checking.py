from typing import TYPE_CHECKING
if TYPE_CHECKING:
    x = 1
else:
    import acme.extra  # expect: missing-module
