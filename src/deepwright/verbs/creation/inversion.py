"""Inversion: the latent whose creation comes nearest to an example of a person's own.

Adam on the latent from several starts (Zhu et al. 2016, arXiv 1609.03552, by gradient alone), on the squared difference of
values and, for pictures, of the maps of random convolutions; a small pull towards the origin keeps the latent where the
network has learnt. The best of many latents drawn at random is the control: what no search finds as well. A network that can go
its way back begins where that leads, and needs few steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import torch
from torch import Tensor

from deepwright.contracts import Network, Retraces
from deepwright.core.errors import DataError, Refused
from deepwright.data.sources.paths import PICTURES
from deepwright.data.table import FrameTable, require_columns
from deepwright.draw import Draw
from deepwright.fields import Field, Fields
from deepwright.spaces import Box
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.creation.given import row_of_file
from deepwright.verbs.extractors import RandomConvolutions, encoded, picture_columns, scaled

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Inversion", "check_latents", "invert", "read_example"]

STARTS, DRAWN, STEPS = 8, 512, 300
RETRACED_DRAWN, RETRACED_STEPS = 64, 40  # of a network that goes its way back
_RATE, _PULL = 0.05, 1e-3
_AT_ONCE = 32


@dataclass(frozen=True)
class Inversion:
    """What the search found.

    Args:
        latent: (*latent,). errors: root mean square differences, in shares of each value's deviation (numbers) or of the
            range from black to white (pictures): of the latent "found", and of the best of so many "drawn" ones.
        drawn: how many. length: of the latent, in those that are usual (1: as long as the mean one).
    """

    latent: Tensor
    errors: Mapping[str, float]
    drawn: int
    length: float


def read_example(run: "Run", path: Path) -> pl.DataFrame:
    """One row with the columns that the run creates: a picture, or the first row of a table.

    Raises:
        DataError: it cannot be read, or a column is missing. Refused: it is a picture, and the run creates several columns.
    """
    if not path.is_file():
        raise DataError(f"There is no file {path}.")
    names = list(run.created)
    if path.suffix.lower() not in PICTURES:
        row = FrameTable(row_of_file(path), path.name)
        require_columns(row, names, "a column that this run creates")
        return row.take([0], names)
    if len(names) != 1 or not picture_columns(run.created):
        raise Refused(f"The run {run.name} creates {', '.join(names)}; give a table with these columns, not a picture.")
    frame = pl.DataFrame({names[0]: [str(path.absolute())]})
    if run.features[names[0]].encode(frame[names[0]]).present is not None:
        reason = run.features[names[0]].show(frame[names[0]])[0]
        raise DataError(f"{path} cannot be read as a picture: {reason}.")
    return frame


def check_latents(run: "Run") -> None:
    """Raises Refused: the network has no latents."""
    if run.network.latent is None:
        raise Refused(
            f"The run {run.name} does not make its creations from latents: nothing can be inverted. --like finds its "
            "creations nearest to yours."
        )


def invert(
    run: "Run", example: pl.DataFrame, seed: int, steps: int | None = None, wish: Fields | None = None
) -> Inversion:
    """The latent whose creation resembles an example (one row).

    Args:
        steps: of the search; None: 300 from each of 8 starts, or 40 from where the way back leads.
        wish: one row of conditions, all that the network has.

    Raises:
        Refused: the network has no latents.
    """
    check_latents(run)
    network, target = run.network, encoded(run, example)
    aim = _Aim(run, target, wish or {})
    back = isinstance(network, Retraces)
    count, usual = (RETRACED_DRAWN, RETRACED_STEPS) if back else (DRAWN, STEPS)
    with frozen_statistics(network):
        drawn = network.latents(count, Draw(seed).of("invert").keyed(torch.arange(count))).detach()
        with torch.no_grad():
            far = torch.cat([aim(network, part)[0] for part in drawn.split(_AT_ONCE)])
            nearest = drawn[far.argsort(stable=True)]
            starts = network.retraced(target, wish) if isinstance(network, Retraces) else nearest[:STARTS]
        found = _searched(network, aim, starts, usual if steps is None else steps)
        with torch.no_grad():
            errors = {"found": float(aim(network, found[None])[1]), "drawn": float(aim(network, nearest[:1])[1])}
    return Inversion(found.cpu(), errors, count, float(found.norm()) / found.numel() ** 0.5)


def _searched(network: Network, aim: "_Aim", starts: Tensor, steps: int) -> Tensor:
    """(*latent,) the best latent on the ways from the starts (n, *latent), which it may be itself."""
    latents = starts.clone().requires_grad_()
    best, least = starts.clone(), torch.full((len(starts),), torch.inf, device=starts.device)
    optimizer = torch.optim.Adam([latents], lr=_RATE, betas=(0.9, 0.99))
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = _RATE * min(1.0, 4 * (1 - step / steps))  # calm in the last quarter
        loss, _ = aim(network, latents)
        better = loss.detach() < least
        best[better], least[better] = latents.detach()[better], loss.detach()[better]
        pulled = loss.sum() + _PULL * latents.square().flatten(1).mean(1).sum()
        (latents.grad,) = torch.autograd.grad(pulled, [latents])
        optimizer.step()
    return best[least.argmin()]


class _Aim:
    """How far creations are from an example."""

    def __init__(self, run: "Run", target: Fields, wish: Fields):
        self._features, self._wish = run.features, wish
        self._target = {name: field for name, field in target.items() if isinstance(run.created[name].space, Box)}
        self._extractors = {
            name: RandomConvolutions(field.values.shape[-1]) for name, field in self._target.items()
            if name in picture_columns(run.created)
        }  # fmt: skip

    def __call__(self, network: Network, latents: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) losses, and (n,) root mean square differences of values."""
        same = torch.zeros(len(latents), dtype=torch.int64)
        made = network.from_latents(latents, {name: field[same] for name, field in self._wish.items()})
        losses, squares = [], []
        for name, field in self._target.items():
            ours, theirs = self._comparable(name, made[name]), self._comparable(name, field)
            square = (ours - theirs).square().flatten(1).mean(1)
            squares.append(square)
            losses.append(square)
            if name in self._extractors:
                pairs = zip(self._extractors[name].maps(ours), self._extractors[name].maps(theirs), strict=True)
                losses += [0.2 * (a - b).square().flatten(1).mean(1) for a, b in pairs]
        return torch.stack(losses).sum(0), torch.stack(squares).mean(0).sqrt()

    def _comparable(self, name: str, field: Field) -> Tensor:
        if name in self._extractors:
            return scaled(self._features[name], field.values)
        return field.values  # numbers' `z` are standardised
