"""The worked examples of CONTRIBUTING.md are run as they stand, in a process of their own (they register kinds)."""

import re
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
METRIC, FEATURE = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)

METRIC_CHECK = """
import sklearn.metrics as sk
from deepwright.registries import metrics
draw = torch.Generator().manual_seed(0)
answer, truth = (torch.randn(50, 1, generator=draw, dtype=torch.float64) for _ in range(2))
metric = metrics.get("max_error")()
rows = metric.rows({"value": answer}, {"value": truth})
assert abs(metric.value(rows) - sk.max_error(truth, answer)) < 1e-12
worst = int(rows.argmax())
weight = torch.ones(50)
weight[worst] = 0
assert metric.value(rows, weight) == float(rows[:, 0].sort().values[-2])
"""

FEATURE_CHECK = """
import json
column = pl.Series("start", ["00:00", "7:05", None, "23:59", "late", "12:30"] + ["09:15"] * 20)
suits = features.get("clock").suits(column)
assert suits is not None and suits.settings == Clock()
assert features.get("clock").suits(pl.Series("x", ["a", "b"])) is None
fitted = Clock().fit(Clock().summarise(column).merge(ClockSummary()), "start")
field = fitted.encode(column)
assert field.values.shape == (26, 2) and bool(field.values.isfinite().all())
assert fitted.decode(field).to_list()[:6] == ["00:00", "07:05", None, "23:59", None, "12:30"]
assert float((field.values[0] - field.values[3]).norm()) < 0.01
again = FittedClock.from_state(json.loads(json.dumps(fitted.to_state())))
assert bool((again.encode(column).values == field.values).all())
assert fitted.findings(column)[0].count == 2
assert fitted.baseline_columns(column).shape == (26, 1)
from deepwright.testing import features as promises
promises.suite(Clock, [column])
"""


def run(source: str, check: str) -> None:
    done = subprocess.run([sys.executable, "-c", source + check], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_metric_agrees_with_scikit_learn():
    run(METRIC, METRIC_CHECK)


def test_the_feature_keeps_its_promises():
    run(FEATURE, FEATURE_CHECK)
