"""The watch over a network that learns to create: a time-lapse, figures of its health in words, and what is done about them.

The time-lapse is that of `lapse.py`. Where two players learn, every validation looks at creations and
scores (`vitals.py`), and acts by rules that need no clock, so that every life of the run does the same:
- the discriminator tells training from validation examples: more rows are changed before they are judged, and fewer again;
- it wins nearly every pair while kinds of examples are missing: gamma is doubled (that it wins hardly any is no fault: where
  creations are good there is nothing to tell apart);
- creations have collapsed at two looks in a row: back to the last healthy state, with gamma doubled; three times at most.
The overfitting gauge is shift-invariant, since scores of pairs have no zero (Karras et al. 2020, arXiv 2006.06676, eq. 1).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from deepwright.contracts import FittedFeature, Network
from deepwright.core.seeds import derive
from deepwright.data.pack import Packed
from deepwright.draw import Draw
from deepwright.training.averages import weights
from deepwright.training.events import Acted, Checked, Event
from deepwright.training.frozen import frozen_statistics
from deepwright.training.loop import Trainer
from deepwright.verbs.creation.lapse import Lapse
from deepwright.verbs.creation.making import create
from deepwright.verbs.creation.vitals import coarse, groups_of, vitals, words

__all__ = ["Steerable", "Watch"]

MADE, TRAIN = 256, 512  # creations and training rows that are looked at
FEW = 20  # held-out rows below which nothing is judged
OVERFIT, FIT = 0.4, 0.15  # of the gauge: above more rows are changed, below fewer again
WON = 0.97  # of pairs
COLLAPSED = 0.25  # of the best coverage so far
ALIKE = 0.5  # share of creations with a double
BACKS = 3


@runtime_checkable
class Steerable(Protocol):
    """An objective that can be changed while it is learnt with."""

    def raise_share(self, by: float = ...) -> bool: ...
    def scale_gamma(self, times: float) -> bool: ...


class Watch:
    """See the module.

    Args:
        created: the features of what is created. train, held: packed rows. folder: of the run; None: nothing is kept there.
    """

    def __init__(self, created: Mapping[str, FittedFeature], packed: Packed, train: Tensor, held: Tensor, seed: int,
                 folder: Path | None):  # fmt: skip
        self._created, self._packed, self._seed = dict(created), packed, seed
        self._lapse = Lapse(created, seed, folder)
        draw = Draw(derive(seed, "watch"))
        self._train = train[draw.at("train").permutation(len(train))[:TRAIN]]
        self._held = held[draw.at("held").permutation(len(held))[:MADE]]
        self._draw, self._views = draw, None
        self._state: dict[str, Any] = {"best": 0.0, "bad": 0, "won": 0, "backs": 0}

    _views: tuple[Tensor, Tensor, Tensor] | None

    @property
    def calm(self) -> bool:
        return self._state["bad"] == 0

    def state(self) -> dict[str, Any]:
        return dict(self._state)

    def load(self, state: Mapping[str, Any]) -> None:
        self._state = dict(state)

    def each(self, trainer: Trainer) -> Iterator[Event]:
        yield from self._lapse.each(trainer)

    def look(self, trainer: Trainer) -> Iterator[Event]:
        if len(self._held) < FEW or len(self._train) < FEW or not isinstance(trainer.objective, Steerable):
            return
        network, spaces = trainer.network, {name: feature.space for name, feature in self._created.items()}
        count = min(MADE, len(self._train))
        train, held, centres = self._seen(network)
        with weights(network, trainer.live):
            made = create(network, derive(self._seed, "looked at"), 0, count)
        figures = asdict(vitals(coarse(made, spaces), held, train, centres))
        gauges, sure = self._scores(network, count)
        figures |= gauges
        told = words(figures)
        text = " ".join(sentence for sentence, well in told if not well) or "The creations look healthy."
        place = trainer.step, trainer.pace.total, trainer.pace.clock()
        yield Checked(*place, figures, text, all(well for _, well in told))
        for what, sentence in self._acts(trainer, trainer.objective, figures, sure):
            yield Acted(*place, what, f"At step {trainer.step} {sentence}")

    def _seen(self, network: Network) -> tuple[Tensor, Tensor, Tensor]:
        """Coarse views of training and held-out rows, and the centres of groups of training rows."""
        if self._views is None:
            spaces = {name: feature.space for name, feature in self._created.items()}
            device = next(network.parameters()).device
            with frozen_statistics(network), torch.inference_mode():
                z = [network.embed(self._packed.take(rows).to(device).inputs) for rows in (self._train, self._held)]
            train, held = (coarse({n: f.to("cpu") for n, f in one.items()}, spaces) for one in z)
            self._views = (train, held, groups_of(train, self._draw))
        return self._views

    def _scores(self, network: Network, count: int) -> tuple[dict[str, float], bool]:
        """How the discriminator tells apart, and whether the overfitting gauge is more than chance."""
        device = next(network.parameters()).device
        made = create(network, derive(self._seed, "judged"), 0, count)
        with frozen_statistics(network), torch.inference_mode():
            seen = [network.embed(self._packed.take(rows).to(device).inputs) for rows in (self._train, self._held)]
            seen.append({name: field.to(device) for name, field in made.items()})
            scores = [network.body(z) for z in seen]
        if any("score" not in outputs for outputs in scores):
            return {}, False
        train, held, fake = (outputs["score"].values[:, 0].double().cpu() for outputs in scores)
        accuracy = float((train[:, None] > fake).double().mean())
        apart = float(train.mean() - fake.mean())
        over = float(train.mean() - held.mean())
        error = float((train.var() / len(train) + held.var() / len(held)).sqrt())
        gauge = over / apart if apart > 1e-6 else 0.0
        return {"accuracy": accuracy, "overfit": max(-1.0, min(1.0, gauge))}, over > 2 * error

    def _acts(
        self, trainer: Trainer, objective: Steerable, figures: Mapping[str, float], sure: bool
    ) -> Iterator[tuple[str, str]]:
        """What is done, and why, in words."""
        now, floor = self._state, figures["coverage_floor"]
        coverage, won = figures["coverage"], figures.get("accuracy", 0.75)
        collapsed = coverage < COLLAPSED * now["best"] or (now["best"] > 0.2 * floor and figures["duplicates"] > ALIKE)
        now["best"] = max(now["best"], coverage)
        now["bad"] = now["bad"] + 1 if collapsed and now["backs"] < BACKS else 0
        now["won"] = now["won"] + 1 if won > WON and coverage < 0.5 * floor else 0
        if now["bad"] >= 2:
            to = trainer.go_back()
            now |= {"bad": 0, "won": 0, "lost": 0, "backs": now["backs"] + 1}
            objective.scale_gamma(2.0 ** now["backs"])
            yield (
                "roll-back",
                (
                    f"the creations had collapsed ({coverage:.0%} of held-out examples have one like them, {now['best']:.0%} at "
                    f"best). Training went back to the weights of step {to}, with gamma doubled."
                ),
            )
            return
        if figures.get("overfit", 0.0) > OVERFIT and sure and objective.raise_share():
            yield (
                "augmentation",
                "the discriminator learnt training examples by heart: more of them are changed from now on.",
            )
        elif figures.get("overfit", 1.0) < FIT and objective.raise_share(-0.05):
            yield "augmentation", "the discriminator no longer learns by heart: fewer examples are changed from now on."
        if now["won"] >= 2 and objective.scale_gamma(2.0):
            now["won"] = 0
            yield (
                "gamma",
                f"the discriminator won {won:.0%} of pairs and kinds of examples are missing: gamma is doubled.",
            )
