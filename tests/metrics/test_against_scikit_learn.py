"""Every metric agrees with scikit-learn, weights and ties included."""

import numpy as np
import pytest
import sklearn.metrics as sk
import torch

import deepwright.metrics  # noqa: F401
from deepwright.registries import metrics

rng = np.random.default_rng(0)
N = 300
weight = rng.integers(0, 4, N).astype(float)


def classes(k):
    probability = np.round(rng.dirichlet(np.ones(k), N), 2) + 1e-3  # rounded: ties
    probability /= probability.sum(1, keepdims=True)
    return probability, rng.integers(0, k, N)


P2, Y2 = classes(2)
P4, Y4 = classes(4)
V, T = rng.normal(size=(N, 2)), rng.normal(size=(N, 2)) + 3
L, TAGS = np.round(rng.random((N, 3)), 1), rng.integers(0, 2, (N, 3))
D2, D4 = P2.argmax(1), P4.argmax(1)
DL = (L >= 0.5).astype(int)
CASES = [
    ("accuracy", P2, Y2, lambda w: sk.accuracy_score(Y2, D2, sample_weight=w)),
    ("accuracy", P4, Y4, lambda w: sk.accuracy_score(Y4, D4, sample_weight=w)),
    ("log_loss", P4, Y4, lambda w: sk.log_loss(Y4, P4, sample_weight=w)),
    ("brier", P2, Y2, lambda w: sk.brier_score_loss(Y2, P2[:, 1], sample_weight=w)),
    ("balanced_accuracy", P4, Y4, lambda w: sk.balanced_accuracy_score(Y4, D4, sample_weight=w)),
    ("macro_f1", P4, Y4, lambda w: sk.f1_score(Y4, D4, average="macro", sample_weight=w)),
    ("f1", P2, Y2, lambda w: sk.f1_score(Y2, D2, sample_weight=w)),
    ("roc_auc", P2, Y2, lambda w: sk.roc_auc_score(Y2, P2[:, 1], sample_weight=w)),
    ("pr_auc", P2, Y2, lambda w: sk.average_precision_score(Y2, P2[:, 1], sample_weight=w)),
]
NUMBERS = [
    ("rmse", lambda w: np.mean([np.sqrt(sk.mean_squared_error(T[:, k], V[:, k], sample_weight=w)) for k in (0, 1)])),
    ("mae", lambda w: sk.mean_absolute_error(T, V, sample_weight=w)),
    ("r2", lambda w: sk.r2_score(T, V, sample_weight=w)),
]
TAG = [
    ("tag_f1", lambda w: sk.f1_score(TAGS, DL, average="micro", sample_weight=w)),
    ("tag_macro_f1", lambda w: sk.f1_score(TAGS, DL, average="macro", sample_weight=w)),
    ("mean_average_precision", lambda w: sk.average_precision_score(TAGS, L, sample_weight=w)),
    ("subset_accuracy", lambda w: sk.accuracy_score(TAGS, DL, sample_weight=w)),
    ("hamming", lambda w: sk.hamming_loss(TAGS, DL, sample_weight=w)),
]


def figure(name, answer, truth, w):
    metric = metrics.get(name)()
    rows = metric.rows({k: torch.tensor(v) for k, v in answer.items()}, {k: torch.tensor(v) for k, v in truth.items()})
    return metric.value(rows, None if w is None else torch.tensor(w))


@pytest.mark.parametrize("w", [None, weight], ids=["plain", "weighted"])
@pytest.mark.parametrize(("name", "probability", "label", "peer"), CASES)
def test_classes(name, probability, label, peer, w):
    assert figure(name, {"probability": probability}, {"label": label}, w) == pytest.approx(peer(w), abs=1e-9)


@pytest.mark.parametrize("w", [None, weight], ids=["plain", "weighted"])
@pytest.mark.parametrize(("name", "peer"), NUMBERS)
def test_numbers(name, peer, w):
    assert figure(name, {"value": V}, {"value": T}, w) == pytest.approx(peer(w), abs=1e-9)


@pytest.mark.parametrize("w", [None, weight], ids=["plain", "weighted"])
@pytest.mark.parametrize(("name", "peer"), TAG)
def test_tags(name, peer, w):
    assert figure(name, {"probability": L}, {"label": TAGS}, w) == pytest.approx(peer(w), abs=1e-9)


def test_median_absolute_error_is_the_median():
    assert figure("median_ae", {"value": V[:, :1]}, {"value": T[:, :1]}, None) == pytest.approx(
        sk.median_absolute_error(T[:, 0], V[:, 0])
    )


def test_pinball_agrees_for_each_level():
    quantile = np.sort(rng.normal(size=(N, 1, 2)), axis=2)
    ours = figure("pinball", {"quantile": quantile, "level": np.array([0.1, 0.9])}, {"value": T[:, :1]}, None)
    peers = [sk.mean_pinball_loss(T[:, 0], quantile[:, 0, k], alpha=a) for k, a in enumerate((0.1, 0.9))]
    assert ours == pytest.approx(np.mean(peers))


def test_weights_count_a_row_several_times():
    for name, probability, label, _ in CASES:
        again = np.repeat(np.arange(N), weight.astype(int))
        repeated = figure(name, {"probability": probability[again]}, {"label": label[again]}, None)
        assert figure(name, {"probability": probability}, {"label": label}, weight) == pytest.approx(repeated, abs=1e-9)


def test_one_class_only_has_no_area_under_the_curve():
    assert np.isnan(figure("roc_auc", {"probability": P2}, {"label": np.zeros(N, int)}, None))


def test_calibration_error_of_a_calibrated_answer_is_small_and_of_a_bold_one_large():
    p = rng.random(20_000)
    label = (rng.random(20_000) < p).astype(int)
    calibrated = {"probability": np.stack([1 - p, p], 1)}
    bold = {"probability": np.stack([p < 0.5, p >= 0.5], 1).astype(float)}
    assert figure("ece", calibrated, {"label": label}, None) < 0.02
    assert figure("ece", bold, {"label": label}, None) == pytest.approx(0.25, abs=0.02)
