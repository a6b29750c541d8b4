"""Tiny trained runs that the tests of verbs share. No test may change them: verbs leave runs as they are."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.datasets import load_breast_cancer

from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.train import train


def trained(source: pl.DataFrame | Path, target: str, out: Path, *settings: str) -> Run:
    """A run after a few steps; deterministic, since its budget is no time."""
    draft = Draft()
    for setting in (f"target={target}", *settings):
        draft.set(setting)
    threads = torch.get_num_threads()
    try:
        run = train(draft, source if isinstance(source, pl.DataFrame) else str(source), out=out)
    finally:
        torch.set_num_threads(threads)
    loaded = Run.load(run.folder)  # as people meet it: nothing left over from training
    loaded.data = run.data
    return loaded


@pytest.fixture(scope="session")
def tumours_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two labels from ten numbers (scikit-learn's breast cancer table)."""
    frame = load_breast_cancer(as_frame=True).frame
    columns = {name: frame[name].to_numpy() for name in frame.columns[:10]}
    table = pl.DataFrame({**columns, "diagnosis": np.where(frame["target"] == 0, "malignant", "benign")})
    return trained(table, "diagnosis", tmp_path_factory.mktemp("runs"), "train.budget=150steps", "model.width=64")


@pytest.fixture(scope="session")
def cars_run(cars: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A number from numbers with gaps, a category, a flag and a date."""
    return trained(cars, "price", tmp_path_factory.mktemp("runs"), "train.budget=150steps", "model.width=64")


@pytest.fixture(scope="session")
def decided_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Labels that one of six columns decides."""
    chance = np.random.default_rng(0)
    values = chance.normal(size=(400, 6))
    table = pl.DataFrame({f"x{place}": values[:, place] for place in range(6)})
    table = table.with_columns(pl.Series("side", np.where(values[:, 2] > 0, "right", "left")))
    return trained(table, "side", tmp_path_factory.mktemp("runs"), "train.budget=120steps", "model.width=32")


@pytest.fixture(scope="session")
def picture_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Pictures of 12 × 12 with a bright square in the upper left or the lower right, beside a number that says nothing."""
    chance = np.random.default_rng(0)
    pixels = chance.integers(0, 90, (200, 12, 12), dtype=np.uint8)
    corner = np.arange(200) % 2
    pixels[corner == 0, 1:5, 1:5] += 140
    pixels[corner == 1, 7:11, 7:11] += 140
    table = pl.DataFrame(
        {
            "picture": pl.Series(pixels, dtype=pl.Array(pl.UInt8, (12, 12))),
            "price": chance.normal(size=200),
            "corner": np.where(corner == 0, "upper", "lower"),
        }
    )
    settings = ("train.budget=40steps", "model.width=16", "model.picture.widths=[8, 16]", "features.picture.augment=none",
                "features.picture.flip=false")  # fmt: skip
    return trained(table, "corner", tmp_path_factory.mktemp("runs"), *settings)


def state(run: Run) -> dict[str, torch.Tensor]:
    """A copy of all parameters and buffers."""
    return {name: value.clone() for name, value in run.network.state_dict().items()}


def assert_untouched(run: Run, before: dict[str, torch.Tensor]) -> None:
    """Same weights and statistics, evaluation mode, no gradient left."""
    after = run.network.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(parameter.grad is None for parameter in run.network.parameters())
    assert not any(module.training for module in run.network.modules())
