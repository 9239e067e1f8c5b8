"""What the functions of a shop share, as the layer acme-shared."""

__version__ = "1.4.0"
