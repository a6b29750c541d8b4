"""Reports survive JSON; seeds and the clock do what they say."""

import json

import numpy as np

from deepwright.core.clock import process_seconds
from deepwright.core.report import Chart, Grid, Headline, Pictures, Report, Series, Text
from deepwright.core.seeds import derive

BLOCKS = (
    Text("Careful.", "warning"),
    Headline("accuracy", "0.93", "0.91 to 0.95"),
    Grid("By class", ("class", "rows"), (("a", 1), ("b", None), ("c", 0.5)), note="n", raw=True),
    Chart(
        "ROC",
        "A curve.",
        "step",
        (Series("network", (0.0, 1.0), (0.0, 1.0), (0.0, 0.9), (0.1, 1.0)),),
        "x",
        "y",
        diagonal=True,
    ),
    Chart("Bars", "Bars.", "bar", (Series("rows", ("a", "b"), (1.0, 2.0)),)),
    Chart("Confusion", "A table.", "heat", matrix=((1.0, 2.0), (3.0, 4.0)), x_names=("a", "b"), y_names=("a", "b")),
    Pictures("Worst", ("data:image/png;base64,AA==",), ("a",), ("a picture",), raw=True),
)


def test_a_report_survives_json():
    report = Report("evaluate", "A title", {"version": 1, "metrics": {"accuracy": {"value": 0.93}}}, BLOCKS)
    again = Report.from_dict(json.loads(json.dumps(report.to_dict(), allow_nan=False)))
    assert again == report
    assert again.blocks == BLOCKS
    assert hash(again.blocks) == hash(BLOCKS)  # tuples all the way down


def test_an_empty_report():
    assert Report.from_dict(Report("a", "b", {}).to_dict()) == Report("a", "b", {})


def test_seeds_depend_on_words_their_order_and_type():
    seeds = {
        derive(0),
        derive("0"),
        derive(0, 1),
        derive(1, 0),
        derive(0, "order"),
        derive(True),
        derive(1),
        derive(None),
    }
    assert len(seeds) == 8
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive(3, "order", 1) == 8398916383982505669
    assert derive(np.int64(3), "order", np.int32(1)) == derive(3, "order", 1)


def test_the_clock_counts_from_the_start_of_the_process():
    first = process_seconds()
    assert 0 < first <= process_seconds()
