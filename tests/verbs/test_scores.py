"""The figures of the competitors as they stand in headlines and tables."""

import numpy as np

from deepwright.core.report import Grid, Headline
from deepwright.verbs.figures import Figure, Judged
from deepwright.verbs.scores import Scores


def test_a_baseline_has_the_same_digits_in_its_headline_as_in_the_table() -> None:
    draws = {"rmse": np.linspace(1, 2, 200)}
    judged = {
        "network": Judged({"rmse": Figure(8123.4, 7712.0, 8544.0)}, draws),  # tens are told
        "linear": Judged({"rmse": Figure(9806.0, 8300.0, 11300.0)}, draws),  # its own interval would tell hundreds
    }
    blocks = Scores(("rmse",), judged, "test", 500, ()).first()
    headlines = [block for block in blocks if isinstance(block, Headline)]
    table = next(block for block in blocks if isinstance(block, Grid))
    assert [one.value for one in headlines] == ["8,120", "9,810"]
    assert headlines[1].value == table.rows[0][2]
