"""Tag: several labels a row, however they are written."""

import json

import polars as pl
import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from deepwright.core.errors import DataError
from deepwright.core.report import Chart, Grid
from deepwright.fields import Field
from deepwright.tasks.tag import FittedTag, Tag, TagCounts

WANTED = [[1, 1, 0], [0, 0, 1], [0, 1, 0]]


def fitted(frame, **settings):
    frame = frame if isinstance(frame, pl.DataFrame) else pl.DataFrame({"t": frame})
    task = Tag(**settings)
    return task.fit(task.summarise(frame), frame.columns)


@pytest.mark.parametrize(
    "frame",
    [
        pl.DataFrame({"t": [["a", "b"], ["c"], ["b"], None]}),
        pl.DataFrame({"t": [["b", "a", "a", None, ""], [" c "], ["b"], None]}),
        pl.DataFrame({"t": ["a|b", "c", "b", None]}),
        pl.DataFrame({"t": ["b; a;", "c", "b", ""]}),
        pl.DataFrame({"t": ["a, b", "c", " b ", " "]}),
        pl.DataFrame({"a": [1, 0, 0, None], "b": [1, 0, 1, None], "c": [0, 1, 0, None]}),
        pl.DataFrame({"a": [1.0, 0.0, 0.0, None], "b": [1.0, 0.0, 1.0, None], "c": [0.0, 1.0, 0.0, None]}),
        pl.DataFrame({"a": ["Yes", "no", None, None], "b": ["x", "", " X", None], "c": ["false", "TRUE", "n", None]}),
        pl.DataFrame({"a": [True, False, False, None], "b": [True, False, True, None], "c": [False, True, False, None]}),
    ],
)  # fmt: skip
def test_all_ways_to_write_tags_agree(frame):
    task = fitted(frame)
    assert (task.labels, task.counts, task.rows) == (("a", "b", "c"), (1, 2, 1), 3)
    (field,) = task.encode(frame).values()
    assert field.values[:3].tolist() == WANTED
    assert field.present.tolist() == [True, True, True, False]
    assert task.weight(task.encode(frame)).tolist() == [1, 1, 1, 0]


def test_an_empty_list_is_no_label_and_an_empty_cell_is_missing():
    task = fitted([["a"], ["b"], []])
    assert task.rows == 3
    assert task.encode(pl.DataFrame({"t": [[], ["a"]]}))["t"].present is None


def test_the_separator_of_training_is_kept():
    task = fitted(["a;b", "b", "a"])
    assert task.settings.separator == ";"
    assert task.encode(pl.DataFrame({"t": ["a;b", "a|b"]}))["t"].values.tolist() == [[1, 1], [0, 0]]
    parts = [Tag().summarise(pl.DataFrame({"t": cells})) for cells in (["a", "b"], ["a;b"], ["b;a"])]
    merged = parts[0].merge(parts[1]).merge(parts[2])
    assert merged == TagCounts({"a": 3, "b": 3}, 4, ";")


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        ([None, None], "holds no label"),
        (["", " "], "holds no label"),
        (pl.DataFrame({"a": [0, 0], "b": [0, 0]}), "'a, b' holds no label"),
        ([f"t{k}" for k in range(60)], "60 different labels in 60 rows"),
    ],
)
def test_nothing_to_learn_gives_a_sentence(frame, sentence):
    if isinstance(frame, list):
        frame = pl.DataFrame({"t": frame}, schema={"t": pl.String})
    with pytest.raises(DataError, match=sentence):
        fitted(frame)


@pytest.mark.parametrize("frame", [{"t": [{"a": 1}]}, {"t": [b"x"]}, {"a": [["x"]], "b": [["y"]]}])
def test_what_holds_no_labels_gives_a_sentence(frame):
    with pytest.raises(DataError, match="are no labels"):
        fitted(pl.DataFrame(frame))


def test_losses():
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)) * 2
    known = torch.tensor([[1.0, 0, 1]] * 5)
    out, targets = {"logits": Field(logits)}, {"t": Field(known)}
    task = fitted([["a", "b"], ["c"]])
    plain = F.binary_cross_entropy_with_logits(logits, known, reduction="none")
    assert torch.allclose(task.loss(out, targets), plain.sum(1))
    p = logits.sigmoid()
    away = torch.where(known > 0, 1 - p, p)
    focal = fitted([["a", "b"], ["c"]], loss="focal", gamma=1.5).loss(out, targets)
    assert torch.allclose(focal, (away**1.5 * plain).sum(1), rtol=1e-5)


def test_focal_gradients_are_finite_for_certain_rows():
    logits = torch.tensor([[200.0, -200.0, 200.0]], requires_grad=True)
    task = fitted([["a", "b"], ["c"]], loss="focal", gamma=0.5)
    task.loss({"logits": Field(logits)}, {"t": Field(torch.tensor([[1.0, 0.0, 0.0]]))}).sum().backward()
    assert bool(logits.grad.isfinite().all())


def test_members_are_combined_by_mean_probability():
    task = fitted([["a", "b"], ["c"]])
    logits = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(0)) * 4
    combined = task.combine({"logits": Field(logits)})["logits"].values
    assert torch.allclose(combined.sigmoid(), logits.sigmoid().mean(1), atol=1e-6)
    certain = task.combine({"logits": Field(torch.full((1, 2, 3), 50.0))})["logits"].values
    assert certain.tolist() == [[50.0] * 3]


def test_answer_decode_and_thresholds():
    task = fitted(["a|b", "c", "b"])
    probability = torch.tensor([[0.9, 0.2, 0.6], [0.1, 0.4, 0.2], [0.3, 0.3, 0.1]])
    out = {"logits": Field(probability.logit())}
    frame = task.decode(task.answer(out))
    assert frame.columns == ["t_predicted", "t_probability_a", "t_probability_b", "t_probability_c"]
    assert frame["t_predicted"].to_list() == ["a|c", "", ""]
    done = task.finish(task.answer(out), {"label": torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 0]])})
    assert done.thresholds == pytest.approx((0.2, 0.35, 0.5))
    assert done.decode(done.answer(out))["t_predicted"].to_list() == ["a|c", "b", "a"]
    assert fitted(["a|b", "c"], thresholds=0.7).finish(task.answer(out), {}).thresholds == (0.7,) * 3
    with pytest.raises(ValidationError):
        Tag(thresholds=2.0)


def test_constant_bias_score():
    task = fitted(["a|b", "c", "b"])
    targets = {"t": Field(torch.tensor(WANTED).float())}
    assert task.constant(targets)["probability"][0].tolist() == pytest.approx([1 / 3, 2 / 3, 1 / 3])
    assert task.bias(targets)["logits"].sigmoid().tolist() == pytest.approx([1 / 3, 2 / 3, 1 / 3])
    out = {"logits": Field(torch.tensor([[3.0, -6.0, 0.0]]))}
    assert task.score(out, {"t": Field(torch.tensor([[1.0, 1.0, 0.0]]))}).tolist() == [-1.0]
    assert task.score(out, None).tolist() == [3.0]


def test_state_survives_json():
    task = fitted(pl.DataFrame({"a": [1, 0], "b": [0, 1]}), loss="focal", thresholds=0.3)
    task = task.finish({}, {})
    assert FittedTag.from_state(json.loads(json.dumps(task.to_state()))) == task


def test_blocks_and_plain_estimators():
    task = fitted(["a|b", "c", "b"])
    kind, table = task.table({"t": Field(torch.tensor(WANTED).float())})
    assert (kind, table.tolist()) == ("labels", WANTED)
    answer = task.from_table(torch.stack([1 - table.double(), table.double()], 2))
    assert answer["decision"].long().tolist() == WANTED
    grid, chart = task.blocks(answer, {"label": torch.tensor(WANTED).float()})
    assert isinstance(grid, Grid)
    assert isinstance(chart, Chart)
    assert [row[-1] for row in grid.rows] == [1, 1, 1]
