"""The self-test on eight rows: what learns is told in a line, what does not gets its cause."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import deepwright as dw
from deepwright.core.report import Text
from deepwright.draft import Draft
from deepwright.features.number import FittedNumber
from deepwright.fields import Field
from deepwright.models.mlp import MLP, MLPNetwork
from deepwright.objectives import supervised
from deepwright.registries import models, objectives
from deepwright.verbs.inspect import inspect
from tests.cli.conftest import Cli, cli, flats, here, table  # noqa: F401  fixtures

SMALL = ("model.width=32", "model.members=2")


def self_test(source: Any, *settings: str) -> tuple[dict[str, Any], Text]:
    """The machine part and the sentence of the self-test."""
    draft = Draft()
    for setting in settings:
        draft.set(setting)
    report = inspect(draft, source, overfit=True)
    (block,) = [b for b in report.blocks if isinstance(b, Text) and b.text.startswith(("Can learn", "Does not learn"))]
    return report.data["overfit"], block


@pytest.fixture(autouse=True)
def _a_busy_computer_changes_nothing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "ten_seconds" not in request.node.name:
        monkeypatch.setattr("deepwright.verbs.overfit.SECONDS", 1000.0)


def pictures(rows: int = 40) -> pl.DataFrame:
    """Pictures of 12 × 12 and what can be learnt from them."""
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 255, (rows, 12, 12), dtype=np.uint8)
    return pl.DataFrame(
        {
            "picture": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (12, 12))),
            "size": chance.normal(size=rows),
            "kind": [("cat", "dog", "ant")[k % 3] for k in range(rows)],
        }
    )


LEARNERS = {
    "regress": (flats, ("target=y", *SMALL)),
    "classify": (flats, ("target=teuer", *SMALL)),
    "two targets": (flats, ("target=[y, größe]", *SMALL)),
    "cnn": (pictures, ("target=kind", "data.ignore=size", "model.widths=[8, 16]")),
    "fusion": (pictures, ("target=kind", "model.width=32", "model.picture.widths=[8, 16]")),
    "gan": (pictures, ("model={kind: gan, width: 4}", "data.ignore=[kind, size]")),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_learns_eight_rows(name: str) -> None:
    make, settings = LEARNERS[name]
    data, block = self_test(make(), *settings)
    assert data["fell"], data
    assert data["hint"] is None
    assert len(data["rows"]) == 8
    assert (block.tone, len(data["players"])) == ("good", 2 if name == "gan" else 1)
    for player in data["players"]:
        assert player["end"] < (0.9 if name == "gan" else 0.5) * player["start"]
        assert f"{player['start']:.3g} to {player['end']:.3g}" in block.text


def test_rows_of_all_labels_are_chosen() -> None:
    rare = flats(300).with_columns(pl.Series("rare", np.where(np.arange(300) % 30 == 0, "yes", "no")))
    data, _ = self_test(rare, "target=rare", *SMALL)
    assert "yes" in set(rare["rare"].gather(data["rows"]))


def test_labels_that_differ_where_inputs_are_the_same() -> None:
    rows = np.arange(120)
    frame = pl.DataFrame({"a": rows % 2, "b": rows // 2 % 2, "y": np.random.default_rng(3).normal(size=120)})
    data, block = self_test(frame, "target=y", *SMALL)
    assert "have the same inputs but different targets" in data["hint"]
    assert block.tone == "warning"
    one, other = (int(word) - 1 for word in block.text.split("Rows ")[1].split(" have")[0].split(" and "))
    assert frame.row(one)[:2] == frame.row(other)[:2]
    assert frame["y"][one] != frame["y"][other]


@pytest.mark.parametrize(("lr", "word"), [("1.0", "too high"), ("0.00002", "too low")])
def test_a_learning_rate_that_is_off_is_found_by_trying_others(lr: str, word: str) -> None:
    data, _ = self_test(flats(), "target=y", *SMALL, f"train.optimizer={{kind: adam, lr: {lr}}}", "train.clip=null")
    assert f"learning rate is {word}" in data["hint"]
    told = float(data["hint"].rsplit("=", 1)[1])
    assert told < 1 if word == "too high" else told > 0.00002


def test_another_optimiser_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepwright.verbs.overfit.RATES", (1.0,))
    data, _ = self_test(flats(), "target=y", *SMALL, "train.optimizer={kind: sgd, lr: 1.0e-5}")
    assert "With the optimiser 'adamw' that this model recommends the loss falls" in data["hint"]


def test_weights_that_do_not_move() -> None:
    data, _ = self_test(flats(), "target=y", *SMALL, "train.optimizer={kind: sgd, lr: 1.0e-30}")
    assert data["hint"].startswith("Not one weight moves")


def test_a_network_that_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = MLPNetwork.body

    def cut(self: MLPNetwork, z: Any, draw: Any = None) -> dict[str, Field]:
        return {name: Field(field.values * 0.0) for name, field in usual(self, z, draw).items()}

    monkeypatch.setattr(MLPNetwork, "body", cut)
    data, _ = self_test(flats(), "target=y", *SMALL)
    assert "dead from the start" in data["hint"]


def test_an_input_that_drowns_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = flats().with_columns(pl.Series("huge", np.random.default_rng(0).normal(size=120)))
    encode = FittedNumber.encode
    monkeypatch.setattr(
        FittedNumber, "encode",
        lambda self, column: Field(encode(self, column).values * (1e30 if self.name == "huge" else 1.0)),
    )  # fmt: skip
    data, _ = self_test(frame, "target=y", "model.numbers=plain", *SMALL)
    assert "'huge' reaches" in data["hint"]


def test_nothing_is_left_behind_and_it_takes_ten_seconds_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    threads, spent = torch.get_num_threads(), [0.0]

    def slow() -> float:
        spent[0] += 0.5  # every look at the clock is half a second later
        return spent[0]

    monkeypatch.setattr(time, "perf_counter", slow)
    data, _ = self_test(flats(), "target=y", *SMALL, "train.optimizer={kind: sgd, lr: 1.0e-7}")
    assert spent[0] <= 11
    assert data["players"][0]["steps"] < 20
    assert "too few to tell" in data["hint"]
    assert list(tmp_path.iterdir()) == []
    assert torch.get_num_threads() == threads


def test_bare_settings_have_no_hurdles() -> None:
    bare = supervised.Supervised(mixup=0.2, cutmix=1.0, input_noise=0.1).bare()
    assert (bare.mixup, bare.cutmix, bare.input_noise, bare.augment) == (0.0, 0.0, 0.0, 0.0)
    assert MLP(dropout=0.3, width=7).bare() == MLP(dropout=0.0, width=7)
    for registry in (models, objectives):
        for kind in registry:
            hurdles = {"dropout", "mixup", "cutmix", "input_noise", "shift"} & set(kind.model_fields)
            assert all(getattr(kind().bare(), name) == 0.0 for name in hurdles), kind


def test_the_command_says_it(cli: Cli, table: Path) -> None:  # noqa: F811
    said = cli("inspect", table, "--target", "y", "--overfit", "--set", "model.width=32", "--set", "model.members=2")
    assert said.code == 0, said.err
    assert "Can learn: on 8 rows the loss falls from" in said.out
    assert "overfit" not in dw.inspect(table, "y").data
