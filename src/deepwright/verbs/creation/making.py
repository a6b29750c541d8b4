"""Making: from a state to creations, the same bytes however many are asked for, in whatever order.

Creation k is always made in the same company, that of its chunk of numbers: sums in another order would give other last
bits. A latent that is no number's (a stored one, a frame of a walk) is made in a chunk of its own kind, filled up.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from pydantic import ValidationError
from torch import Tensor

from deepwright.contracts import Network
from deepwright.core.config import Config
from deepwright.core.errors import RecipeError, Refused
from deepwright.core.telling import counted
from deepwright.draft import Draft, describe
from deepwright.draw import Draw
from deepwright.fields import Field, Fields, concat_fields
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.creation.latents import mixture, walk
from deepwright.verbs.creation.shelf import Shelf
from deepwright.verbs.creation.state import Anchor, State

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Maker", "create", "decode", "joined", "knobs_of", "need_latents", "sketched", "whole_rows", "wishes_of"]


Piece = tuple[list[Anchor], dict[str, Field]]  # numbers and keys, and `z` of these creations


def create(network: Network, seed: int, start: int, n: int, wish: Fields | None = None) -> dict[str, Field]:
    """Creations `start` to `start + n - 1` of a seed, as `z`, and what each was to be, as stored fields.

    Args:
        wish: one row of conditions that all of them shall have; None: as often as they come in the training rows.
    """
    chunks = _Chunks(network, seed, wish=wish, size=network.together())
    return joined([z for _, z in chunks.numbers(range(start, start + n))])


def sketched(network: Network, seed: int, n: int) -> dict[str, Field]:
    """The first `n` creations of a seed, made quickly and none beside them: for drawings while a network learns."""
    chunks = _Chunks(network, seed, network.quick, size=min(n, network.together(network.quick)))
    return joined([z for _, z in chunks.numbers(range(n))])


@dataclass
class Maker:
    """Makes the creations of a state with a run's network.

    Args:
        wish: one row of conditions that all creations shall have; None: as often as they come in the training rows. chunk: creations made together; None: as many as the network wants.

    Raises:
        RecipeError: a knob that there is not. Refused: the state is about latents, and the network has none.
        RunError: a latent or direction of the state is not there.
    """

    run: "Run"
    state: State
    wish: Fields | None = None
    chunk: int | None = None

    def __post_init__(self) -> None:
        network = self.run.network
        if not self.state.plain:
            need_latents(network, self.run.name)
        shelf, shift = Shelf(self.run), None
        for edit in self.state.edits:
            step = edit.amount * shelf.keyed("directions", edit.direction).vector
            shift = step if shift is None else shift + step
        knobs = knobs_of(self.run, self.state.knobs)
        size = network.together(knobs) if self.chunk is None else self.chunk
        self._shelf = shelf
        self._chunks = _Chunks(network, self.state.seed, knobs, self.wish, size, shift)
        self.together = size

    def latent(self, anchor: Anchor) -> Tensor:
        """(*latent,) of a creation's number or a stored latent's key, before edits."""
        if isinstance(anchor, str):
            need_latents(self.run.network, self.run.name)
            return self._shelf.keyed("latents", anchor).vector
        return self._chunks.latent(anchor)

    def pieces(self, at: Sequence[Anchor], what: str = "making") -> Iterator[Piece]:
        """The creations of these numbers and stored latents, in their order; of a walk, its frames; of a mixture, one.

        Args:
            what: is being done, for who looks on.

        Yields:
            Consecutive ones and their `z`: memory holds one chunk.
        """
        walk, mix = self.state.walk, self.state.mix
        total = walk.frames if walk is not None else 1 if mix else len(at)
        return counted(what, self._pieces(at), total, lambda piece: len(piece[0]))

    def _pieces(self, at: Sequence[Anchor]) -> Iterator[Piece]:
        if self.state.walk is not None:
            yield from self._chunks.latents(walk(self.state.walk, self.latent))
        elif self.state.mix:
            yield from self._chunks.latents(mixture(self.state.mix, self.latent))
        else:
            for numbers, one in _runs_of_numbers(at):
                if one is None:
                    yield from self._chunks.numbers(numbers)
                else:
                    (made,) = self._chunks.latents(self.latent(one)[None])
                    yield [one], made[1]


@dataclass
class _Chunks:
    """Chunks of creations.

    Args:
        shift: (*latent,) is added to every latent.
    """

    network: Network
    seed: int
    knobs: Config | None = None
    wish: Fields | None = None
    size: int = 32
    shift: Tensor | None = None

    def numbers(self, numbers: Sequence[int]) -> Iterator[Piece]:
        place = 0
        while place < len(numbers):
            own = numbers[place] // self.size
            stop = next((k for k in range(place, len(numbers)) if numbers[k] // self.size != own), len(numbers))
            wanted = torch.tensor([number - own * self.size for number in numbers[place:stop]])
            made = self._made(self._draw(own))
            yield list(numbers[place:stop]), {name: field[wanted] for name, field in made.items()}
            place = stop

    def latents(self, latents: Tensor) -> Iterator[Piece]:
        """Of latents (n, *latent), numbered from 0; the last chunk is filled up with its last row."""
        for start in range(0, len(latents), self.size):
            part = latents[start : start + self.size]
            full = torch.cat([part, part[-1:].expand(self.size - len(part), *part.shape[1:])])
            made = self._made(self._draw(0), full)
            yield list(range(start, start + len(part))), {name: field[: len(part)] for name, field in made.items()}

    def latent(self, number: int) -> Tensor:
        with torch.inference_mode():
            return (
                self.network.latents(self.size, self._draw(number // self.size))[number % self.size].to("cpu").clone()
            )

    def _draw(self, place: int) -> Draw:
        return Draw(self.seed).of("create").keyed(torch.arange(place * self.size, (place + 1) * self.size))

    def _made(self, draw: Draw, latents: Tensor | None = None) -> dict[str, Field]:
        network, size = self.network, self.size
        with frozen_statistics(network), torch.inference_mode():
            wishes = wishes_of(network, size, draw, self.wish)
            if latents is not None:  # a walk keeps to one wish
                wishes = {name: field[torch.zeros(size, dtype=torch.int64)] for name, field in wishes.items()}
            if latents is None and self.shift is None:
                made = network.sample(size, draw, wishes or None, self.knobs)
            else:
                latents = network.latents(size, draw) if latents is None else latents
                moved = latents if self.shift is None else latents + self.shift.to(latents.device)
                made = network.from_latents(moved, wishes or None, self.knobs)
        return {name: field.to("cpu") for name, field in {**made, **wishes}.items()}


def wishes_of(network: Network, n: int, draw: Draw, wish: Fields | None = None) -> dict[str, Field]:
    """(n, …) conditions: those of one row `wish`, the others as often as they come in the training rows."""
    same = torch.zeros(n, dtype=torch.int64)
    return {**network.wishes(n, draw), **{name: field[same] for name, field in (wish or {}).items()}}


def need_latents(network: Network, name: str) -> None:
    if network.latent is None:
        raise Refused(
            f"The run {name} does not make its creations from latents: there is nothing to walk between or to move. "
            "Use --seed and --set."
        )


def _runs_of_numbers(at: Sequence[Anchor]) -> Iterator[tuple[Sequence[int], str | None]]:
    """Consecutive numbers, or one key at a time."""
    if isinstance(at, range):
        yield at, None
        return
    numbers: list[int] = []
    for anchor in at:
        if isinstance(anchor, int):
            numbers.append(anchor)
            continue
        if numbers:
            yield numbers, None
            numbers = []
        yield (), anchor
    if numbers:
        yield numbers, None


def joined(parts: Sequence[Mapping[str, Field]]) -> dict[str, Field]:
    """The rows of several pieces, in order."""
    return {name: concat_fields([part[name] for part in parts]) for name in parts[0]}


def decode(run: "Run", z: Mapping[str, Field]) -> pl.DataFrame:
    """Creations as raw values, one column a feature: files as bytes (PNG), everything else as cells."""
    return pl.DataFrame({name: run.features[name].decode(field) for name, field in z.items()})


def whole_rows(run: "Run", made: pl.DataFrame) -> pl.DataFrame:
    """Created rows with the columns that are the same in every row, in the order of the data's; pictures as they are."""
    if set(made.schema.values()) <= {pl.Binary}:
        return made
    fixed = run.recipe.task.fixed
    whole = made.with_columns(pl.lit(cell).alias(name) for name, cell in fixed.items())
    order = run.environment["data"].get("columns") or [*run.features, *fixed]  # runs of earlier versions do not tell
    return whole.select(name for name in order if name in whole.columns)


def knobs_of(run: "Run", given: Mapping[str, Any]) -> Config:
    """The network's knobs with these values.

    Raises:
        RecipeError: a knob that it does not have, or a value out of its range.
    """
    settings, kind = run.network.knobs, run.recipe.model.kind  # type: ignore[union-attr]
    if given and not settings.model_fields:
        raise RecipeError(f"--set {next(iter(given))}: the model '{kind}' has nothing to set when it creates.")
    try:
        return settings(**given)
    except ValidationError as error:
        places: dict[tuple[str | int, ...], str] = {(str(name),): f"--set {name}" for name in given}
        raise describe(error, Draft(dict(given), places), settings) from error
