"""A person's own picture as a stored latent, and what is told of how near it came."""

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import torch

from deepwright.core.errors import OutputExists, RecipeError
from deepwright.core.report import Block, Pictures, Text
from deepwright.core.wording import number
from deepwright.fields import Fields
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.creation.inversion import Inversion, check_latents, invert, read_example
from deepwright.verbs.creation.making import decode
from deepwright.verbs.creation.shelf import Shelf, Stored, checked_name
from deepwright.verbs.extractors import encoded

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["inversion_of"]


def inversion_of(
    run: "Run", path: Path, name: str | None, seed: int, force: bool, wish: Fields
) -> tuple[Stored, list[Block]]:
    """The stored latent of a file, and blocks that show it beside the file.

    Args:
        name: of the latent; None: the file's own, as far as it is a name. wish: what it shows, for runs that learnt labels.

    Raises:
        DataError: the file cannot be read. OutputExists: the name is taken. Refused: there are no latents.
    """
    check_latents(run)
    shelf, name = Shelf(run), checked_name(name) if name is not None else _own_name(path)
    example = read_example(run, path)
    missing = [condition for condition in run.network.conditions if condition not in wish]
    if missing:
        raise RecipeError(
            f"--invert: this run learnt labels; say what {path.name} shows: --label LABEL (of '{missing[0]}')."
        )
    if name in shelf.names("latents") and not force:
        raise OutputExists(
            f"The run {run.name} has a latent '{name}' already; nothing was changed. Make it again with --at {name}, replace it "
            "with --force, or give another --name."
        )
    found = invert(run, example, seed, wish=wish)
    stored = shelf.keep("latents", name, found.latent, {"errors": dict(found.errors), "seed": seed}, force=True)
    return stored, _told(run, stored, found, example, wish)


def _own_name(path: Path) -> str:
    name = "".join(sign if sign.isalnum() or sign in "_-" else "-" for sign in path.stem)[:60]
    return name if name[:1].isalpha() else f"picture-{name}"[:60]


def _told(run: "Run", stored: Stored, found: Inversion, example: pl.DataFrame, wish: Fields) -> list[Block]:
    errors = {key: number(value) for key, value in found.errors.items()}
    worth = found.errors["found"] < 0.9 * found.errors["drawn"]
    text = (
        f"'{stored.name}': root mean square difference {errors['found']}; the nearest of {found.drawn} creations at random: "
        f"{errors['drawn']}."
    )
    if not worth:
        text += " The search found little better than chance: the network has not learnt to make this."
    blocks: list[Block] = [Text(text, "plain" if worth else "warning")]
    with frozen_statistics(run.network), torch.inference_mode():
        made = decode(
            run, {n: field.to("cpu") for n, field in run.network.from_latents(found.latent[None], wish).items()}
        )
    for column, kind in made.schema.items():
        if kind == pl.Binary:
            seen = decode(run, encoded(run, example.select(column)))
            shown = run.features[column].show
            images = (*shown(seen[column]), *shown(made[column]))
            captions = ("as the network sees it", "the nearest creation")
            blocks.append(Pictures(f"Inverted: {column}", images, captions, captions, raw=True))
    return blocks
