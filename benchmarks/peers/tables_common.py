"""What the contestants of tables.py share: arguments, frames, the score and the closing line.

Imports nothing of Deepwright: it runs in the peers' environments.
"""

import argparse
import json
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import mean_squared_error, roc_auc_score

STARTED = time.perf_counter()


@dataclass
class Given:
    """One cell: two frames, the target, the kind of task ("classify": two labels; "regress"), limits."""

    train: pd.DataFrame
    test: pd.DataFrame
    target: str
    task: str
    seconds: float
    threads: int
    seed: int
    work: Path
    model: str = ""

    @property
    def inputs(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        return self.train.drop(columns=self.target), self.test.drop(columns=self.target)

    @property
    def known(self) -> tuple[np.ndarray, np.ndarray]:
        """Targets; labels as 0 and 1 in alphabetical order."""
        if self.task == "regress":
            return self.train[self.target].to_numpy(float), self.test[self.target].to_numpy(float)
        labels = sorted(self.train[self.target].astype(str).unique())
        return tuple((part[self.target].astype(str) == labels[1]).to_numpy(int) for part in (self.train, self.test))

    @property
    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self.seconds - (time.perf_counter() - STARTED)


def given() -> Given:
    """From --train, --test (Parquet), --target, --task, --seconds, --threads, --seed, --work FOLDER, --model."""
    parser = argparse.ArgumentParser()
    for name, kind in (("train", Path), ("test", Path), ("target", str), ("task", str), ("seconds", float),
                       ("threads", int), ("seed", int), ("work", Path)):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, required=True)
    parser.add_argument("--model", default="")
    values = vars(parser.parse_args())
    return Given(**{**values, "train": pd.read_parquet(values["train"]), "test": pd.read_parquet(values["test"])})


def with_categories(train: pd.DataFrame, test: pd.DataFrame, most: int | None = None) -> list[pd.DataFrame]:
    """Both frames with text columns as categories of the training rows; only the `most` frequent, the rest missing."""
    train, test = train.copy(), test.copy()
    for name in train.columns:
        if pd.api.types.is_bool_dtype(train[name]):
            train[name], test[name] = train[name].astype(float), test[name].astype(float)
        elif not pd.api.types.is_numeric_dtype(train[name]):
            kept = train[name].value_counts().index[:most]
            for frame in (train, test):
                frame[name] = pd.Categorical(frame[name], categories=kept)
    return [train, test]


def finish(one: Given, answer: np.ndarray, *packages: str, **more: object) -> None:
    """The closing line: JSON with the score (ROC AUC of two labels, root mean squared error of numbers)."""
    known = one.known[1]
    answer = np.asarray(answer, float)
    score = roc_auc_score(known, answer) if one.task == "classify" else mean_squared_error(known, answer) ** 0.5
    versions = {name: metadata.version(name) for name in packages}
    taken = time.perf_counter() - STARTED
    print("\n" + json.dumps({"score": float(score), "seconds": taken, "versions": versions, **more}))
