"""Metrics: pure functions in two steps. Importing this folder registers its kinds."""

from deepwright.metrics import classes, numbers, tags

__all__ = ["classes", "numbers", "tags"]
