"""The child process of the baselines: scikit-learn's estimators on arrays in a folder. Imports no torch.

python -m deepwright.verbs.estimators FOLDER linear boosting
"""

import os
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from deepwright.core.memory import peak

__all__ = ["main"]

AT_ONCE = 20_000


def main(folder: Path, names: list[str]) -> None:
    """Read in.npz; write one (B, T, K) array of probabilities, or (B, T, 1) numbers, a baseline."""
    warnings.simplefilter("ignore")  # of libraries, about convergence: a baseline is what it is
    with np.load(folder / "in.npz", allow_pickle=False) as arrays:
        known = arrays["known"]
        labels, classes = bool(arrays["labels"]), int(arrays["classes"][0])
    train = np.load(folder / "train.npy", allow_pickle=False)
    test = np.load(folder / "test.npy", mmap_mode="r", allow_pickle=False)
    known_cells = ~np.isnan(train).all(0)  # a column without any cell teaches nothing, and boosting refuses it
    if not known_cells.all():
        train, test = (
            part[:, known_cells] if known_cells.any() else np.zeros((len(part), 1)) for part in (train, test)
        )
    failed = False
    for name in names:
        try:
            columns = [_column(name, train, known[:, place], test, labels, classes) for place in range(known.shape[1])]
        except Exception as error:  # told to the parent; the other estimators go on
            print(f"{name}: {str(error).splitlines()[0] if str(error) else type(error).__name__}", file=sys.stderr)
            failed = True
            continue
        part = folder / f"{name}.part.npy"
        np.save(part, np.stack(columns, 1))
        os.replace(part, folder / f"{name}.npy")
    (folder / "peak.json").write_text(str(peak()), encoding="utf-8")
    if failed:
        sys.exit(1)


def _column(
    name: str, train: np.ndarray, known: np.ndarray, test: np.ndarray, labels: bool, classes: int
) -> np.ndarray:
    """(B, K) answers for one target."""
    if labels and len(np.unique(known)) == 1:
        return np.eye(classes)[np.full(len(test), int(known[0]))]
    estimator = _linear(labels, train.shape[0]) if name == "linear" else _boosting(labels, len(train), classes)
    scale = 1.0 if labels or known.std() == 0 else float(known.std())
    centre = 0.0 if labels else float(known.mean())
    estimator.fit(train, known if labels else (known - centre) / scale)
    if not labels:
        return np.concatenate([estimator.predict(part) * scale + centre for part in _parts(test)])[:, None]
    shares = np.zeros((len(test), classes))
    shares[:, estimator.classes_.astype(int)] = np.concatenate([estimator.predict_proba(part) for part in _parts(test)])
    return shares


def _parts(test: np.ndarray) -> list[np.ndarray]:
    """Rows to be answered together: estimators make copies of what they are given."""
    return [np.asarray(test[start : start + AT_ONCE]) for start in range(0, len(test), AT_ONCE)]


def _linear(labels: bool, rows: int) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    last = LogisticRegression(max_iter=200 if rows > 10_000 else 1000) if labels else RidgeCV(np.logspace(-3, 3, 7))
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), last)


def _boosting(labels: bool, rows: int, classes: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    settings = {"random_state": 0, "early_stopping": rows >= 2000, "max_iter": 300 if rows >= 2000 else 100}
    if labels:  # without a penalty leaves of rare classes run away, and many classes end below the constant answer
        settings |= {"l2_regularization": 1.0, "max_iter": settings["max_iter"] if classes <= 10 else 60}
        return HistGradientBoostingClassifier(**settings)
    return HistGradientBoostingRegressor(**settings)


def end_with_parent() -> None:
    """End this process when its standard input is closed, which happens however the parent ends."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    main(Path(sys.argv[1]), sys.argv[2:])
