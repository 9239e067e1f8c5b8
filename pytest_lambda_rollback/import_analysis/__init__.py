"""Static analysis of imports and calls, and of the packages that answer them."""
