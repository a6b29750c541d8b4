"""Scores of created rows beside real rows, a Gaussian copula and mixtures of neighbours: columns, pairs, whether a classifier
tells them apart, what a model that learnt from them is worth, and whether they are copies."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch

from deepwright.core.report import Block, Grid, Text
from deepwright.core.seeds import derive
from deepwright.core.wording import number
from deepwright.metrics.likeness import closer_reach, closer_share
from deepwright.metrics.likeness.tables import bins, column_fidelity, pair_fidelity
from deepwright.verbs.copula import cells_of, gaussian_copula, is_labels, neighbour_rows
from deepwright.verbs.resemblance import Interval, Scale, interval, kernel_distances

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["TableLikeness", "auc", "table_blocks", "table_likeness"]

WORDS = {
    "made": "creations",
    "real": "training rows (floor)",
    "copula": "Gaussian copula",
    "mixed": "mixtures of neighbours (SMOTE)",
}
PAIRED = 30  # columns whose pairs are looked at


@dataclass(frozen=True)
class TableLikeness:
    """Figures of each set of n rows against held-out rows.

    Args:
        sets: set → figure → value. columns: column → fidelity of the creations. target: what models learnt to predict, by
            "R²" or "balanced accuracy" (`measure`); `constant`: what is reached without looking. distance: of each set, the
        kernel distance with its interval.
    """

    n: int
    seed: int
    target: str
    measure: str
    constant: float
    sets: Mapping[str, Mapping[str, float | None]]
    columns: Mapping[str, float]
    distance: Mapping[str, Interval]

    def to_dict(self) -> dict[str, Any]:
        return {
            "n": self.n, "seed": self.seed, "target": self.target, "measure": self.measure, "constant": self.constant,
            "sets": {name: dict(figures) for name, figures in self.sets.items()}, "columns": dict(self.columns),
            "distance": {name: figure.to_dict() for name, figure in self.distance.items()},
        }  # fmt: skip


def table_likeness(
    run: "Run", made: pl.DataFrame, held: pl.DataFrame, known: pl.DataFrame, seed: int, target: str | None = None
) -> TableLikeness:
    """Created, held-out and training rows, raw.

    Args:
        target: the column that models learn to predict; None: the last one.
    """
    features = run.created
    names = list(features)
    target = names[-1] if target is None else target
    n = min(made.height, held.height, known.height)
    order = np.random.default_rng(derive(seed, "table")).permutation(known.height)
    made, held = made.head(n).select(names), held.head(n).select(names)
    floor = known[order[:n]].select(names)
    rest = known[order[n : 2 * n]] if known.height >= 2 * n else known[order[:n]]
    rest = rest.select(names)
    scale = Scale(features, rest)
    flat_rest, flat_held = scale(rest), scale(held)
    sets = {
        "made": made, "real": floor, "copula": gaussian_copula(features, rest, n, derive(seed, "copula") % 2**32),
        "mixed": neighbour_rows(features, rest, flat_rest, n, derive(seed, "mixed")),
    }  # fmt: skip
    truth = _Cells(run, held, rest)
    judge = _Learner(run, target, held, rest, seed)
    figures, columns, flats = {}, {}, {name: scale(frame) for name, frame in sets.items()}
    for name, frame in sets.items():
        cells, flat = _Cells(run, frame, rest), flats[name]
        each = cells.fidelity(truth)
        columns = columns or each
        figures[name] = {
            "columns": float(np.mean(list(each.values()))), "pairs": pair_fidelity(cells.groups, truth.groups),
            "told_apart": auc(flat.numpy(), flat_held.numpy(), seed), "useful": judge(frame),
            "closer": float(closer_share(flat, flat_rest, flat_held).mean()),
            "closer_reach": closer_reach(flat, flat_rest, flat_held),
        }  # fmt: skip
    generator = torch.Generator().manual_seed(derive(seed, "table distances"))
    values, draws = kernel_distances(flat_held, flats, generator)
    distance = {name: interval(values[name], draws[name]) for name in flats}
    return TableLikeness(n, seed, target, judge.measure, judge.constant, figures, columns, distance)


class _Cells:
    """Columns of a frame as floats, and as groups for pairs."""

    def __init__(self, run: "Run", frame: pl.DataFrame, known: pl.DataFrame):
        self._cells, self._labels, self.groups = {}, {}, []
        for place, (name, feature) in enumerate(run.created.items()):
            base = cells_of(feature, known[name])
            self._labels[name] = is_labels(feature, base)
            self._cells[name] = cells_of(feature, frame[name])
            if place < PAIRED:
                self.groups.append(bins(base, self._cells[name], self._labels[name]))

    def fidelity(self, other: "_Cells") -> dict[str, float]:
        return {n: column_fidelity(own, other._cells[n], self._labels[n]) for n, own in self._cells.items()}


def auc(a: np.ndarray, b: np.ndarray, seed: int) -> float:
    """How well boosting tells rows (n, D) from rows (m, D): the area under the ROC curve on the half it has not seen.

    Classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv 1610.06545), with the area in place of the accuracy: 0.5 not at
    all, 1 always.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    rows, side = np.concatenate([a, b]), np.concatenate([np.ones(len(a)), np.zeros(len(b))])
    order = np.random.default_rng(seed).permutation(len(rows))
    half = len(rows) // 2
    learnt, judged = order[:half], order[half:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library, about its own future
        model = HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(rows[learnt], side[learnt])
        return float(roc_auc_score(side[judged], model.predict_proba(rows[judged])[:, 1]))


class _Learner:
    """What a model that learnt from rows is worth on held-out real ones (train on synthetic, test on real: Esteban et al. 2017,
    arXiv 1706.02633, section 4.2)."""

    def __init__(self, run: "Run", target: str, held: pl.DataFrame, known: pl.DataFrame, seed: int):
        self._features = run.created
        self._target, self._seed = target, seed
        rest = {name: feature for name, feature in self._features.items() if name != target}
        self._scale = Scale(rest, known) if rest else None
        base = cells_of(self._features[target], known[target])
        self._labels = is_labels(self._features[target], base)
        self._test = self._rows(held)
        self.measure = "balanced accuracy" if self._labels else "R²"
        classes = len(np.unique(self._test[1])) if len(self._test[1]) else 1
        self.constant = 1 / max(1, classes) if self._labels else 0.0

    def _rows(self, frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        wanted = cells_of(self._features[self._target], frame[self._target])
        rows = np.zeros((frame.height, 1)) if self._scale is None else self._scale(frame).numpy()
        return rows[~np.isnan(wanted)], wanted[~np.isnan(wanted)]

    def __call__(self, frame: pl.DataFrame) -> float | None:
        """None where nothing can be learnt: one label only, or no rows."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
        from sklearn.metrics import balanced_accuracy_score, r2_score

        rows, wanted = self._rows(frame)
        if len(np.unique(wanted)) < 2 or len(np.unique(self._test[1])) < 2:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # labels that one side has and the other lacks
            if self._labels:
                model = HistGradientBoostingClassifier(max_iter=100, random_state=0, l2_regularization=1.0)
                said = model.fit(rows, wanted).predict(self._test[0])
                return float(balanced_accuracy_score(self._test[1], said))
            deviation = float(wanted.std()) or 1.0
            model = HistGradientBoostingRegressor(max_iter=100, random_state=0)
            said = model.fit(rows, (wanted - wanted.mean()) / deviation).predict(self._test[0])
            return float(r2_score(self._test[1], said * deviation + wanted.mean()))


def table_blocks(found: TableLikeness) -> list[Block]:
    """What people see."""
    keys = ("columns", "pairs", "told_apart", "useful", "closer")
    rows = tuple(
        (WORDS[name], *("–" if figures[key] is None else _shown(key, figures[key]) for key in keys))
        for name, figures in found.sets.items()
    )
    note = (
        f"N = {found.n} of each, against as many held-out rows; seed {found.seed}. Columns, pairs: how much of the distributions is "
        "common, 1 is all. Told apart: area under the ROC curve of boosting on rows it has not seen, 0.5 is not at all. Useful: "
        f"{found.measure} on held-out rows of boosting that learnt '{found.target}' from these rows (a constant: "
        f"{number(found.constant)}); the floor's is what real rows give. Closer to training: share whose nearest row is a training one "
        "and not one of as many held-out ones; half is natural, many more are copies."
    )
    worst = sorted(found.columns.items(), key=lambda item: item[1])[:5]
    names = tuple((name, number(value)) for name, value in worst)
    made = found.sets["made"]
    apart, closer = made["told_apart"], made["closer"] or 0.0
    told = f"A classifier tells created rows from real ones with an area of {number(apart or 0.5)} (0.5: not at all, 1: always)"
    beat = [WORDS[name] for name in ("copula", "mixed") if (found.sets[name]["told_apart"] or 0) > (apart or 0)]
    blocks: list[Block] = [
        Text(
            f"{told}; harder to tell than: {', '.join(beat) or 'neither of the plain ways'}.",
            "good" if beat else "warning",
        )
    ]
    if closer > 0.5 + float(made["closer_reach"] or 0.5):
        blocks.append(Text(f"{100 * closer:.0f} % of created rows lie closer to training rows than to held-out ones (half is natural): "
                           "some may be copies. generate --apart SHARE says how many of those that come much nearer to one training row than to the next are left out.", "warning"))  # fmt: skip
    return [
        *blocks,
        Grid("Rows beside real rows and plain ways of making more", ("", "columns", "pairs", "told apart", "useful", "closer to training"), rows, note),
        Grid("Columns that differ most", ("column", "common"), names),
    ]  # fmt: skip


def _shown(key: str, value: float | None) -> str:
    assert value is not None
    return f"{100 * value:.0f} %" if key == "closer" else number(value)
