"""Classify: labels, losses, decisions."""

import json

import numpy as np
import polars as pl
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from sklearn.metrics import f1_score, log_loss

from deepwright.core.errors import DataError
from deepwright.core.report import Chart, Grid
from deepwright.fields import Field
from deepwright.tasks.classify import Classify, FittedClassify, Labels, as_labels
from deepwright.tasks.thresholds import best_threshold


def fitted(cells, dtype=None, **settings):
    frame = pl.DataFrame({"t": pl.Series(cells, dtype=dtype)})
    task = Classify(**settings)
    return task.fit(task.summarise(frame), ["t"])


def outputs(logits):
    return {"logits": Field(torch.tensor(logits))}


@pytest.mark.parametrize(
    ("column", "labels"),
    [
        (pl.Series([1.0, 2.0, None]), ["1", "2", None]),
        (pl.Series([1.0, 2.5, float("nan"), float("inf")]), ["1", "2.5", None, None]),
        (pl.Series([1e300, -3.0]), ["1e+300", "-3"]),
        (pl.Series([True, None, False]), ["true", None, "false"]),
        (pl.Series([3, None], dtype=pl.UInt8), ["3", None]),
        (pl.Series([" a ", "", "  ", None]), ["a", None, None, None]),
        (pl.Series(["x", None], dtype=pl.Categorical), ["x", None]),
        (pl.Series(["x", None], dtype=pl.Enum(["x"])), ["x", None]),
        (pl.Series([None, None]), [None, None]),
    ],
)
def test_cells_become_labels(column, labels):
    assert as_labels(column).to_list() == labels


def test_whole_floats_read_alike_in_every_chunk():
    task = Classify()
    parts = [task.summarise(pl.DataFrame({"t": cells})) for cells in ([1.0, 2.0, 1.0], [1.0, 2.5])]
    assert parts[0].merge(parts[1]) == Labels({"1": 3, "2": 1, "2.5": 1})


def test_labels_are_in_natural_order():
    assert fitted(["10", "9", "b", "a", "nan", "-1"] * 9).labels == ("-1", "9", "10", "a", "b", "nan")
    assert fitted(["no", "yes", "yes"]).labels == ("no", "yes")
    assert fitted([1.0, 0.0, 1.0]).labels == ("0", "1")
    assert fitted(["1.0", "0.0", "1.0"]).labels == ("0.0", "1.0")
    assert fitted(["good", "bad", "good"]).labels == ("good", "bad")  # the rarer is the one looked for
    assert fitted(["bad", "good", "bad"]).labels == ("bad", "good")


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ([None, None], "'t' is empty in every training row"),
        (["", " "], "'t' is empty in every training row"),
        (["a", "a", None], "'t' is 'a' in all 2 training rows"),
        ([f"id{k}" for k in range(100)], "100 different labels in 100 training rows, nearly one a row"),
    ],
)
def test_nothing_to_learn_gives_a_sentence(cells, sentence):
    with pytest.raises(DataError, match=sentence):
        fitted(cells, pl.String)


def test_encode_and_truth():
    task = fitted(["a", "b", "c"])
    field = task.encode(pl.DataFrame({"t": ["c", None, "a", "new", " b "]}))["t"]
    assert field.values.tolist() == [[2], [0], [0], [0], [1]]
    assert field.present.tolist() == [True, False, True, False, True]
    assert task.truth({"t": field})["label"].tolist() == [2, 0, 0, 0, 1]
    assert task.weight({"t": field}).tolist() == [1, 0, 1, 0, 1]
    assert task.encode(pl.DataFrame({"t": ["a"]}))["t"].present is None
    assert task.encode(pl.DataFrame({"t": []}, schema={"t": pl.String}))["t"].values.shape == (0, 1)


@pytest.mark.parametrize(
    ("trained", "later", "read"),
    [
        (["0.0", "1.0"], [0, 1, None], ["0.0", "1.0", None]),
        ([0, 1], ["0.0", "1.0", "2"], ["0", "1", None]),
        ([False, True], ["TRUE", "False"], ["true", "false"]),
        (["a", "A", "b"], ["a", "A", "B"], ["a", "A", "b"]),
        (["a", "A"] * 2, ["a", "A"], ["a", "A"]),
    ],
)
def test_the_same_label_written_otherwise(trained, later, read):
    task = fitted(trained)
    field = task.encode(pl.DataFrame({"t": later}))["t"]
    known = field.present if field.present is not None else torch.ones(len(later), dtype=torch.bool)
    pairs = zip(field.values[:, 0].tolist(), known.tolist(), strict=True)
    assert [task.labels[k] if there else None for k, there in pairs] == read


def test_lists_and_bytes_are_no_labels():
    for cells in ([["a"], ["b"]], [b"a", b"b"]):
        with pytest.raises(DataError, match="'t' are no labels"):
            fitted(cells)


def test_labels_that_differ_in_case_only_stay_apart():
    task = fitted(["a", "A", "b", "a", "A"])
    field = task.encode(pl.DataFrame({"t": ["a", "A", "b", "B"]}))["t"]
    assert [task.labels[k] for k in field.values[:, 0]] == ["a", "A", "b", "b"]
    unclear = fitted(["yes", "Yes", "no"]).encode(pl.DataFrame({"t": ["YES", "NO"]}))["t"]
    assert unclear.present.tolist() == [False, True]


def test_cross_entropy_is_that_of_torch_and_scikit_learn():
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(0))
    label = torch.arange(50) % 4
    targets = {"t": Field(label[:, None])}
    task = fitted(["a", "b", "c", "d"])
    loss = task.loss({"logits": Field(logits)}, targets)
    assert loss.shape == (50,)
    assert float(loss.mean()) == pytest.approx(log_loss(label.numpy(), logits.double().softmax(1).numpy()), rel=1e-5)
    smooth = fitted(["a", "b", "c", "d"], label_smoothing=0.1)
    wanted = F.cross_entropy(logits, label, reduction="none", label_smoothing=0.1)
    assert torch.equal(smooth.loss({"logits": Field(logits)}, targets), wanted)


def test_focal_loss_by_hand():
    task = fitted(["a", "b"], loss="focal", gamma=2.0)
    p = 0.8
    loss = task.loss(outputs([[np.log(p), np.log(1 - p)]]), {"t": Field(torch.tensor([[0]]))})
    assert float(loss) == pytest.approx(-((1 - p) ** 2) * np.log(p))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_gradients_are_finite_for_certain_rows(gamma):
    logits = torch.tensor([[100.0, -100.0], [-100.0, 100.0]], requires_grad=True)
    task = fitted(["a", "b"], loss="focal", gamma=gamma)
    task.loss({"logits": Field(logits)}, {"t": Field(torch.tensor([[0], [0]]))}).sum().backward()
    assert bool(logits.grad.isfinite().all())


def test_class_weights():
    cells = ["a"] * 6 + ["b"] * 3 + ["c"]
    targets = {"t": Field(torch.tensor([[0], [1], [2]]))}
    balanced = fitted(cells, class_weight="balanced").weight(targets)
    assert (balanced * torch.tensor([6.0, 3.0, 1.0])).tolist() == pytest.approx([10 / 3] * 3)
    assert fitted(cells, class_weight={"c": 5}).weight(targets).tolist() == [1, 1, 5]
    assert fitted([0, 0, 1], class_weight={1: 5}).weights == (1.0, 5.0)
    assert fitted([False, False, True], class_weight={True: 5}).weights == (1.0, 5.0)
    with pytest.raises(DataError, match=r"class_weight names 'C', which 't' never is. Did you mean 'c'"):
        fitted(cells, class_weight={"C": 5})
    with pytest.raises(ValidationError):
        Classify(class_weight={"c": -1})


def test_members_are_combined_by_mean_probability():
    logits = torch.randn(7, 5, 3, generator=torch.Generator().manual_seed(1)) * 3
    task = fitted(["a", "b", "c"])
    probability = task.answer(task.combine({"logits": Field(logits)}))["probability"]
    assert torch.allclose(probability, logits.softmax(-1).mean(1), atol=1e-6)


def test_score_is_the_log_odds_of_a_label():
    probability = torch.tensor([[0.7, 0.2, 0.1]])
    task = fitted(["a", "b", "c"])
    own = {"logits": Field(probability.log())}
    assert float(task.score(own, None)) == pytest.approx(np.log(0.7 / 0.3), rel=1e-5)
    assert float(task.score(own, {"t": Field(torch.tensor([[2]]))})) == pytest.approx(np.log(0.1 / 0.9), rel=1e-5)


def test_constant_and_bias_are_the_shares():
    task = fitted(["a"] * 3 + ["b"])
    targets = {"t": Field(torch.zeros(5, 1, dtype=torch.int64))}
    assert task.constant(targets)["probability"].tolist() == [[0.75, 0.25]] * 5
    assert task.bias(targets)["logits"].softmax(0).tolist() == pytest.approx([0.75, 0.25])


def test_decode_names_columns_by_target_and_label():
    task = fitted(["a", "b c", "a"])
    frame = task.decode(task.answer(outputs([[0.0, 1.0], [2.0, 0.0]])))
    assert frame.columns == ["t_predicted", "t_probability_a", "t_probability_b c"]
    assert frame["t_predicted"].to_list() == ["b c", "a"]
    assert frame["t_probability_a"].to_list() == pytest.approx([1 / (1 + np.e), 1 / (1 + np.exp(-2))])
    empty = task.decode(task.answer({"logits": Field(torch.zeros(0, 2))}))
    assert (empty.height, empty.columns) == (0, frame.columns)


def test_the_threshold_is_chosen_where_a_label_is_rare():
    rare = fitted(["no"] * 9 + ["yes"])
    answer = {"probability": torch.tensor([[0.9, 0.1], [0.7, 0.3], [0.6, 0.4], [0.95, 0.05]])}
    truth = {"label": torch.tensor([0, 1, 1, 0])}
    done = rare.finish(answer, truth)
    assert done.threshold == pytest.approx(0.2)
    assert done.answer({"logits": Field(answer["probability"].log())})["decision"].tolist() == [0, 1, 1, 0]
    assert fitted(["no", "yes"]).finish(answer, truth).threshold is None
    assert fitted(["no", "yes"], threshold=0.9).finish(answer, truth).threshold == 0.9
    assert fitted(["a", "b", "c"]).finish(answer, truth).threshold is None
    with pytest.raises(ValidationError):
        Classify(threshold=1.5)


def test_no_other_threshold_has_a_better_f1():
    generator = np.random.default_rng(0)
    for _ in range(20):
        score = generator.integers(0, 12, 40) / 12
        positive = generator.random(40) < 0.2 + 0.6 * score
        threshold = best_threshold(torch.tensor(score), torch.tensor(positive))
        every = [f1_score(positive, score >= edge, zero_division=0) for edge in np.arange(14) / 12 - 0.01]
        assert f1_score(positive, score >= threshold) == pytest.approx(max(every))
    assert best_threshold(torch.tensor([0.3]), torch.tensor([False])) == 0.5


def test_state_survives_json():
    for settings in ({}, {"class_weight": {"a": 2.0}}, {"threshold": 0.3, "loss": "focal"}):
        task = fitted(["a", "b", "a", "b"], **settings)
        task = task.finish({"probability": torch.tensor([[0.5, 0.5]])}, {"label": torch.tensor([1])})
        assert FittedClassify.from_state(json.loads(json.dumps(task.to_state()))) == task


def test_blocks():
    task = fitted(["a", "b"])
    probability = torch.rand(60, generator=torch.Generator().manual_seed(0))
    known = {"label": (probability > 0.5).long()}
    blocks = task.blocks(task.with_probability(torch.stack([1 - probability, probability], 1)), known)
    assert [type(block) for block in blocks] == [Chart, Chart, Chart, Chart, Grid]
    assert blocks[0].matrix[0][1] == blocks[0].matrix[1][0] == 0
    assert "area of 1.000" in blocks[1].alt
    one_class = task.blocks(task.with_probability(torch.tensor([[0.4, 0.6]])), {"label": torch.tensor([1])})
    assert [block.title for block in one_class] == ["Confusion matrix", "Calibration", "By class"]


def test_plain_estimators_answer_alike():
    task = fitted(["a", "b"])
    kind, values = task.table({"t": Field(torch.tensor([[0], [1]]))})
    assert (kind, values.tolist()) == ("labels", [[0], [1]])
    assert task.from_table(torch.tensor([[[0.2, 0.8]]]))["decision"].tolist() == [1]


def test_labels_that_may_be_meant_otherwise_are_told() -> None:
    cells = ["yes", "Yes", "no", "NA"] * 10
    spelt, nothing = Classify.suits(pl.DataFrame({"y": cells})).notes  # type: ignore[union-attr]
    assert "'Yes'='yes'" in spelt
    assert "'NA' (10×)" in nothing
    for fine in (["+", "-"], ["None", "Mild", "Severe"], ["a", "b"]):
        assert Classify.suits(pl.DataFrame({"y": fine * 10})).notes == ()  # type: ignore[union-attr]
