"""Direction: what `generate --edit` moves creations along, found by a classifier, by examples, or from the network alone."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import torch
from pydantic import Field as Setting

from deepwright import registries
from deepwright.core.config import Config
from deepwright.core.errors import OutputExists, RecipeError, Refused
from deepwright.core.report import Block, Grid, Headline, Pictures, Report, Text
from deepwright.core.wording import number
from deepwright.draw import Draw
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.creation.directions import Found, first_layer, made_from, principal, sampled, towards
from deepwright.verbs.creation.labelled import judge_of, stored_name
from deepwright.verbs.creation.making import Maker, decode, joined
from deepwright.verbs.creation.scorers import Score, between_sets, label_score
from deepwright.verbs.creation.shelf import Shelf, Stored, checked_name
from deepwright.verbs.creation.state import Edit, State

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Direction"]

AMOUNTS = (-3.0, -1.5, 0.0, 1.5, 3.0)
SHOWN, JUDGED = 3, 64
WEAK = 0.3  # correlation below which a direction says little


@registries.verbs.register
class Direction(Config):
    """Find directions for `generate --edit` and store them in the run.

    Args:
        name: under which it is stored; several are NAME-1, NAME-2 …
        label: "RUN2:label", where RUN2 is a run that answers: the direction along which its score for the label rises.
        examples: two sources, without and with what is meant: the direction from the first to the second.
        pca: so many principal components of creations. sefa: so many of the strongest inputs of the first layer.
        samples: creations that are looked at. seed: of their latents. force: replace directions of the same name.
    """

    kind: Literal["direction"] = "direction"
    name: str | None = None
    label: str | None = None
    examples: tuple[str, str] | None = None
    pca: int | None = Setting(None, ge=1, le=64)
    sefa: int | None = Setting(None, ge=1, le=64)
    samples: int = Setting(1024, ge=32, le=20_000)
    seed: int = Setting(0, ge=0)
    force: bool = False

    def check(self, run: "Run") -> None:
        """Raises Refused: the run cannot create, or not from latents. RecipeError: it is not said how."""
        model = run.recipe.model
        if model is None or model.learns != "inputs":
            raise Refused(f"The run {run.name} answers, it does not create; directions are those of runs that create.")
        if (
            model.build(run.features, {}, 1, run.recipe.conditions).latent is None
        ):  # trained or not, of however many rows
            raise Refused(f"The run {run.name} does not make its creations from latents: it has no directions.")
        ways = [flag for flag in ("label", "examples", "pca", "sefa") if getattr(self, flag) is not None]
        if len(ways) > 1:
            names = " and ".join(f"--{'from' if flag == 'label' else flag}" for flag in ways)
            raise RecipeError(f"{names}: a direction is found in one way; give one of them.")
        if self.examples is not None and self.name is None:
            raise RecipeError("--examples: give the direction a name, such as --name smile.")

    def __call__(self, run: "Run") -> Report:
        """Without any way: a principal component. Raises as `check`, and RecipeError, DataError, OutputExists."""
        self.check(run)
        names = self._names(run)
        shelf = Shelf(run)
        taken = sorted(set(names) & set(shelf.names("directions")))
        if taken and not self.force:
            raise OutputExists(
                f"The run {run.name} has a direction '{taken[0]}' already; nothing was changed. Use --force to replace it, or "
                "another --name."
            )
        found, how, score, notes = self._found(run)
        stored = [
            shelf.keep("directions", name, one.vector, {"how": how, "figure": one.figure}, force=True)
            for name, one in zip(names, found, strict=False)
        ]
        return _report(run, stored, found, how, score, notes, self.seed)

    def _names(self, run: "Run") -> list[str]:
        if self.label is not None:
            return [checked_name(self.name or stored_name(self.label))]
        if self.examples is not None:
            return [checked_name(self.name or "")]
        kind, count = ("sefa", self.sefa) if self.sefa is not None else ("pca", self.pca or 1)
        stem = checked_name(self.name or kind)
        return [stem] if count == 1 and self.name else [f"{stem}-{place + 1}" for place in range(count)]

    def _found(self, run: "Run") -> tuple[list[Found], str, Score | None, list[tuple[str, bool]]]:
        """Directions, how they were found, what scores creations, and notes (text, whether it is a warning)."""
        if self.label is not None:
            judge, label = judge_of(self.label)
            score = label_score(run, judge, label)
            found = towards(sampled(run, self.seed, self.samples, score))
            return [found], f"the score of '{label}' by the run {judge.name}", score, _strength(found)
        if self.examples is not None:
            score, figures = between_sets(run, *self.examples)
            found = towards(sampled(run, self.seed, self.samples, score))
            apart = f"{100 * figures['told_apart']:.0f} % of the {figures['first'] + figures['second']:.0f} examples"
            note = (f"Left out one by one, {apart} are told to be of the right kind.", figures["told_apart"] < 0.75)
            return [found], "examples without and with what is meant", score, [note, *_strength(found)]
        if self.sefa is not None:
            return first_layer(run, self.sefa), "the first layer's strongest inputs (SeFa)", None, []
        return (
            principal(sampled(run, self.seed, self.samples), self.pca or 1),
            "principal components of creations",
            None,
            [],
        )


def _strength(found: Found) -> list[tuple[str, bool]]:
    figure = f"Correlation of the direction with the score on creations it was not fitted on: {found.figure:.2f}"
    if found.figure < WEAK:
        return [(f"{figure}. That is little: moving along it may change something else.", True)]
    return [(f"{figure}.", False)]


def _report(
    run: "Run", stored: Sequence[Stored], found: Sequence[Found], how: str, score: Score | None,
    notes: Sequence[tuple[str, bool]], seed: int,
) -> Report:  # fmt: skip
    data: dict[str, Any] = {
        "version": 1, "run": run.name, "how": how, "seed": seed,
        "directions": [{"name": one.name, "key": one.key, "figure": f.figure} for one, f in zip(stored, found, strict=True)],
    }  # fmt: skip
    blocks: list[Block] = [Headline("stored", ", ".join(one.name for one in stored), f"from {how}")]
    blocks += [Text(text, "warning" if warns else "plain") for text, warns in notes]
    if score is None:
        rows = tuple((one.name, f"{100 * f.figure:.1f} %") for one, f in zip(stored, found, strict=True))
        numbers = math.prod(stored[0].vector.shape)
        even = f"Spread evenly over the {numbers} numbers of a latent, each would have {100 / numbers:.2g} %."
        blocks.append(Grid("How much each explains", ("direction", "share of variance"), rows, even))
    else:
        rows, effect = _effects(run, stored[0], score)
        data["effect"] = effect
        blocks.append(
            Grid(
                "What moving along it does to the score", ("amount", stored[0].name, "a random direction"), rows,
                f"Mean score of {JUDGED} creations, moved by so many standard deviations; the random direction is the control.",
            )
        )  # fmt: skip
    for one in stored[:4]:
        blocks += _moved(run, one)
    blocks.append(
        Text(
            f"What it changes is shown in {run.folder / 'report.html'}. Use it: deepwright generate {run.folder} --edit {stored[0].name}=+2"
        )
    )
    return Report("direction", "Directions to move creations along", data, tuple(blocks))


def _effects(run: "Run", one: Stored, score: Score) -> tuple[tuple[tuple[str, ...], ...], dict[str, list[float]]]:
    """Mean scores along the direction and along a random one of the same length."""
    chance = Draw(0).at("control").normal(1, one.vector.numel())[0].reshape(one.vector.shape)
    control = chance / chance.norm()
    effect: dict[str, list[float]] = {"amounts": list(AMOUNTS), "direction": [], "random": []}
    network = run.network
    with frozen_statistics(network), torch.inference_mode():
        draw = Draw(1).of("directions").keyed(torch.arange(JUDGED))
        latents = network.latents(JUDGED, draw).cpu()
        for amount in AMOUNTS:
            for name, vector in (("direction", one.vector), ("random", control)):
                made = decode(run, joined(list(made_from(network, latents + amount * vector, draw))))
                effect[name].append(float(score(made).mean()))
    rows = zip(AMOUNTS, effect["direction"], effect["random"], strict=True)
    return tuple((f"{amount:+g}", number(a), number(b)) for amount, a, b in rows), effect


def _moved(run: "Run", one: Stored) -> list[Block]:
    """The first creations of seed 0, each moved to and fro."""
    frames = []
    for amount in AMOUNTS:
        state = State(edits=(Edit(direction=one.key, amount=amount),))
        frames.append(decode(run, joined([z for _, z in Maker(run, state).pieces(range(SHOWN))])))
    whole = pl.concat([frames[place][row] for row in range(SHOWN) for place in range(len(AMOUNTS))])
    files = [name for name, kind in whole.schema.items() if kind == pl.Binary]
    signs = tuple(f"{amount:+g}" if amount else "0" for amount in AMOUNTS)
    blocks: list[Block] = []
    for name in files:
        images = run.features[name].show(whole[name])
        for row in range(SHOWN):  # a block each, so that one creation stays on one line
            alts = tuple(f"Creation {row}, moved by {sign} along {one.name}" for sign in signs)
            own = tuple(images[row * len(AMOUNTS) : (row + 1) * len(AMOUNTS)])
            blocks.append(Pictures(f"Creation {row} along {one.name}", own, signs, alts))
    rest = whole.drop([*files, *(name for name in run.recipe.conditions if name in whole.columns)])
    if rest.width:
        captions = [f"{row}: {sign}" for row in range(SHOWN) for sign in signs]
        cells = rest.select(pl.all().cast(pl.String).fill_null(""))
        rows = tuple((caption, *cell) for caption, cell in zip(captions, cells.iter_rows(), strict=True))
        blocks.append(Grid(f"Along {one.name}", ("", *cells.columns), rows))
    return blocks
