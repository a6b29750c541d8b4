"""Averages in whole runs: how they are asked for, what is told, and networks with batch normalisation."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from deepwright.cli.progress import Progress
from deepwright.core.errors import RecipeError, Refused
from deepwright.draft import Draft
from deepwright.recipe import Recipe
from deepwright.training.averages import EMA, SWA, Snapshots
from deepwright.training.choosing import BEST
from deepwright.verbs.learning import learning_report
from deepwright.verbs.train import Watch, train
from tests.cli.conftest import flats


def draft(*settings: str) -> Draft:
    made = Draft()
    for setting in ("train.budget=40steps", "train.early_stopping=null", *settings):
        made.set(setting)
    return made


def pictures() -> pl.DataFrame:
    chance = np.random.default_rng(0)
    pixels, corner = chance.integers(0, 90, (120, 12, 12), dtype=np.uint8), np.arange(120) % 2
    pixels[corner == 0, 1:5, 1:5] += 140
    return pl.DataFrame({"picture": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (12, 12))),
                         "corner": np.where(corner == 0, "bright", "dark")})  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "average"),
    [("average=swa", SWA()), ("average={kind: snapshots, cycles: 3}", Snapshots(cycles=3)), ("average=none", None),
     ("average=null", None), ("average={decay: 0.5}", EMA(decay=0.5)), ("ema=0.75", EMA(decay=0.75)), ("ema=null", None)],
)  # fmt: skip
def test_ways_to_ask_for_it(setting: str, average: Any, tmp_path: Path) -> None:
    made = draft("target=y", "model.width=8", "model.members=1", f"train.{setting}", "train.budget=2steps")
    run = train(made, flats(40), out=tmp_path)
    assert run.recipe.train.average == average
    assert Recipe.read(run.folder / "recipe.yaml").train.average == average


def test_a_wrong_kind_or_value_is_refused_in_a_sentence() -> None:
    with pytest.raises(RecipeError, match=r"there is no average 'sma'\. Did you mean"):
        Recipe.from_draft(draft("train.average=sma"))
    with pytest.raises(RecipeError, match="cycles: expected 2 or more and at most 20; got 1"):
        Recipe.from_draft(draft("train.average={kind: snapshots, cycles: 1}"))


def test_what_creates_has_nothing_to_judge_an_average_by(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"'swa' is only kept where validation finds it better.*train.average=ema"):
        train(draft("model={kind: gan, width: 2}", "data.ignore=corner", "train.average=swa"), pictures(), out=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["swa", "snapshots"])
def test_the_choice_is_told_and_statistics_fit_the_kept_weights(kind: str, tmp_path: Path) -> None:
    stream = io.StringIO()
    made = draft("target=corner", "model.widths=[4, 8]", f"train.average={kind}", "model.norm=batch")
    with Progress(stream=stream) as progress:
        run = train(made, pictures(), out=tmp_path, watch=Watch(progress.event))
    (chosen,) = [event for event in run.events() if event["event"] == "chosen"]
    assert len(chosen["figures"]) == (2 if kind == "swa" else 5)
    assert chosen["figures"][chosen["kept"]] == min(chosen["figures"].values())
    sentence = f"Kept: {chosen['kept']}, with a validation loss of"
    assert sentence in stream.getvalue()
    report = learning_report(run)
    assert report.data["chosen"] == chosen
    assert any(getattr(block, "text", "").startswith(sentence) for block in report.blocks)
    norms = [module for module in run.network.modules() if isinstance(module, _BatchNorm)]
    assert norms
    if chosen["kept"] != BEST:
        assert all(int(norm.num_batches_tracked) < 40 for norm in norms)  # taken anew, not from 40 steps
    assert all(torch.isfinite(norm.running_var).all() and (norm.running_var > 0).all() for norm in norms)
