"""Regress: scales, losses, several targets."""

import json

import numpy as np
import polars as pl
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import skew
from sklearn.metrics import mean_pinball_loss

from deepwright.core.errors import DataError
from deepwright.core.report import Chart
from deepwright.fields import Field
from deepwright.tasks.regress import FittedRegress, Regress

TWO = pl.DataFrame({"a": [1.0, 2.0, 3.0, None, 10.0], "b": ["10", "x", "30", "", "20"]})


def fitted(frame, **settings):
    frame = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame({"t": frame})
    task = Regress(**settings)
    return task.fit(task.summarise(frame), frame.columns)


def test_targets_are_standardised_and_come_back():
    values = [3.0, -1.0, 7.5, 100.0]
    task = fitted(values)
    targets = task.encode(pl.DataFrame({"t": values}))
    standard = targets["t"].values[:, 0]
    assert float(standard.mean()) == pytest.approx(0, abs=1e-6)
    assert float(standard.std(correction=0)) == pytest.approx(1, rel=1e-5)
    assert task.truth(targets)["value"][:, 0].tolist() == pytest.approx(values, rel=1e-5)
    assert task.answer({"value": Field(standard[:, None])})["value"][:, 0].tolist() == pytest.approx(values, rel=1e-5)


def test_missing_and_bad_cells_have_no_weight():
    task = fitted(TWO)
    targets = task.encode(TWO)
    assert [field.present.tolist() for field in targets.values()] == [[1, 1, 1, 0, 1], [1, 0, 1, 0, 1]]
    assert task.weight(targets).tolist() == [1, 1, 1, 0, 1]
    loss = task.loss({"value": Field(torch.zeros(5, 2))}, targets)
    a, b = (targets[name].values[:, 0].tolist() for name in "ab")
    assert loss.tolist() == pytest.approx(
        [(a[0] ** 2 + b[0] ** 2) / 2, a[1] ** 2, (a[2] ** 2 + b[2] ** 2) / 2, 0, (a[4] ** 2 + b[4] ** 2) / 2]
    )


@pytest.mark.parametrize(
    ("cells", "settings", "sentence"),
    [
        ([None, None], {}, "holds no number in any training row"),
        (["x", "y"], {}, "Use --task classify"),
        ([5.0, 5.0, None], {}, "is 5 in all training rows"),
        ([1e300, -1e300], {}, "too far to be learnt"),
        ([1.0, 0.0], {"transform": "log"}, "have no logarithm"),
        ([["a"], ["b"]], {}, "holds no number"),
    ],
)
def test_nothing_to_learn_gives_a_sentence(cells, settings, sentence):
    with pytest.raises(DataError, match=sentence):
        fitted(cells, **settings)


@pytest.mark.parametrize(
    "values", [[1.6e9, 1.6e9 + 1, 1.6e9 + 2], [1e-15, 2e-15, 3e-15], [1e12 + 0.1, 1e12 + 0.2, 1e12 + 0.4]]
)
def test_small_spreads_around_large_values_and_tiny_values(values):
    task = fitted(values)
    assert task.scales[0].deviation == pytest.approx(np.std(values), rel=1e-3)
    standard = task.encode(pl.DataFrame({"t": values}))["t"].values
    assert float(standard.std(correction=0)) == pytest.approx(1, rel=1e-3)


@settings(max_examples=50, deadline=None)
@given(values=st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), cut=st.integers(0, 30))
def test_moments_of_pieces_add_up(values, cut):
    task = Regress()
    whole = task.summarise(pl.DataFrame({"t": values}))
    schema = {"t": pl.Float64}
    parts = [task.summarise(pl.DataFrame({"t": piece}, schema=schema)) for piece in (values[:cut], values[cut:])]
    merged = parts[0].merge(parts[1])
    scale = max(1.0, *map(abs, values))
    for a, b in ((merged.raw, whole.raw), (merged.log, whole.log)):
        assert a[0, [0, 4, 5]].tolist() == b[0, [0, 4, 5]].tolist()
        assert np.allclose(a[0, 1:4], b[0, 1:4], rtol=1e-6, atol=1e-6 * scale**3)


def test_long_tails_are_learnt_as_logarithms_unless_squared():
    values = np.exp(np.random.default_rng(0).normal(0, 1.5, 500))
    assert skew(values) > 1.5
    assert [fitted(values, loss=loss).scales[0].log for loss in ("mse", "mae", "huber", "quantile")] == [
        False,
        True,
        True,
        True,
    ]
    assert fitted(values, transform="log").scales[0].log
    assert not fitted(values, transform="none", loss="mae").scales[0].log
    assert not fitted(-values, loss="mae").scales[0].log
    task = fitted(values, loss="mae")
    targets = task.encode(pl.DataFrame({"t": values}))
    assert np.allclose(task.truth(targets)["value"][:, 0], values, rtol=1e-4)
    later = task.encode(pl.DataFrame({"t": [0.0, -1.0, 1.0]}))["t"]
    assert later.present.tolist() == [False, False, True]
    assert float(task.constant(targets)["value"][0, 0]) == pytest.approx(values.mean())


def test_losses_are_those_of_torch():
    value, known = torch.randn(2, 20, 1, generator=torch.Generator().manual_seed(0)) * 2
    targets = {"t": Field(known)}
    wanted = {
        "mse": (F.mse_loss, {}), "mae": (F.l1_loss, {}), "huber": (F.huber_loss, {"delta": 0.7}),
    }  # fmt: skip
    for loss, (function, more) in wanted.items():
        task = fitted([1.0, 2.0, 3.0], loss=loss, **more)
        got = task.loss({"value": Field(value)}, targets)
        assert torch.allclose(got, function(value, known, reduction="none", **more)[:, 0]), loss


def test_quantile_loss_is_that_of_scikit_learn():
    levels = (0.1, 0.5, 0.9)
    task = fitted(pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]}), loss="quantile", quantiles=levels)
    assert task.heads == {"value": 6}
    value = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    known = torch.randn(30, 2, generator=torch.Generator().manual_seed(1))
    got = task.loss({"value": Field(value)}, {"a": Field(known[:, :1]), "b": Field(known[:, 1:])}).mean()
    each = [
        mean_pinball_loss(known[:, t], value[:, 3 * t + q], alpha=level)
        for t in (0, 1)
        for q, level in enumerate(levels)
    ]
    assert float(got) == pytest.approx(np.mean(each), rel=1e-5)


def test_quantiles_are_in_order_and_the_middle_one_predicts():
    task = fitted([0.0, 10.0, 20.0], loss="quantile", quantiles=(0.9, 0.1, 0.5))
    assert task.settings.quantiles == (0.1, 0.5, 0.9)
    answer = task.answer({"value": Field(torch.tensor([[0.5, -0.5, 0.0]]))})
    assert answer["quantile"].shape == (1, 1, 3)
    assert bool((answer["quantile"].diff(dim=2) > 0).all())
    assert answer["value"].item() == pytest.approx(10)
    frame = task.decode(answer)
    assert frame.columns == ["t_predicted", "t_quantile_0.1", "t_quantile_0.5", "t_quantile_0.9"]
    assert frame["t_predicted"].to_list() == frame["t_quantile_0.5"].to_list()
    assert task.bias({})["value"].tolist() == pytest.approx([-1.2816, 0, 1.2816], abs=1e-4)
    for wrong in ((), (0.0, 0.5), (1.5,)):
        with pytest.raises(ValidationError):
            Regress(quantiles=wrong)


def test_members_are_combined_by_mean():
    value = torch.randn(4, 3, 2)
    assert torch.equal(fitted(TWO).combine({"value": Field(value)})["value"].values, value.mean(1))


def test_answers_do_not_run_away():
    task = fitted([0.0, 10.0])
    assert task.answer({"value": Field(torch.tensor([[1e6], [-1e6]]))})["value"][:, 0].tolist() == [11, -1]


def test_score():
    task = fitted(TWO)
    value = {"value": Field(torch.tensor([[1.0, 2.0]]))}
    targets = {"a": Field(torch.tensor([[0.0]])), "b": Field(torch.tensor([[0.0]]), present=torch.tensor([False]))}
    assert task.score(value, None).tolist() == [1.0]
    assert task.score(value, targets).tolist() == [-0.5]


def test_decode_names_columns_by_target():
    task = fitted(TWO)
    frame = task.decode(task.answer({"value": Field(torch.zeros(3, 2))}))
    assert frame.columns == ["a_predicted", "b_predicted"]
    assert frame.row(0) == pytest.approx((4.0, 20.0))


def test_numbers_are_read_as_they_were_in_training():
    task = fitted(["1,234", "999", "12,345"])
    again = FittedRegress.from_state(json.loads(json.dumps(task.to_state())))
    later = again.encode(pl.DataFrame({"t": ["1,500"]}))
    assert float(again.truth(later)["value"][0, 0]) == pytest.approx(1500, rel=1e-4)
    other = fitted(["1,5", "2,5", "30"]).encode(pl.DataFrame({"t": ["2,125"]}))["t"]
    assert other.values.abs().item() < 2
    elsewhere = task.truth(task.encode(pl.DataFrame({"t": ["1.5 €", "1.25 €"]})))["value"][:, 0]
    assert elsewhere.tolist() == pytest.approx([1.5, 1.25], abs=1e-2)


def test_state_survives_json():
    for settings_ in ({}, {"loss": "quantile"}, {"loss": "huber", "delta": 2.0, "transform": "none"}):
        task = fitted(TWO, **settings_)
        assert FittedRegress.from_state(json.loads(json.dumps(task.to_state(), allow_nan=False))) == task


def test_blocks_and_plain_estimators():
    task = fitted(TWO)
    targets = task.encode(TWO.drop_nulls().filter(pl.col("b") != "x"))
    kind, table = task.table(targets)
    assert kind == "numbers"
    assert table.tolist() == [pytest.approx([1, 10]), pytest.approx([3, 30]), pytest.approx([10, 20])]
    answer = task.from_table(table[:, :, None])
    blocks = task.blocks(answer, task.truth(targets))
    assert blocks[0].title == "By target"
    assert [isinstance(block, Chart) for block in blocks[1:]] == [True] * 4
    assert "correlation is 1.000" in blocks[1].alt
