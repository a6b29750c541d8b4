"""Creations beside real examples: what is measured of them, and what that means in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from deepwright.contracts import Restyles
from deepwright.core.errors import DataError, RunError
from deepwright.core.report import Block, Grid, Headline, Text
from deepwright.core.seeds import derive
from deepwright.core.wording import interval, number
from deepwright.data.split import PARTS
from deepwright.fields import Fields
from deepwright.spaces import Box
from deepwright.verbs.creation.making import Maker, decode, joined
from deepwright.verbs.creation.scorers import judged_columns
from deepwright.verbs.creation.state import State
from deepwright.verbs.extractors import JudgeExtractor, RandomExtractor, encoded, picture_columns
from deepwright.verbs.likeness import Likeness, likeness_blocks, picture_likeness
from deepwright.verbs.resemblance import Interval, Resemblance, Scale, resemblance
from deepwright.verbs.table_likeness import TableLikeness, table_blocks, table_likeness
from deepwright.verbs.wishes import fulfils

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = [
    "FEW", "Beside", "compared_rows", "copy_words", "distance_words", "figures", "judged", "measured", "shape_of", "too_few",
]  # fmt: skip

TRAIN_ROWS = 50_000  # that creations are compared with
FEW = 20  # rows below which nothing is measured
SURE = 0.05


@dataclass(frozen=True)
class Beside:
    """What was measured, and why not where it was not."""

    resemblance: Resemblance | None = None
    likeness: Likeness | None = None
    rows: TableLikeness | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any] | None:
        """Plain JSON for programs."""
        if self.resemblance is None:
            return None
        rest = {"likeness": self.likeness, "rows": self.rows}
        return {
            **figures(self.resemblance),
            **{name: None if one is None else one.to_dict() for name, one in rest.items()},
        }

    @property
    def verdict(self) -> str:
        found = self.resemblance
        return "" if found is None else f"{distance_words(found)[0]} {copy_words(found)[0]}"

    def blocks(self) -> list[Block]:
        """What people see of it."""
        blocks = [] if self.resemblance is None else judged(self.resemblance)
        blocks += [] if self.likeness is None else likeness_blocks(self.likeness)
        blocks += [] if self.rows is None else table_blocks(self.rows)
        return blocks + [Text(note, "warning") for note in self.notes]


def measured(
    run: "Run",
    state: State,
    most: int,
    wish: Fields | None = None,
    judge: "Run | None" = None,
    predict: str | None = None,
    at: Sequence[int] | None = None,
) -> Beside:
    """Creations 0, 1, … of a state beside real examples (of the wished kind), or why not.

    Args:
        most: creations and held-out examples; 0 measures nothing. judge: a run that answers, whose last layer compares
            pictures instead of random convolutions. predict: of rows, the column that models learn from them; None: the last.
        at: the first of these numbers instead of 0, 1, …; as many as creations are compared.

    Raises:
        Refused: the judge does not fit.
    """
    columns = None if judge is None else judged_columns(run, judge)
    if not most or not state.plain:
        return Beside()
    if isinstance(run.network, Restyles):
        return Beside(
            notes=("Nothing was measured: these are training examples in another style, unlike them on purpose.",)
        )
    try:
        table = run.training_data().table
    except (RunError, DataError) as error:
        return Beside(notes=(f"Nothing could be measured: {error}",))
    order = np.random.default_rng(derive(run.recipe.seed, "held"))
    held, train = compared_rows(run, most, order, fulfils(run, table, wish or {}))
    if min(len(held), len(train)) < FEW:
        return Beside(notes=(too_few(len(held)),))
    names, seed = list(run.created), run.recipe.seed
    known, real = table.take(train, names), table.take(held, names)
    scale = Scale(run.created, known)
    count = min(most, max(len(held), FEW))
    numbers = range(count) if at is None else at[:count]
    making = Maker(run, state, wish).pieces(numbers, "making what is compared")
    pieces = [next(making)[1]]
    if any(pieces[0][name].values.shape[1:] != shape_of(run, name) for name in names):
        return Beside(notes=("Nothing was measured: the creations are of another size than the examples.",))
    pieces += [z for _, z in making]
    z = {name: field for name, field in joined(pieces).items() if name in names}
    found = resemblance(scale(decode(run, z)), scale(real), scale(known), seed)
    if not picture_columns(run.created):
        return Beside(found, rows=table_likeness(run, decode(run, z), real, known, seed, predict))
    some = known[np.sort(order.permutation(known.height)[: 2 * real.height])]
    trained = encoded(run, some)
    extract = (
        RandomExtractor(run.created, trained)
        if judge is None or columns is None
        else JudgeExtractor(run, judge, columns)
    )
    return Beside(found, picture_likeness(run, extract, z, encoded(run, real), trained, seed))


def compared_rows(
    run: "Run", most: int, order: np.random.Generator, suits: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Held-out rows (at most so many) and training rows that creations are compared with, by lot.

    Args:
        order: of the lot. suits: (rows,) bool, which rows may be; None: all.
    """
    part = "test" if (run.parts == PARTS["test"]).any() else "validation"
    found = []
    for name, limit in ((part, most), ("train", TRAIN_ROWS)):
        rows = np.flatnonzero((run.parts == PARTS[name]) & (True if suits is None else suits))
        found.append(np.sort(order.permutation(rows)[:limit]))
    return found[0], found[1]


def too_few(held: int) -> str:
    """Why nothing is measured with so few held-out examples."""
    return f"Nothing could be measured: there are only {held} held-out examples."


def shape_of(run: "Run", name: str) -> tuple[int, ...]:
    """Of the column's `z`, without the rows."""
    space = run.created[name].space
    return tuple(space.shape) if isinstance(space, Box) else (1,)


def figures(measured: Resemblance) -> dict[str, Any]:
    """Plain JSON for programs."""
    return {
        "n": {"made": measured.made, "held_out": measured.held, "training": measured.train},
        "distance": {name: figure.to_dict() for name, figure in measured.distance.items()},
        "chance": dict(measured.chance), "near": measured.near.to_dict(),
        "nearest": {name: figure.to_dict() for name, figure in measured.nearest.items()},
    }  # fmt: skip


def _with_interval(figure: Interval, percent: bool = False) -> str:
    if percent:
        return f"{100 * figure.value:.1f} % [{100 * figure.low:.1f} %, {100 * figure.high:.1f} %]"
    return interval(figure.value, figure.low, figure.high)


def distance_words(measured: Resemblance) -> tuple[str, Literal["good", "warning"]]:
    """How far creations are from real examples."""
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


def copy_words(measured: Resemblance) -> tuple[str, Literal["good", "warning"]]:
    """Whether creations are copies."""
    share = (
        f"{100 * measured.near.value:.1f} % of them lie as near to a training example as 5 % of held-out examples do"
    )
    if measured.near.low > 0.05:
        return f"They may be copies, or only the most ordinary examples: {share}.", "warning"
    return f"Nothing points to copies: {share}.", "good"


def judged(measured: Resemblance) -> list[Block]:
    """What people see of it."""
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
        Text(*distance_words(measured)),
        Text(*copy_words(measured)),
        Grid("Creations beside real examples", ("", "distance", "p", "nearest"), rows, note),
    ]
