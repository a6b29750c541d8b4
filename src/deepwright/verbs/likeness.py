"""Scores of creations, each with what it is read beside: a floor of real examples, spoilt examples, and plain ways of making more.

All sets are of one size and seen by one extractor, whose hash is part of every figure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from deepwright.core.report import Block, Grid, Text
from deepwright.core.seeds import derive
from deepwright.core.wording import number
from deepwright.fields import Field, Fields
from deepwright.metrics.likeness import closer_reach, closer_share, enough, frechet_distance, manifold, sliced_distance
from deepwright.metrics.likeness.frechet import ROWS
from deepwright.verbs.anchors import blurred, neighbour_mixtures, noise, principal_normal
from deepwright.verbs.extractors import Extractor
from deepwright.verbs.resemblance import Interval, interval, kernel_distances

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Likeness", "likeness_blocks", "picture_likeness"]

K = 5
WORDS = {
    "made": "creations", "real": "training examples (floor)", "blurred": "training examples, blurred", "noise": "noise",
    "principal": "PCA-Gaussian", "mixed": "mixtures of neighbours (SMOTE)",
}  # fmt: skip
FAR = {"frechet": "Fréchet", "kernel": "kernel", "sliced": "sliced Wasserstein"}
WHERE = {
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "closer": "closer to training",
}


@dataclass(frozen=True)
class Likeness:
    """Figures of each set against held-out examples.

    Args:
        n: rows of each set. columns: of the extractor. extractor, hash: what looked. seed: of everything drawn.
        sets: set → figure → value, None where it cannot be had.
        distance: of each set, the kernel distance with its interval.
    """

    n: int
    columns: int
    extractor: str
    hash: str
    seed: int
    sets: Mapping[str, Mapping[str, float | None]]
    distance: Mapping[str, Interval]

    def to_dict(self) -> dict[str, Any]:
        stamp = {
            "n": self.n,
            "columns": self.columns,
            "extractor": self.extractor,
            "hash": self.hash,
            "seed": self.seed,
        }
        return {
            **stamp, "k": K, "sets": {name: dict(figures) for name, figures in self.sets.items()},
            "distance": {name: figure.to_dict() for name, figure in self.distance.items()},
        }  # fmt: skip


def picture_likeness(
    run: "Run", extract: Callable[[Fields], Tensor] | Extractor, made: Fields, held: Fields, known: Fields, seed: int
) -> Likeness:
    """Creations, held-out and training pictures (all as `z`; at least twice as many training as held-out ones are best)."""
    features = run.created
    generator = torch.Generator().manual_seed(derive(seed, "likeness"))
    order = torch.randperm(len(_any(known)), generator=generator)
    n = min(len(_any(made)), len(_any(held)), len(order))
    made, held = _rows(made, slice(n)), _rows(held, slice(n))
    floor, rest = _rows(known, order[:n]), _rows(known, order[n : 2 * n] if len(order) >= 2 * n else order[:n])
    columns = extract(rest)
    sets = {
        "made": made, "real": floor, "blurred": blurred(features, floor), "noise": noise(features, n, generator),
        "principal": principal_normal(features, rest, n, generator),
        "mixed": neighbour_mixtures(features, rest, columns, n, generator),
    }  # fmt: skip
    truth = extract(held)
    flat = {name: extract(z) for name, z in sets.items()}
    near = {name: flat[name] for name in ("made", "real", "mixed")}
    kernel, draws = kernel_distances(truth, flat, generator)
    figures = {name: _figures(rows, truth, kernel[name], seed) for name, rows in flat.items()}
    for name, rows in near.items():
        figures[name]["closer"] = float(closer_share(rows, columns, truth).mean())
        figures[name]["closer_reach"] = closer_reach(rows, columns, truth)
    distance = {name: interval(kernel[name], draws[name]) for name in flat}
    return Likeness(n, truth.shape[1], extract.name, extract.hash, seed, figures, distance)  # type: ignore[union-attr]


def _figures(rows: Tensor, truth: Tensor, kernel: float, seed: int) -> dict[str, float | None]:
    around = manifold(truth, rows, K) if min(len(rows), len(truth)) > K else None
    return {
        "frechet": frechet_distance(rows, truth) if enough(rows, truth) else None, "kernel": kernel,
        "sliced": sliced_distance(rows, truth, seed),
        **({} if around is None else vars(around)), "closer": None,
    }  # fmt: skip


def likeness_blocks(found: Likeness) -> list[Block]:
    """What people see: a row a set, a column a figure; and what the figures say together."""
    few = "" if found.sets["made"].get("frechet") is not None else (
        f" The Fréchet distance needs {ROWS} rows a column, {ROWS * found.columns} here: left out, since fewer would look like distance."
    )  # fmt: skip
    stamp = (
        f"N = {found.n} of each, against as many held-out examples; seed {found.seed}; extractor: {found.extractor} "
        f"({found.columns} columns, hash {found.hash}). Figures of other extractors are not comparable. "
    )
    near = (
        f"k = {K}. Precision: share that lies among real examples; recall: share of real examples among them; density and coverage "
        "likewise, less swayed by single ones; larger is better, up to the floor. Closer to training: share whose nearest example is "
        "a training one and not one of as many held-out ones; half is natural, many more "
        "among good creations are copies (bad ones all lie nearest to the same few examples)."
    )
    return [
        *_said(found),
        _table("How far from held-out examples", found, FAR, f"{stamp}Smaller is better, down to the floor.{few}"),
        _table("Where they lie", found, WHERE, f"{stamp}{near}"),
    ]


def _table(title: str, found: Likeness, columns: Mapping[str, str], note: str) -> Grid:
    rows = tuple(
        (WORDS.get(name, name), *("–" if figures.get(key) is None else _shown(key, figures[key]) for key in columns))
        for name, figures in found.sets.items()
    )
    return Grid(title, ("", *columns.values()), rows, note)


def _said(found: Likeness) -> list[Block]:
    """The place of the creations between the floor and the blurred examples, and whether they are copies."""
    made, real, blur = (found.sets[name] for name in ("made", "real", "blurred"))
    key = "frechet" if made.get("frechet") is not None else "kernel"
    value, floor, bad = (float(one[key] or 0.0) for one in (made, real, blur))
    name = "Fréchet distance" if key == "frechet" else "Kernel distance"
    text = f"{name} of the creations: {number(value)}; real from real {number(floor)}, blurred {number(bad)}."
    if bad > floor:
        share = (value - floor) / (bad - floor)
        way = (
            f"{100 * share:.1f} % of the way from real examples to blurred ones"
            if value < bad
            else "further off than blurred ones"
        )
        text = f"{text[:-1]}: {way}."
    blocks: list[Block] = [Text(text, "good" if value < bad else "warning")]
    closer = made.get("closer")
    among = (made.get("precision") or 0.0) / max(real.get("precision") or 1.0, 1e-9)
    # Copies lie among real examples. Where far fewer creations do, those that lie apart have one nearest example by geometry.
    if closer is not None and closer > 0.5 + float(made.get("closer_reach") or 0.5) and among > closer - 0.5:
        blocks.append(Text(f"{100 * closer:.0f} % of the creations lie closer to training examples than to held-out ones (half "
                           "is natural): some may be copies.", "warning"))  # fmt: skip
    covered = (made.get("coverage") or 0.0) / max(real.get("coverage") or 1.0, 1e-9)
    if covered < 0.5:
        blocks.append(Text(f"Only {100 * covered:.0f} % as much of the real examples is covered as other real examples cover: kinds are missing.", "warning"))  # fmt: skip
    return blocks


def _shown(key: str, value: float | None) -> str:
    assert value is not None
    return f"{100 * value:.0f} %" if key == "closer" else number(value)


def _any(z: Fields) -> Field:
    return next(iter(z.values()))


def _rows(z: Fields, rows: Any) -> dict[str, Field]:
    return {name: field[rows] for name, field in z.items()}
