"""Generate: new examples from a seed, as files that carry their record, beside what tells how good they are."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
from pydantic import Field as Setting

from deepwright import registries
from deepwright.core.config import Config
from deepwright.core.errors import DataError, OutputExists, Refused, RunError
from deepwright.core.report import Block, Grid, Headline, Pictures, Report, Text
from deepwright.core.seeds import derive
from deepwright.core.wording import interval, number
from deepwright.data.split import PARTS
from deepwright.verbs.creations import create, decode, record_of, write_creations
from deepwright.verbs.resemblance import Interval, Resemblance, Scale, resemblance

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Generate"]

SHOWN = 64
TRAIN_ROWS = 50_000  # that creations are compared with
FEW = 20  # rows below which nothing is measured
SURE = 0.05


@registries.verbs.register
class Generate(Config):
    """Make new examples.

    Args:
        n: how many. seed: the same seed gives the same creations, whatever `n` is.
        out: a folder for the files; None: the next numbered one in the run's `creations`.
        measure: creations that are compared with as many real examples; 0 measures nothing.
        force: write into a folder that holds something already.
    """

    kind: Literal["generate"] = "generate"
    n: int = Setting(16, ge=1, le=100_000)
    seed: int = Setting(0, ge=0)
    out: Path | None = None
    measure: int = Setting(2000, ge=0, le=5000)
    force: bool = False

    def check(self, run: "Run") -> None:
        """Raises Refused: the run cannot create."""
        model = run.recipe.model
        if model is None or model.learns != "inputs":
            raise Refused(f"The run {run.name} answers, it does not create. Train one that does with --model gan.")

    def __call__(self, run: "Run") -> Report:
        """Raises Refused, OutputExists, RunError (no weights yet), InputError (the place cannot be written to)."""
        self.check(run)
        folder = self._folder(run)
        network = run.network
        creations = decode(run, create(network, self.seed, 0, self.n))
        record = record_of(run, self.seed)
        files = write_creations(folder, creations, record)
        measured, notes = self._measured(run)
        data: dict[str, Any] = {
            "version": 1, "run": run.name, "seed": self.seed, "n": self.n, "folder": str(folder), "files": files,
            "record": record, "measured": None if measured is None else _figures(measured),
            "verdict": "" if measured is None else " ".join((_distance_words(measured)[0], _copy_words(measured)[0])),
            "notes": notes,
        }  # fmt: skip
        blocks = [*_shown(run, creations, self.seed), Text(f"{len(files)} files are in {folder}.")]
        blocks += [] if measured is None else _judged(measured)
        blocks += [Text(note, "warning") for note in notes]
        return Report("generate", "What it creates", data, tuple(blocks))

    def _folder(self, run: "Run") -> Path:
        if self.out is None:
            home = run.folder / "creations"
            taken = [int(path.name) for path in home.glob("*") if re.fullmatch(r"\d+", path.name)]
            return home / f"{1 + max(taken, default=0):03d}"
        if self.out.exists() and not self.force and (not self.out.is_dir() or any(self.out.iterdir())):
            raise OutputExists(
                f"{self.out} exists already; nothing was written. Use --force to write into it, or another name with -o."
            )
        return self.out

    def _measured(self, run: "Run") -> tuple[Resemblance | None, list[str]]:
        """Creations 0, 1, … of the seed beside real examples, or why not."""
        if not self.measure:
            return None, []
        try:
            table = run.training_data().table
        except (RunError, DataError) as error:
            return None, [f"Nothing could be measured: {error}"]
        part = "test" if (run.parts == PARTS["test"]).any() else "validation"
        held, train = (np.flatnonzero(run.parts == PARTS[name]) for name in (part, "train"))
        if min(len(held), len(train)) < FEW:
            return None, [f"Nothing could be measured: there are only {len(held)} held-out examples."]
        order = np.random.default_rng(derive(run.recipe.seed, "held"))
        held, train = (
            np.sort(order.permutation(rows)[:most]) for rows, most in ((held, self.measure), (train, TRAIN_ROWS))
        )
        names = list(run.features)
        known = table.take(train, names)
        scale = Scale(run.features, known)
        count = min(self.measure, max(len(held), FEW))
        made = [
            decode(run, create(run.network, self.seed, start, min(512, count - start)))
            for start in range(0, count, 512)
        ]
        return resemblance(scale(pl.concat(made)), scale(table.take(held, names)), scale(known), run.recipe.seed), []


def _figures(measured: Resemblance) -> dict[str, Any]:
    return {
        "n": {"made": measured.made, "held_out": measured.held, "training": measured.train},
        "distance": {name: figure.to_dict() for name, figure in measured.distance.items()},
        "chance": dict(measured.chance), "near": measured.near.to_dict(),
        "nearest": {name: figure.to_dict() for name, figure in measured.nearest.items()},
    }  # fmt: skip


def _shown(run: "Run", creations: pl.DataFrame, seed: int) -> list[Block]:
    """Columns of files as pictures, the rest as a table."""
    blocks: list[Block] = []
    few = creations.head(SHOWN)
    for name in (n for n, kind in creations.schema.items() if kind == pl.Binary):
        places = [str(place) for place in range(few.height)]
        alts = tuple(f"Creation {place} of seed {seed}" for place in places)
        note = "" if few.height == creations.height else f"The first {few.height} of {creations.height}."
        images = tuple(run.features[name].show(few[name]))
        blocks.append(Pictures(f"Creations: {name}", images, tuple(places), alts, note))
    rest = few.drop([block_name for block_name, kind in creations.schema.items() if kind == pl.Binary])
    if rest.width:
        cells = rest.select(pl.all().cast(pl.String).fill_null(""))
        blocks.append(Grid("Creations", tuple(cells.columns), tuple(cells.iter_rows())))
    return blocks


def _with_interval(figure: Interval, percent: bool = False) -> str:
    if percent:
        return f"{100 * figure.value:.1f} % [{100 * figure.low:.1f} %, {100 * figure.high:.1f} %]"
    return interval(figure.value, figure.low, figure.high)


def _distance_words(measured: Resemblance) -> tuple[str, Literal["good", "warning"]]:
    made, real, mean = (measured.distance[name] for name in ("made", "real", "mean"))
    figures = f"distance {number(made.value)}; real from real {number(real.value)}; mean {number(mean.value)}"
    if made.low >= mean.high:
        return f"The creations are no better than the mean of all examples, repeated ({figures}).", "warning"
    if measured.chance["made"] < SURE:
        chance = f"p = {measured.chance['made']:.2g}"
        return f"The creations can be told from real examples ({figures}; {chance}).", "warning"
    if measured.nearest["made"].low > measured.nearest["held"].high:
        further = " against ".join(number(measured.nearest[name].value) for name in ("made", "held"))
        return f"The creations lie further from training examples than real ones do ({further}; {figures}).", "warning"
    return f"On these coarse figures the creations cannot be told from real examples ({figures}).", "good"


def _copy_words(measured: Resemblance) -> tuple[str, Literal["good", "warning"]]:
    share = (
        f"{100 * measured.near.value:.1f} % of them lie as near to a training example as 5 % of held-out examples do"
    )
    if measured.near.low > 0.05:
        return f"They may be copies, or only the most ordinary examples: {share}.", "warning"
    return f"Nothing points to copies: {share}.", "good"


def _judged(measured: Resemblance) -> list[Block]:
    distance = {name: _with_interval(figure) for name, figure in measured.distance.items()}
    near = {name: _with_interval(figure) for name, figure in measured.nearest.items()}
    rows = (
        ("creations", distance["made"], f"{measured.chance['made']:.2g}", near["made"]),
        ("training examples", distance["real"], f"{measured.chance['real']:.2g}", "–"),
        ("held-out examples", "–", "–", near["held"]),
        ("their mean, repeated", distance["mean"], "–", "–"),
    )
    note = (
        f"{measured.made} creations, {measured.held} held-out and {measured.train} training examples; 95 % bootstrap "
        "intervals in brackets. Distance: squared kernel distance from held-out examples, on the flat columns that baselines "
        "use; fine detail does not count. p: the chance of such a distance between two parts of one population. Nearest: the "
        f"median distance to the nearest training example. Nearer than 95 % of held-out examples: "
        f"{_with_interval(measured.near, True)} of the creations; 5 % is natural."
    )
    return [
        Headline("distance from real", number(measured.distance["made"].value), f"real from real: {distance['real']}"),
        Text(*_distance_words(measured)),
        Text(*_copy_words(measured)),
        Grid("Creations beside real examples", ("", "distance", "p", "nearest"), rows, note),
    ]
