"""Contract suites: what every kind of a noun promises, for whoever adds one.

    from deepwright.testing import features
    features.suite(Clock, [pl.Series("start", ["00:00", "7:05", None, ...])])

One file a noun, each a `suite` and the single checks; a broken promise is an AssertionError with a sentence. All
registered kinds are held to them by `tests/testing` without being named there.
"""
