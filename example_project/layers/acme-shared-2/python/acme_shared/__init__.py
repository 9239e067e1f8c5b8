"""What the functions of a shop share, as the layer acme-shared."""

__version__ = "2.0.0"
