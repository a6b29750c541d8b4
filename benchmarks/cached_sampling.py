"""What the memory of what was made already is worth: rows of 256 pieces made with it, and by looking at all pieces anew each time.

    python -m benchmarks.cached_sampling [--smoke] [--threads 1] [--rounds 7] [--rows 16 1] [--length 256] [--values 64] [--set KEY=VALUE …]

The network is the `autoregressive` one that a table of 256 columns of categories gets, with weights drawn at random, for what
is learnt changes no speed. Both ways run the same `sample`, with the same weights and chance, in turns; the one without a
memory computes every layer for all pieces so far and the head of the next piece alone. Medians; the bar is held against
processor seconds, which other programs disturb least, and seconds are beside them. Logits of both ways are compared at every
piece of the same rows. To reach at length 256: 5 times as fast with 16 rows at once, 3.5 times with one; logits within 1e-5.
"""

import statistics
import sys
import time
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from benchmarks.harness import options, print_machine, print_table
from deepwright.draft import Draft
from deepwright.draw import Draw
from deepwright.fields import Fields
from deepwright.models.autoregressive import AutoregressiveNetwork, Made
from deepwright.preparation import prepare

BARS = {16: 5.0, 1: 3.5}  # rows at once, times as fast
NEAR = 1e-5
ROWS, SPREAD = 1_500, 0.05


class Recomputing(AutoregressiveNetwork):
    """The same network without a memory: every piece is made from all those before it."""

    def begin(self, rows: int, condition: Fields | None = None) -> Made:
        self.made: list[Tensor] = []
        made = super().begin(0, condition)
        made.told = self._told(condition or {}, rows)
        return made

    def step(self, token: Tensor | None, made: Made) -> Tensor:
        if token is not None:
            self.made.append(token)
        before = [made.told[:, None]] + (
            [self._seen(torch.stack(self.made, 1), self.starts[: len(self.made)])] if self.made else []
        )
        return self.heads[len(self.made)](self.trunk(torch.cat(before, 1))[:, -1])


def table(length: int, values: int) -> pl.DataFrame:
    """Columns of categories, each of which often follows from the one before."""
    chance = np.random.default_rng(0)
    column, columns = chance.integers(0, values, ROWS), {}
    for place in range(length):
        new = chance.random(ROWS) < 0.3
        column = np.where(new, chance.integers(0, values, ROWS), (column * 5 + 1) % values)
        columns[f"c{place:03d}"] = [f"v{value}" for value in column]
    return pl.DataFrame(columns)


def networks(length: int, values: int, extra: list[str]) -> tuple[AutoregressiveNetwork, Recomputing]:
    """With the memory and without, the same weights; none is zero, as some are before training."""
    draft = Draft()
    for assignment in ("task=generate", "model.kind=autoregressive", *extra):
        draft.set(assignment)
    prepared = prepare(draft, table(length, values))
    model: Any = prepared.recipe.model
    torch.manual_seed(0)
    remembering = model.build(prepared.features, {}, ROWS).eval()
    with torch.no_grad():
        for parameter in remembering.parameters():
            parameter.add_(SPREAD * torch.randn_like(parameter))
    spaces = {name: feature.space for name, feature in prepared.features.items()}
    recomputing = Recomputing(model, prepared.features, spaces, ()).eval()
    recomputing.load_state_dict(remembering.state_dict())
    return remembering, recomputing


def timed(network: AutoregressiveNetwork, rows: int, seed: int) -> tuple[float, float, Fields]:
    """Seconds, processor seconds, and the rows."""
    draw = Draw(seed).keyed(torch.arange(rows))
    began, used = time.perf_counter(), time.process_time()
    made = network.sample(rows, draw)
    return time.perf_counter() - began, time.process_time() - used, made


def apart(remembering: AutoregressiveNetwork, recomputing: Recomputing, made: Fields) -> float:
    """The largest difference of logits at any piece of these rows."""
    rows = len(next(iter(made.values())))
    tokens, _ = remembering.pieces.tokens(made, Draw(0).keyed(torch.arange(rows)))
    one, other, worst = remembering.begin(rows), recomputing.begin(rows), 0.0
    for place in range(tokens.shape[1]):
        token = tokens[:, place - 1] if place else None
        worst = max(worst, float((remembering.step(token, one) - recomputing.step(token, other)).abs().max()))
    return worst


def measure(remembering: AutoregressiveNetwork, recomputing: Recomputing, rows: int, rounds: int) -> dict[str, Any]:
    """Medians of both ways in turns; each goes first as often as the other."""
    ways = {"with": remembering, "without": recomputing}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    made: dict[str, Fields] = {}
    for name in ways:
        timed(ways[name], rows, 0)  # warms up
    for round_ in range(rounds):
        for name in list(ways)[:: 1 if round_ % 2 else -1]:
            seconds, processor, made[name] = timed(ways[name], rows, round_)
            found[name].append((seconds, processor))
    same = [torch.equal(made["with"][name].values, made["without"][name].values) for name in made["with"]]
    middle = {name: [statistics.median(each) for each in zip(*found[name], strict=True)] for name in ways}
    return {
        "with s": middle["with"][0], "without s": middle["without"][0],
        "ratio": middle["without"][0] / middle["with"][0],
        "with cpu s": middle["with"][1], "without cpu s": middle["without"][1],
        "cpu ratio": middle["without"][1] / middle["with"][1],
        "logits apart": apart(remembering, recomputing, made["with"]), "same columns": f"{sum(same)}/{len(same)}",
    }  # fmt: skip


def main() -> int:
    parser = options(__doc__ or "", threads=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rows", nargs="*", type=int, default=list(BARS), choices=list(BARS), help="made at once")
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--values", type=int, default=64, help="of each column")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="of the recipe: model.width=128")
    asked = parser.parse_args()
    length, values, rounds = (32, 8, 2) if asked.smoke else (asked.length, asked.values, asked.rounds)
    torch.set_num_threads(asked.threads)
    print_machine()
    remembering, recomputing = networks(length, values, asked.set)
    count = sum(parameter.numel() for parameter in remembering.trunk.parameters())
    print(
        f"{length} pieces of {values} values, {count:,} weights in the trunk, {asked.threads} threads, {rounds} rounds"
    )
    met, shown = True, []
    with torch.inference_mode():
        for rows in asked.rows:
            bar = BARS[rows]
            cell = measure(remembering, recomputing, rows, rounds)
            met &= cell["cpu ratio"] >= bar and cell["logits apart"] <= NEAR
            shown.append({"rows at once": rows, **cell, "to reach": bar})
    print_table(shown)
    return 0 if met or asked.smoke else 1


if __name__ == "__main__":
    sys.exit(main())
