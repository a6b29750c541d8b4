"""Figures: intervals that agree with theory, paired differences, and the sentence that follows from them."""

from typing import Any

import numpy as np
import pytest
import torch

import deepwright.metrics  # noqa: F401
from deepwright.verbs.comparison import compare, difference
from deepwright.verbs.comparison import verdict as sentences
from deepwright.verbs.figures import Figure, Judged, judge


def verdict(name: str, both: dict[str, Judged]) -> str:
    return sentences(name, both, compare(name, both))


def labels(rows: int, share: float) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Answers of which `share` are right, and the truth."""
    truth = torch.arange(rows) % 2
    right = torch.arange(rows) < round(share * rows)
    said = torch.where(right, truth, 1 - truth)
    return {"probability": torch.nn.functional.one_hot(said, 2).double() * 0.8 + 0.1}, {"label": truth}


@pytest.mark.parametrize(("rows", "share"), [(100, 0.5), (400, 0.9), (3000, 0.75)])
def test_the_interval_of_a_share_is_the_normal_one(rows: int, share: float) -> None:
    answer, truth = labels(rows, share)
    figure = judge(["accuracy"], {"network": answer}, truth)["network"].figures["accuracy"]
    half = 1.96 * np.sqrt(share * (1 - share) / rows)
    assert figure.value == pytest.approx(share)
    assert figure.low == pytest.approx(share - half, abs=0.2 * half)
    assert figure.high == pytest.approx(share + half, abs=0.2 * half)


def test_the_interval_of_a_mean_is_the_normal_one() -> None:
    errors = torch.from_numpy(np.random.default_rng(0).exponential(size=(2000, 1)))
    figure = judge(["mae"], {"network": {"value": errors}}, {"value": torch.zeros(2000, 1)})["network"].figures["mae"]
    half = 1.96 * float(errors.std()) / np.sqrt(2000)
    assert (figure.low, figure.high) == pytest.approx(
        (errors.mean().item() - half, errors.mean().item() + half), abs=0.2 * half
    )


def test_the_seed_decides_the_draws() -> None:
    answer, truth = labels(50, 0.7)
    draws = [judge(["accuracy"], {"network": answer}, truth, seed)["network"].draws["accuracy"] for seed in (0, 0, 1)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_competitors_are_weighted_alike_so_that_small_differences_show() -> None:
    """One is right wherever the other is, and on a few rows more: the difference is certain though intervals overlap."""
    better, truth = labels(1000, 0.92)
    worse, _ = labels(1000, 0.90)
    judged = judge(["accuracy"], {"network": better, "linear": worse}, truth)
    ours, theirs = (judged[who].figures["accuracy"] for who in ("network", "linear"))
    assert ours.low is not None
    assert theirs.high is not None
    assert ours.low < theirs.high
    gap = difference("accuracy", judged["network"], judged["linear"])
    assert gap is not None
    assert (gap.value, gap.p) == (pytest.approx(0.02), pytest.approx(2 / 1001))
    assert 0.0 < gap.low < gap.value < gap.high
    assert "better than the linear model" in verdict("accuracy", judged)


def test_many_rows_are_judged_piece_by_piece() -> None:
    answer, truth = labels(60_000, 0.8)
    judged = judge(["accuracy"], {"network": answer}, truth)["network"]
    assert len(judged.draws["accuracy"]) == 666  # fewer draws for more rows
    assert judged.figures["accuracy"].high - judged.figures["accuracy"].low == pytest.approx(
        2 * 1.96 * np.sqrt(0.16 / 60_000), rel=0.2
    )  # type: ignore[operator]


def judged(name: str, value: float | None, draws: Any) -> Judged:
    return Judged({name: Figure(value, None, None)}, {name: np.asarray(draws, float)})


SPREAD = np.linspace(-0.1, 0.1, 1000)


@pytest.mark.parametrize(
    ("name", "ours", "theirs", "sentence"),
    [
        ("accuracy", 0.9, 0.5, "Judged by accuracy, the network is better than boosting."),
        ("accuracy", 0.5, 0.9, "Judged by accuracy, the network is worse than boosting."),
        ("rmse", 0.5, 0.9, "Judged by RMSE, the network is better than boosting."),
        ("rmse", 0.9, 0.5, "Judged by RMSE, the network is worse than boosting."),
    ],
)
def test_verdicts(name: str, ours: float, theirs: float, sentence: str) -> None:
    both = {"network": judged(name, ours, ours + SPREAD), "boosting": judged(name, theirs, np.full(1000, theirs))}
    assert verdict(name, both) == sentence


@pytest.mark.parametrize("gap", [0.01, 0.0, -0.01])
def test_what_could_be_chance_is_called_so(gap: float) -> None:
    both = {
        "network": judged("accuracy", 0.8 + gap, 0.8 + gap + SPREAD),
        "linear": judged("accuracy", 0.8, np.full(1000, 0.8)),
    }
    assert "not better than the linear model: the difference could be chance" in verdict("accuracy", both)


def test_equal_answers_are_not_better() -> None:
    answer, truth = labels(100, 0.8)
    both = judge(["accuracy"], {"network": answer, "constant": answer}, truth)
    assert "not better than the constant answer: the difference could be chance" in verdict("accuracy", both)
    assert compare("accuracy", both)["constant"].p == 1


def test_one_label_only_leaves_some_figures_without_meaning() -> None:
    answer, _ = labels(50, 0.8)
    both = judge(["roc_auc", "accuracy"], {"network": answer, "linear": answer}, {"label": torch.ones(50).long()})
    assert both["network"].figures["roc_auc"] == Figure(None, None, None)
    assert verdict("roc_auc", both) == "ROC AUC has no meaning on these rows, so nothing can be compared."
    assert both["network"].figures["accuracy"].value is not None


def test_one_row_and_no_baseline() -> None:
    answer, truth = labels(1, 1.0)
    only = judge(["accuracy"], {"network": answer}, truth)
    assert only["network"].figures["accuracy"] == Figure(1.0, 0.025, 1.0)
    assert verdict("accuracy", only) == "There is no baseline to compare with."


def test_several_baselines_are_told_in_three_sentences() -> None:
    both = {
        "network": judged("rmse", 0.5, 0.5 + SPREAD),
        "constant": judged("rmse", 0.9, np.full(1000, 0.9)),
        "linear": judged("rmse", 0.7, np.full(1000, 0.7)),
        "boosting": judged("rmse", 0.5, np.full(1000, 0.5)),
    }
    assert verdict("rmse", both) == (
        "Judged by RMSE, the network is not better than boosting: the difference could be chance. "
        "It is better than the constant answer and the linear model."
    )
    assert compare("rmse", both)["linear"].text == "+0.200 [+0.105,\u00a0+0.295]"


def test_rows_that_all_agree_still_have_an_interval() -> None:
    """Five right answers out of five are no proof; a bootstrap of them would say 1 to 1."""
    answer, truth = labels(5, 1.0)
    figure = judge(["accuracy"], {"network": answer}, truth)["network"].figures["accuracy"]
    assert (figure.low, figure.high) == (pytest.approx(0.4782, abs=1e-4), 1.0)
    wrong = judge(["accuracy"], {"network": answer}, {"label": 1 - truth["label"]})["network"].figures["accuracy"]
    assert (wrong.low, wrong.high) == (0.0, pytest.approx(1 - 0.4782, abs=1e-4))
    errors = {"value": torch.zeros(5, 1)}
    assert judge(["mae"], {"network": errors}, errors)["network"].figures["mae"] == Figure(0.0, 0.0, 0.0)
