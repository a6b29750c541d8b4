"""Make a deep network from your own data, question it, and ship it."""

__version__ = "0.1.0"
