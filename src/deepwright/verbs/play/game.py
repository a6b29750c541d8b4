"""A game: cards in an order drawn by lot, half of them real in the long run; the answers of a person, one a card."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch

from deepwright.core.errors import DataError, Refused
from deepwright.core.seeds import derive
from deepwright.data.split import PARTS
from deepwright.verbs.creation.making import Maker, decode, joined
from deepwright.verbs.creation.state import State
from deepwright.verbs.extractors import encoded

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Game", "Round", "new_game", "wilson"]


@dataclass(frozen=True)
class Round:
    """One card. `pictures`: data URIs; `cells`: column and text of the rest; `made`: the truth."""

    pictures: tuple[str, ...]
    cells: tuple[tuple[str, str], ...]
    made: bool


@dataclass
class Game:
    """Cards, and what was said of the first ones (true: "made")."""

    seed: int
    rounds: Sequence[Round]
    said: list[bool] = field(default_factory=list)

    def answer(self, number: int, made: bool) -> bool:
        """Whether the answer to a card is right.

        Raises:
            ValueError: it is not that card's turn.
        """
        if number != len(self.said) or self.over:
            raise ValueError(f"it is the turn of card {len(self.said)}")
        self.said.append(made)
        return made == self.rounds[number].made

    @property
    def over(self) -> bool:
        return len(self.said) == len(self.rounds)

    @property
    def right(self) -> int:
        return sum(said == card.made for said, card in zip(self.said, self.rounds, strict=False))

    def to_dict(self) -> dict[str, Any]:
        """What is kept of it: how many cards of each kind, and how many of them were told to be what they are."""
        truth = [card.made for card in self.rounds[: len(self.said)]]
        return {
            "seed": self.seed, "rounds": len(self.said), "right": self.right, "made": sum(truth),
            "made_told": sum(said and made for said, made in zip(self.said, truth, strict=True)),
        }  # fmt: skip


def wilson(right: int, rounds: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); from 0 to 1 without any round.

    >>> [round(end, 3) for end in wilson(14, 20)]
    [0.481, 0.855]
    """
    if not rounds:
        return 0.0, 1.0
    z, share = 1.959964, right / rounds
    middle = (share + z * z / (2 * rounds)) / (1 + z * z / rounds)
    reach = z / (1 + z * z / rounds) * math.sqrt(share * (1 - share) / rounds + z * z / (4 * rounds**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def new_game(run: "Run", rounds: int, seed: int) -> Game:
    """Held-out examples, as the network sees them, and creations.

    Raises:
        Refused: the run creates nothing. RunError, DataError: its data is gone, or holds too few held-out examples.
    """
    if run.recipe.model is None or run.recipe.model.learns != "inputs":
        raise Refused(f"The run {run.name} answers, it does not create; this game is about creations.")
    table = run.training_data().table
    part = "test" if (run.parts == PARTS["test"]).any() else "validation"
    held = np.flatnonzero(run.parts == PARTS[part])
    chance = np.random.default_rng(derive(seed, "game"))
    made = chance.random(rounds) < 0.5
    if len(held) < rounds:
        raise DataError(
            f"The run {run.name} has {len(held)} held-out examples; a game of {rounds} cards needs as many. Use --rounds."
        )
    chosen = np.sort(chance.permutation(held)[:rounds])
    names = list(run.created)
    real = decode(run, encoded_created(run, table.take(chosen, names)))
    place = int(chance.integers(0, 2**31 - rounds))
    z = joined(
        [part_ for _, part_ in Maker(run, State(seed=seed)).pieces(range(place % 100_000, place % 100_000 + rounds))]
    )
    created = decode(run, {name: z[name] for name in names})
    order = chance.permutation(rounds)
    cards = []
    for number in range(rounds):
        frame = created if made[number] else real
        cards.append(_card(run, frame[int(order[number])], bool(made[number])))
    return Game(seed, cards)


def encoded_created(run: "Run", frame: pl.DataFrame) -> Any:
    """Real examples as `z`: ids stay ids, which decode as well."""
    with torch.inference_mode():
        return encoded(run, frame)


def _card(run: "Run", row: pl.DataFrame, made: bool) -> Round:
    files = [name for name, kind in row.schema.items() if kind == pl.Binary]
    pictures = tuple(run.features[name].show(row[name])[0] for name in files)
    rest = row.drop(files)
    cells = tuple((name, run.features[name].show(rest[name])[0]) for name in rest.columns)
    return Round(pictures, cells, made)
