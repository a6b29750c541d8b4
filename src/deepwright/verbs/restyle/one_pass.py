"""Restyling with a run of the model stylist: any pictures, of any size, one pass of its network each."""

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from pydantic import Field as Setting
from torch import Tensor

from deepwright import __version__
from deepwright.contracts import Restyles
from deepwright.core.config import Config
from deepwright.core.errors import DataError, InputError, Refused
from deepwright.core.files import file_hash, refuse_existing, write_bytes
from deepwright.core.report import Block, Grid, Headline, Pictures, Report, Text
from deepwright.core.wording import number, plural
from deepwright.data.sources.paths import PICTURES
from deepwright.draw import Draw
from deepwright.models.layers.colours import brightness
from deepwright.run import Run
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.creation.pictures import still
from deepwright.verbs.creation.recall import run_hash
from deepwright.verbs.restyle.reading import Picture, as_bytes, read
from deepwright.verbs.restyle.restyle import ENDS, FORMAT, Figures, Told, check_place, measured, png, shown
from deepwright.verbs.restyle.settings import Knobs

__all__ = ["Pass", "PassKnobs", "restyle_with"]

_LEAST = 8  # pixels of a picture's sides
_MEASURED = 8  # pictures of which figures and previews are given


class PassKnobs(Config):
    """How a picture is restyled in one pass.

    Args:
        size: the longer side of the result in pixels; pictures are never enlarged. The smaller, the larger strokes are in it.
    """

    size: int = Setting(1024, ge=16, le=8192)


@dataclass(frozen=True)
class Pass:
    """What is asked for.

    Args:
        contents: pictures, and folders of them. run: the folder of the run.
        out: a file for one picture, a folder for several; None: PICTURE-as-RUN.png, or the folder as-RUN, here.
        record: files carry how they were made.
    """

    contents: tuple[Path, ...]
    run: Path
    out: Path | None = None
    knobs: PassKnobs = field(default_factory=PassKnobs)
    seed: int = 0
    record: bool = True
    force: bool = False


@dataclass(frozen=True)
class _Made:
    """A picture that was restyled. Args: pixels: of the result, small, for the report, like `before`."""

    content: Path
    file: Path
    size: tuple[int, int]
    seconds: float
    before: str | None
    pixels: str | None
    figures: Figures | None


def restyle_with(wish: Pass, told: Told = lambda what, share, words: None) -> Report:
    """Restyle the pictures, write them, and say what moved over.

    Args:
        told: hears what is being done, the share that is done, and how far it is in words.

    Raises:
        Refused: the run is none of the model stylist. DataError: no picture can be used. InputError, OutputExists: the place.
    """
    run = Run.load(wish.run)
    if not isinstance(run.network, Restyles):
        kind = run.recipe.model.kind  # type: ignore[union-attr]
        raise Refused(
            f"--with: the run {run.name} is one of the model '{kind}', which restyles nothing. Train one that does: deepwright "
            "train PHOTOS --style PAINTING."
        )
    places = list(_places(wish, run.name))
    for _, file in places:
        refuse_existing(file, wish.force)
    made, failed = [], []
    for at, (content, file) in enumerate(places):
        told("restyling", at / len(places), content.name)
        try:
            made.append(_one(wish, run, content, file, at < _MEASURED))
        except DataError as error:
            if len(places) == 1:
                raise
            failed.append(str(error))
    if not made:
        raise DataError("\n".join(failed[:3]))
    return _report(wish, run, made, failed)


def _places(wish: Pass, name: str) -> Iterator[tuple[Path, Path]]:
    """Each picture, and the file its result goes to.

    Raises:
        DataError: a folder without pictures, or nothing there. InputError: no such place can be written to.
    """
    found: list[tuple[Path, Path]] = []
    for content in wish.contents:
        if not content.is_dir():
            found.append((content, Path(content.name)))
            continue
        inside = [path for path in sorted(content.rglob("*")) if path.suffix.lower() in PICTURES and path.is_file()]
        if not inside:
            raise DataError(f"The folder {content} holds no pictures ({', '.join(PICTURES)}).")
        found += [(path, path.relative_to(content)) for path in inside if not path.name.startswith(".")]
    if len(found) == 1 and len(wish.contents) == 1 and not wish.contents[0].is_dir():
        file = wish.out or Path(f"{found[0][0].stem}-as-{name}.png")
        if not file.is_dir() and file.suffix:
            check_place(file, wish.force)
            yield found[0][0], file
            return
    folder = wish.out or Path(f"as-{name}")
    if folder.suffix.lower() in ENDS or folder.is_file():
        raise InputError(f"{folder}: several pictures go to a folder; name one with -o, such as -o {folder.stem}.")
    taken: set[Path] = set()
    for content, place in found:
        file = place.with_suffix(".png")
        if file in taken:  # a.jpg beside a.png
            file = place.with_name(f"{place.name}.png")
        taken.add(file)
        yield content, folder / file


def _one(wish: Pass, run: Run, content: Path, file: Path, measure: bool) -> _Made:
    picture = read(content, wish.knobs.size, _LEAST)
    began = perf_counter()
    made = _passed(run, picture.values, wish.seed)
    seconds = perf_counter() - began
    pixels = as_bytes(made, picture.alpha)
    record = _record(wish, run, picture) if wish.record else None
    file.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(file, still(png(pixels), file.suffix.lower(), record))
    if not measure:
        return _Made(content, file, picture.size, seconds, None, None, None)
    figures = _figures(run, picture, made, wish.seed)
    return _Made(content, file, picture.size, seconds, shown(as_bytes(picture.values)), shown(pixels), figures)


def _passed(run: Run, values: Tensor, seed: int) -> Tensor:
    """(1, 3, H, W) the picture in the run's style."""
    network = run.network
    assert isinstance(network, Restyles)
    grey = network.style.shape[1] == 1
    with frozen_statistics(network), torch.inference_mode():
        begun = network.begun(brightness(values) if grey else values)
        draw = Draw(seed).of("restyle").keyed(torch.zeros(1, dtype=torch.int64))
        return network.restyled(begun, draw).clamp(0, 1).expand(1, 3, -1, -1).clone()


def _figures(run: Run, picture: Picture, made: Tensor, seed: int) -> Figures | None:
    """What moved over; None where the picture is too small to be compared."""
    knobs = Knobs()
    if min(picture.size) < knobs.patch:
        return None
    style = run.network.style.expand(1, 3, -1, -1)  # type: ignore[union-attr, operator]
    return measured(picture.values, made, style, knobs, seed)


def _record(wish: Pass, run: Run, picture: Picture) -> dict[str, Any]:
    """How the file was made: no paths, no names, no data."""
    return {
        "format": FORMAT, "verb": "restyle", "deepwright": __version__, "torch": torch.__version__,
        "cpu": platform.machine(), "threads": torch.get_num_threads(), "content": picture.hash, "run": run_hash(run.folder),
        "weights": file_hash(run.folder / "weights.safetensors"), "seed": wish.seed, "knobs": wish.knobs.model_dump(),
    }  # fmt: skip


def _report(wish: Pass, run: Run, made: Sequence[_Made], failed: Sequence[str]) -> Report:
    rows = [
        {
            "content": str(one.content), "file": str(one.file), "width": one.size[1], "height": one.size[0],
            "seconds": one.seconds, **({} if one.figures is None else one.figures.to_dict()),
        }
        for one in made
    ]  # fmt: skip
    seconds = sum(one.seconds for one in made)
    data = {
        "version": 1, "run": run.name, "seed": wish.seed, "knobs": wish.knobs.model_dump(), "made": rows,
        "failed": list(failed), "seconds": seconds,
    }  # fmt: skip
    known = [one.figures for one in made if one.figures is not None]
    blocks: list[Block] = [Headline("restyled", plural(len(made), "picture"), f"{seconds:.1f} s in the network")]
    if known:
        before, after = (float(np.mean([getattr(one, name) for one in known])) for name in ("before", "after"))
        blocks.append(Headline("patch distance", number(after), f"before {number(before)}; mean of {len(known)}"))
    blocks += [Text(text, "warning") for text in failed]
    if run.remark is not None:
        blocks.append(Text(run.remark, "warning"))
    images = [(one.content.name, image, words) for one in made if one.before is not None and one.pixels is not None
              for image, words in ((one.before, "content"), (one.pixels, "result"))]  # fmt: skip
    blocks.append(
        Pictures(
            "Contents and results",
            tuple(image for _, image, _ in images),
            tuple(f"{name}, {words}" for name, _, words in images),
            tuple(f"{name}, {words}" for name, _, words in images),
            raw=True,
        )
    )
    blocks.append(_grid(made))
    where = (
        str(made[0].file) if len(made) == 1 else f"{plural(len(made), 'picture')} in {wish.out or made[0].file.parent}"
    )
    blocks.append(Text(f"Written: {where}."))
    return Report("restyle", f"Restyled with {run.name}", data, tuple(blocks))


def _grid(made: Sequence[_Made]) -> Grid:
    rows = [
        (one.content.name, f"{one.size[1]} × {one.size[0]}", f"{one.seconds:.1f} s",
         *(("–",) * 3 if one.figures is None else (number(one.figures.before), number(one.figures.after), _layout(one.figures))))
        for one in made[:_MEASURED]
    ]  # fmt: skip
    note = (
        "Distance: sliced Wasserstein distance of raw patches from the style's (Elnekave & Weiss 2022). Layout: correlation of "
        "blurred brightness with the content's."
    )
    return Grid("Pictures", ("picture", "size", "time", "distance before", "after", "layout kept"), tuple(rows), note)


def _layout(figures: Figures) -> str:
    return "–" if figures.layout is None else f"{figures.layout:.2f}"
