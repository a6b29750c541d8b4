"""Sample reports with every form of block, made of random numbers."""

import base64
import math
import random
import struct
import zlib

from deepwright.core.report import Block, Chart, Grid, Headline, Pictures, Report, Scale, Series, Text

__all__ = ["classification", "everything", "picture", "regression", "tuning"]

HOSTILE = "<script>alert(1)</script> \"'>&\n\u202eabc\x1b[31m"


def picture(seed: int, side: int = 28) -> str:
    """A grey PNG as a data URI."""
    rng = random.Random(seed)
    x0, y0 = rng.uniform(8, 20), rng.uniform(8, 20)
    rows = b"".join(
        b"\0" + bytes(int(255 * math.exp(-((x - x0) ** 2 + (y - y0) ** 2) / 40)) for x in range(side))
        for y in range(side)
    )
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    return "data:image/png;base64," + base64.b64encode(png).decode()


def regression() -> Report:
    """What evaluating a regression may look like."""
    rng = random.Random(1)
    truth = [rng.lognormvariate(9.6, 0.5) for _ in range(800)]
    said = [value * rng.gauss(1, 0.12) + 400 for value in truth]
    steps = [50 * k for k in range(1, 61)]
    loss = [0.9 * math.exp(-k / 14) + 0.11 + rng.gauss(0, 0.012) for k in range(60)]
    checked = [0.9 * math.exp(-k / 14) + 0.16 + rng.gauss(0, 0.008) for k in range(60)]
    edges = [f"{-6000 + 400 * k:.4g}" for k in range(30)]
    heights = [round(120 * math.exp(-(((k - 15) / 6) ** 2))) for k in range(30)]
    mean = [12000 + 1400 * math.sin(k / 2) for k in range(14)]
    blocks: tuple[Block, ...] = (
        Headline("Mean absolute error", "1,043", "95 %: 998 to 1,091 euro"),
        Headline("R²", "0.942", "95 %: 0.931 to 0.951"),
        Headline("Rows tested", "800", "20 % of 4,000, drawn at random"),
        Headline("Against boosting", "better", "by 4.1 % (p = 0.003)"),
        Text("The network is better than boosting here: its error is 44 euro smaller (95 %: 12 to 77).", "good"),
        Text(
            "The column 'listing_id' looks like an identifier; it was left out. Keep it with --keep listing_id.",
            "warning",
        ),
        Text(
            "The price was predicted from 11 columns. The test rows were used neither for training nor for any choice."
        ),
        Grid(
            "Beside simple methods",
            ("method", "MAE", "low", "high", "R²", "seconds"),
            (
                ("network", 1043.2, 998.1, 1091.0, 0.9421, 300),
                ("boosting", 1087.4, 1040.2, 1131.9, 0.9377, 12),
                ("linear", 1899.0, 1822.4, 1980.5, 0.8012, 1),
                ("constant (median)", 4210.7, None, float("nan"), -0.0132, 0),
            ),
            "Intervals: 95 %, bootstrap of the test rows.",
        ),
        Chart(
            "Learning curve",
            "Training and validation loss fall from 1.0 to 0.11 and 0.16.",
            "line",
            (Series("training", tuple(steps), tuple(loss)), Series("validation", tuple(steps), tuple(checked))),
            "step",
            "loss",
        ),
        Chart(
            "Predicted against true: price",
            "Predicted against true price; their correlation is 0.971.",
            "scatter",
            (Series("rows", tuple(truth), tuple(said)),),
            "true price",
            "predicted price",
            diagonal=True,
            note="800 of 4000 rows are drawn.",
        ),
        Chart(
            "Residuals: price",
            "Histogram of the residuals of price: median 12.",
            "bar",
            (Series("rows", tuple(edges), tuple(float(h) for h in heights)),),
            "predicted − true price",
            "rows",
        ),
        Chart(
            "Effect of age",
            "The price falls with age.",
            "band",
            (
                Series(
                    "mean",
                    tuple(float(k) for k in range(14)),
                    tuple(mean),
                    tuple(m - 700 - 40 * k for k, m in enumerate(mean)),
                    tuple(m + 700 + 60 * k for k, m in enumerate(mean)),
                ),
            ),
            "age in years",
            "price",
        ),
        Chart(
            "Error by brand",
            "Mean absolute error of each brand; the largest is Alfa Romeo.",
            "bar",
            (
                Series(
                    "MAE",
                    (
                        "Volkswagen",
                        "Alfa Romeo",
                        "Mercedes-Benz",
                        "Škoda",
                        "BMW",
                        "Land Rover and others of that house",
                    ),
                    (900.0, 2100.0, 1500.0, 780.0, 1300.0, 1900.0),
                ),
            ),
            "brand",
            "mean absolute error",
        ),
        Chart(
            "Loss over learning rate",
            "Loss is lowest near 0.003.",
            "line",
            (
                Series(
                    "loss",
                    tuple(10.0 ** (k / 4 - 5) for k in range(17)),
                    tuple(0.2 + (k - 10) ** 2 / 100 for k in range(17)),
                ),
            ),
            "learning rate",
            "validation loss",
            log_x=True,
        ),
        Grid(
            "Worst errors",
            ("row", "brand", "year", "kilometres", "true price", "predicted"),
            tuple(
                (
                    17 * k,
                    rng.choice(("BMW", "Fiat", "Opel")),
                    2000 + k,
                    1000 * rng.randint(5, 250),
                    rng.uniform(2e3, 6e4),
                    rng.uniform(2e3, 6e4),
                )
                for k in range(15)
            ),
            raw=True,
        ),
    )
    return Report("evaluate", "How good it is", {"version": 1}, blocks)


def classification() -> Report:
    """What evaluating two classes may look like."""
    rng = random.Random(2)
    false = [k / 60 for k in range(61)]
    bins = [0.03, 0.12, 0.2, 0.31, 0.42, 0.5, 0.61, 0.74, 0.86, 0.97]
    seen = [min(1.0, max(0.0, p + rng.gauss(0, 0.04))) for p in bins]
    low, high = tuple(max(0.0, y - 0.06) for y in seen), tuple(min(1.0, y + 0.06) for y in seen)
    blocks: tuple[Block, ...] = (
        Headline("ROC AUC", "0.912", "95 %: 0.894 to 0.929"),
        Headline("Accuracy", "84.6 %", "95 %: 82.3 to 86.9 %"),
        Headline("Threshold", "0.38", "chosen on validation rows for the best F1"),
        Text("The network is not better than boosting here (p = 0.41).", "bad"),
        Chart(
            "Confusion matrix",
            "Confusion matrix: 846 of 1000 answers are right.",
            "heat",
            matrix=((612.0, 88.0), (66.0, 234.0)),
            x_names=("stays", "leaves"),
            y_names=("stays", "leaves"),
            x_label="answer",
            y_label="truth",
            note="Most frequent mistake: 'stays' taken for 'leaves' (88 times).",
        ),
        Chart(
            "ROC curve",
            "ROC curve for 'leaves' with an area of 0.912; chance is 0.5.",
            "step",
            (
                Series("network", tuple(false), tuple(f**0.22 for f in false)),
                Series("boosting", tuple(false), tuple(f**0.25 for f in false)),
            ),
            "false alarms among all others",
            "found among all 'leaves'",
            diagonal=True,
        ),
        Chart(
            "Precision and recall",
            "Precision against recall for 'leaves'; average precision 0.81.",
            "step",
            (
                Series("network", tuple(false), tuple(1 - 0.6 * f**3 for f in false)),
                Series("chance", (0.0, 1.0), (0.3, 0.3)),
            ),
            "recall",
            "precision",
        ),
        Chart(
            "Calibration",
            "Calibration curve: the largest gap between probability and frequency is 0.07.",
            "band",
            (Series("network", tuple(bins), tuple(seen), low, high),),
            "probability given",
            "how often it was so",
            diagonal=True,
        ),
        Chart(
            "F1 by group",
            "F1 of network and boosting in each contract group.",
            "bar",
            (
                Series(
                    "network",
                    ("monthly", "one year", "two years"),
                    (0.71, 0.64, 0.42),
                    (0.68, 0.58, 0.3),
                    (0.74, 0.7, 0.54),
                ),
                Series(
                    "boosting",
                    ("monthly", "one year", "two years"),
                    (0.7, 0.66, 0.39),
                    (0.67, 0.6, 0.28),
                    (0.73, 0.72, 0.5),
                ),
            ),
            "contract",
            "F1",
        ),
        Grid(
            "By class",
            ("class", "rows", "precision", "recall", "F1"),
            (("stays", 700, 0.9027, 0.8743, 0.8883), ("leaves", 300, 0.7267, 0.78, 0.7524)),
        ),
        Pictures(
            "Most confident mistakes",
            tuple(picture(k) for k in range(6)),
            tuple(f"said coat, is shirt (0.9{k})" for k in range(6)),
            tuple(f"A grey picture, number {k}" for k in range(6)),
            raw=True,
        ),
    )
    return Report("evaluate", "Telling who leaves", {"version": 1}, blocks)


def everything() -> Report:
    """Odd blocks of every form: many classes, hostile names, missing values, nothing at all."""
    rng = random.Random(3)
    names = tuple(f"class number {k}" for k in range(20))
    matrix = tuple(tuple(float(rng.randint(0, 40) if a != b else 400) for a in range(20)) for b in range(20))
    many = tuple(f"a category with a long name {k}" for k in range(90))
    blocks: tuple[Block, ...] = (
        Text(HOSTILE * 3),
        Text("Nothing was lost.", "good"),
        Headline(HOSTILE, HOSTILE, HOSTILE),
        Grid(
            "Hostile " + HOSTILE,
            ("name", "value", HOSTILE),
            ((HOSTILE, 1.23456, "x" * 10_000), (None, float("nan"), "عربي עברית"), (picture(9), 1234567, "")),
            HOSTILE,
            raw=True,
        ),
        Grid("No rows", ("a", "b"), ()),
        Grid(
            "Wide",
            tuple(f"column {k}" for k in range(30)),
            tuple(tuple(rng.gauss(0, 1000) for _ in range(30)) for _ in range(40)),
        ),
        Chart(
            "Twenty classes",
            "Most answers are on the diagonal.",
            "heat",
            matrix=matrix,
            x_names=names,
            y_names=names,
            x_label="answer",
            y_label="truth",
        ),
        Chart(
            "Correlations",
            "Correlations between three columns.",
            "heat",
            matrix=((1.0, -0.42, 0.07), (-0.42, 1.0, -0.91), (0.07, -0.91, 1.0)),
            x_names=("age", "income", "kilometres"),
            y_names=("age", "income", "kilometres"),
        ),
        Chart(
            "Ninety categories",
            "All about equal.",
            "bar",
            (Series("n", many, tuple(rng.uniform(-3, 9) for _ in many)),),
            "name",
            "count",
        ),
        Chart(
            "Names along a line",
            "A line over months.",
            "line",
            tuple(
                Series(
                    f"series {s}",
                    ("January", "February", "March", "April", "May", "June", "July", "August"),
                    tuple(rng.gauss(s, 0.3) for _ in range(8)),
                )
                for s in range(7)
            ),
            "month",
            "value",
        ),
        Chart(
            "Groups",
            "Four clouds.",
            "scatter",
            tuple(
                Series(
                    f"group {s}",
                    tuple(rng.gauss(s, 0.5) for _ in range(30)),
                    tuple(rng.gauss(-s, 0.6) for _ in range(30)),
                )
                for s in range(7)
            ),
        ),
        Chart("Empty", "Nothing.", "line"),
        tuning(),
        tuning(3, 5),
        Chart(
            HOSTILE,
            HOSTILE,
            "line",
            (Series(HOSTILE, (1.0, float("nan"), 3.0, 4.0), (1.0, 2.0, float("nan"), -4e300)),),
            HOSTILE,
            HOSTILE,
            note=HOSTILE,
        ),
        Pictures(
            "Pictures",
            (picture(1), "https://example.org/a.png", "javascript:alert(1)"),
            (HOSTILE, "not embedded", "not a picture"),
            ("", "b", "c"),
        ),
        Pictures("No pictures", (), (), ()),
    )
    return Report("inspect", "Everything odd at once", {"version": 1}, blocks)


def tuning(axes: int = 8, lines: int = 30) -> Chart:
    """Settings of trials over upright axes of every form."""
    rng = random.Random(4)
    scales = (
        Scale("lr", log=True), Scale("batch", ("32", "64", "128")), Scale("a name that is rather long"), Scale("depth"),
        Scale("activation", ("relu", "gelu", "a long label")), Scale("constant"), Scale("weight_decay", log=True), Scale("loss"),
    )[:axes]  # fmt: skip
    rows = tuple(
        (
            10 ** rng.uniform(-5, -1), float(rng.randint(0, 2)), rng.gauss(0, 1e6), float(rng.randint(1, 6)),
            float(rng.randint(0, 2)), 7.0, 10 ** rng.uniform(-4, 0), rng.uniform(0.1, 0.9),
        )[:axes]
        for _ in range(lines)
    )  # fmt: skip
    first = max(1, lines // 4)
    groups = ("best", *["best quarter"] * (first - 1), *["others"] * (lines - first))[:lines]
    names = tuple(f"trial {k}" for k in range(lines))
    return Chart(
        "Settings of the trials", "Good trials have small rates.", "parallel", matrix=rows, y_names=names, y_label="trial",
        scales=scales, groups=groups,
    )  # fmt: skip
