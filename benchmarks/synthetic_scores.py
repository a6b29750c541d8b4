"""How good synthetic rows are: what a learner gets from them, whether a classifier can tell them apart, whether they are copies.

Everything is computed on raw frames, by scikit-learn's histogram gradient boosting with one seed.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import mean_squared_error, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

__all__ = ["Scores", "judged"]

_LABELS = 250
_COMPARED = 2000  # rows whose nearest real rows are looked for
_TOLD_APART = 10_000  # rows of each side that a classifier tells apart


@dataclass(frozen=True)
class Scores:
    """Of one synthetic table.

    Args:
        tstr, trtr: score on held-out rows of a learner of synthetic rows, and of the real ones they were made from: ROC AUC,
            or root mean squared error.
        gap: how much is lost: the difference of AUCs, or the relative increase of the error.
        c2st: ROC AUC of a classifier of real and synthetic rows; 0.5 cannot tell.
        nearer: share of synthetic rows nearer to a training row than to any of as many held-out rows; 0.5 copies nothing.
    """

    tstr: float
    trtr: float
    gap: float
    c2st: float
    nearer: float


def judged(train: pd.DataFrame, held: pd.DataFrame, made: pd.DataFrame, target: str, task: str) -> Scores:
    """Synthetic rows beside the rows they were made from and as many held-out ones.

    Raises:
        ValueError: the synthetic table has other columns.
    """
    if set(made.columns) != set(train.columns):
        raise ValueError(f"columns differ: {sorted(set(made.columns) ^ set(train.columns))}")
    train, held, made = _alike(train, held, made[list(train.columns)])
    trtr, tstr = (_learnt(rows, held, target, task) for rows in (train, made))
    gap = trtr - tstr if task == "classify" else tstr / trtr - 1
    return Scores(tstr, trtr, gap, _told_apart(held, made), _nearer(train, held, made))


def _alike(*frames: pd.DataFrame) -> list[pd.DataFrame]:
    """Numbers as floats, everything else as categories of the first frame."""
    first, changed = frames[0], [frame.copy() for frame in frames]
    for name in first.columns:
        if pd.api.types.is_numeric_dtype(first[name]) and not pd.api.types.is_bool_dtype(first[name]):
            for frame in changed:
                frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(float)
        else:
            kept = [str(label) for label in first[name].value_counts().index[:_LABELS]]
            for frame in changed:
                words = frame[name].astype(object)
                frame[name] = pd.Categorical(words.where(words.isna(), words.map(str)), categories=kept)
    return changed


def _learnt(rows: pd.DataFrame, held: pd.DataFrame, target: str, task: str) -> float:
    """The score on held-out rows of boosting that learnt these rows."""
    rows, held = rows[rows[target].notna()], held[held[target].notna()]
    kind = HistGradientBoostingClassifier if task == "classify" else HistGradientBoostingRegressor
    model = kind(
        max_iter=500, early_stopping=True, validation_fraction=0.2, random_state=0, categorical_features="from_dtype"
    )
    if task == "classify":
        first = held[target].cat.categories[0]
        known, truth = rows[target] == first, held[target] == first
        if known.nunique() < 2:
            return 0.5
        model.fit(rows.drop(columns=target), known)
        return float(roc_auc_score(truth, model.predict_proba(held.drop(columns=target))[:, 1]))
    model.fit(rows.drop(columns=target), rows[target])
    return float(mean_squared_error(held[target], model.predict(held.drop(columns=target))) ** 0.5)


def _told_apart(real: pd.DataFrame, made: pd.DataFrame) -> float:
    """ROC AUC over five folds (Lopez-Paz & Oquab 2017, arXiv 1610.06545, with boosting)."""
    count = min(len(real), len(made), _TOLD_APART)
    both = pd.concat([real.sample(count, random_state=0), made.sample(count, random_state=0)], ignore_index=True)
    truth = np.repeat([0, 1], count)
    model = HistGradientBoostingClassifier(max_iter=200, random_state=0, categorical_features="from_dtype")
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    chance = cross_val_predict(model, both, truth, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(truth, chance))


def _nearer(train: pd.DataFrame, held: pd.DataFrame, made: pd.DataFrame) -> float:
    """Ties count half. Distance: the sum over columns, numbers in standard deviations, other labels 1 apart."""
    count = min(len(train), len(held))
    made = made.sample(min(len(made), _COMPARED), random_state=0)
    distances = {}
    for name, real in (("train", train.sample(count, random_state=0)), ("held", held.sample(count, random_state=0))):
        nearest = []
        for start in range(0, len(made), 100):
            part = made.iloc[start : start + 100]
            total = np.zeros((len(part), len(real)), np.float32)
            for column in train.columns:
                if isinstance(train[column].dtype, pd.CategoricalDtype):
                    total += part[column].cat.codes.to_numpy()[:, None] != real[column].cat.codes.to_numpy()[None]
                    continue
                middle, spread = train[column].median(), train[column].std() or 1.0
                a, b = (side[column].fillna(middle).to_numpy(np.float32) for side in (part, real))
                total += np.minimum(np.abs(a[:, None] - b[None]) / np.float32(spread), 3)
            nearest.append(total.min(1))
        distances[name] = np.concatenate(nearest)
    difference = distances["held"] - distances["train"]
    return float(np.mean((difference > 1e-6) + 0.5 * (np.abs(difference) <= 1e-6)))
