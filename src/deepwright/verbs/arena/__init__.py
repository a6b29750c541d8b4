"""Arena: families that create, side by side on a person's data."""
