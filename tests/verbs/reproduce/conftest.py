"""A finished run on real rows, to be done again or harmed."""

import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sklearn.datasets import load_wine

from deepwright.core.files import file_hash
from deepwright.core.report import Report
from deepwright.draft import Draft
from deepwright.run import Run
from deepwright.verbs.train import train


class Killed(BaseException):
    """A death without farewell."""


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wine") / "wine.csv"
    pl.from_pandas(load_wine(as_frame=True).frame).write_csv(path)
    return path


def draft(source: Path | None, **settings: Any) -> Draft:
    made = Draft()
    for name, value in {
        "data.source": None if source is None else str(source), "target": ["target"], "train.budget": "30steps",
        "train.early_stopping": None, "train.validations": 6, "model.width": 16, "model.members": 2, "model.dropout": 0.2, **settings,
    }.items():  # fmt: skip
        if value is not None or name == "train.early_stopping":
            made.put(tuple(name.split(".")), value, "test")
    return made


@pytest.fixture(scope="module")
def original(wine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(draft(wine), out=tmp_path_factory.mktemp("original")).folder


@pytest.fixture
def run(original: Path, tmp_path: Path) -> Run:
    """A copy of a finished run, to be harmed."""
    return Run.load(shutil.copytree(original, tmp_path / "runs" / "wine-1"))


def weights(run: Run) -> str:
    return file_hash(run.folder / "weights.safetensors")


def first(report: Report) -> dict[str, str]:
    """The first difference of a run that is not reproduced, which the sentence names."""
    assert not report.data["equal"]
    found = report.data["first"]
    assert found["text"] in report.data["sentence"]
    assert found == report.data["differences"][0]
    return found


def first_text(report: Report) -> str:
    return first(report)["text"]


def same(report: Report) -> Run:
    assert report.data["equal"], report.data["sentence"]
    assert report.data["hashes"]["then"] == report.data["hashes"]["now"]
    assert report.data["first"] is None
    return Run.load(report.data["folder"])
