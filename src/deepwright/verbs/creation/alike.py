"""Alike: the creations of a seed that lie nearest to an example of a person's own, a picture or a row, whole or in part.

They are chosen among many and not searched for in latents, so every family has them, labels count as numbers do, and what is
recorded are numbers of creations: nothing of the example. Shapes: n creations, D values of a column.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from torch import Tensor

from deepwright.contracts import FittedFeature
from deepwright.core.errors import DataError, RecipeError, Refused, did_you_mean
from deepwright.core.report import Block, Grid, Pictures, Text
from deepwright.core.wording import number
from deepwright.data.sources.paths import PICTURES, reading
from deepwright.fields import Field, Fields
from deepwright.spaces import Box, Tokens
from deepwright.verbs.creation.given import row_of_file, row_of_mapping
from deepwright.verbs.creation.making import Maker
from deepwright.verbs.extractors import encoded, picture_columns, scaled
from deepwright.verbs.wishes import known_labels

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Example", "Nearest", "nearest", "nearest_blocks", "read_liked"]

LEAST, EACH, MOST = 1024, 16, 100_000  # creations that are looked at: so many, or so many for each that is wanted


@dataclass(frozen=True)
class Example:
    """What is to be resembled.

    Args:
        name: for people. row: one row of columns that the run creates. labels: "COLUMN=LABEL" of the conditions it has.
        unused: columns that the run does not create.
    """

    name: str
    row: pl.DataFrame
    labels: tuple[str, ...]
    unused: tuple[str, ...]


@dataclass(frozen=True)
class Nearest:
    """Numbers of creations, the nearest first.

    Args:
        looked: at so many. distances: (n,) of those, and `usual`, the median of all.
    """

    at: tuple[int, ...]
    looked: int
    distances: Tensor
    usual: float


def read_liked(run: "Run", given: Path | Mapping[str, Any]) -> Example:
    """The example: a picture, a JSON object, or the first row of a table; columns may be missing, and so may cells.

    Raises:
        DataError: it cannot be read, or a cell is not what its column holds. RecipeError: nothing in it is created.
    """
    name = given.name if isinstance(given, Path) else "the row"
    frame = _of_file(run, given) if isinstance(given, Path) else row_of_mapping(given, name)
    conditions = [one for one in run.recipe.conditions if one in frame.columns and frame[one][0] is not None]
    known = [one for one in frame.columns if one in run.created and frame[one][0] is not None]
    if not known:
        created = ", ".join(list(run.created)[:12])
        raise RecipeError(
            f"--like: {name} has no value of a column that the run {run.name} creates; it creates {created}. "
            f"{did_you_mean(frame.columns[0], list(run.created)) if frame.columns else ''}".rstrip()
        )
    for one in known:
        _check(name, run.features[one], frame[one])
    labels = tuple(f"{one}={frame[one][0]}" for one in conditions)
    there = {*run.created, *run.recipe.conditions}
    return Example(name, frame.select(known), labels, tuple(one for one in frame.columns if one not in there))


def _of_file(run: "Run", path: Path) -> pl.DataFrame:
    with reading(path), path.open("rb"):
        pass
    if path.suffix.lower() not in PICTURES:
        return row_of_file(path)
    names = picture_columns(run.created)
    if len(names) != 1:
        raise Refused(
            f"The run {run.name} creates rows ({', '.join(list(run.created)[:6])} …), no pictures; give --like a row: row.json."
        )
    return pl.DataFrame({names[0]: [str(path.absolute())]})


def _check(name: str, feature: FittedFeature, column: pl.Series) -> None:
    """Raises DataError, RecipeError: the cell is no value of this column."""
    field, space = feature.encode(column), feature.space
    if field.present is not None and not bool(field.present.all()):
        raise DataError(f"{name} cannot be read as a picture: {feature.show(column)[0]}.")
    if isinstance(space, Tokens):
        known = known_labels(feature)
        if str(feature.decode(field)[0]) not in known:
            raise RecipeError(f"--like: '{column.name}' knows no '{column[0]}'. {did_you_mean(str(column[0]), known)}")
    if column.dtype.is_float() and not column.is_finite().all():
        raise DataError(f"{name}: '{column.name}' is {column[0]}, which is no number that can be near to others.")
    bad = next((one.text for one in feature.findings(column) if one.code == "bad-values"), None)
    if bad is not None:
        raise DataError(f"{name}: '{column.name}' is a {feature.kind}, and '{column[0]}' is none.")


def nearest(maker: Maker, example: Example, n: int) -> Nearest:
    """The `n` creations that lie nearest, of the first 1,024 of the seed (or of 16 times as many as are wanted)."""
    run, looked = maker.run, max(n, min(MOST, max(LEAST, EACH * n)))
    target = encoded(run, example.row)
    apart = torch.cat([_apart(run, z, target) for _, z in maker.pieces(range(looked), "looking for the nearest")])
    order = apart.argsort(stable=True)[:n]
    return Nearest(tuple(order.tolist()), looked, apart[order], float(apart.median()))


def _apart(run: "Run", made: Fields, target: Fields) -> Tensor:
    """(n,) root of the mean over columns of squared distances: of labels 0 or 1, of numbers in deviations, of pixels in shares."""
    _check_size(made, target)
    squares = [_squared(run.features[name], made[name], field) for name, field in target.items()]
    return torch.stack(squares).mean(0).sqrt()


def _check_size(made: Fields, target: Fields) -> None:
    """Raises Refused: a knob makes creations of another size than examples have."""
    if any(made[name].values.shape[1:] != field.values.shape[1:] for name, field in target.items()):
        raise Refused("--like: these creations are of another size than the examples that were learnt from.")


def _squared(feature: FittedFeature, made: Field, wanted: Field) -> Tensor:
    if isinstance(feature.space, Box):
        grid = len(feature.space.shape) == 3
        ours, theirs = (scaled(feature, z.values) if grid else z.values for z in (made, wanted))
        square = (ours.double() - theirs.double()).square().flatten(1)
        return square.mean(1) if grid else square.sum(1)
    return (made.values != wanted.values).flatten(1).any(1).double()


def nearest_blocks(run: "Run", example: Example, found: Nearest) -> list[Block]:
    """What was looked for, and how near the creations come."""
    n = len(found.at)
    text = (
        f"The {n} nearest to {example.name} of the first {found.looked:,} creations: distance {number(float(found.distances[0]))} to "
        f"{number(float(found.distances[-1]))}, where half of all lie beyond {number(found.usual)}."
    )
    blocks: list[Block] = [Text(text)]
    if example.unused:
        names = ", ".join(f"'{name}'" for name in example.unused)
        blocks.append(Text(f"Not created, and not looked at: {names}.", "warning"))
    pictures = picture_columns(run.created)
    for name in example.row.columns:
        if name in pictures:
            seen = run.features[name].decode(encoded(run, example.row)[name])
            words = (f"{example.name}, as the network sees it",)
            blocks.append(Pictures("To be like", tuple(run.features[name].show(seen)), words, words, raw=True))
    rest = example.row.drop([name for name in pictures if name in example.row.columns])
    if rest.width:
        cells = tuple(run.features[name].show(rest[name])[0] for name in rest.columns)
        blocks.append(Grid("To be like", tuple(rest.columns), (cells,)))
    return blocks
