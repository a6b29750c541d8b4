"""Restyle: a picture in the style of another, as a file that carries its record, beside figures of what moved over."""

import base64
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from deepwright import __version__
from deepwright.core.errors import InputError, RecipeError
from deepwright.core.files import refuse_existing, write_bytes, write_text
from deepwright.core.report import Block, Grid, Headline, Pictures, Report, Text
from deepwright.core.wording import number
from deepwright.draw import Draw
from deepwright.models.layers.colours import layout, recoloured
from deepwright.models.layers.patches import filters, floor, patch_distance, projected, stride_for
from deepwright.verbs.creation.pictures import still
from deepwright.verbs.restyle.eyes import eyes_of
from deepwright.verbs.restyle.laying import laid
from deepwright.verbs.restyle.matching import transferred
from deepwright.verbs.restyle.reading import Picture, as_bytes, read
from deepwright.verbs.restyle.scales import scaled_to, sides
from deepwright.verbs.restyle.seeing import Seen
from deepwright.verbs.restyle.settings import Knobs

__all__ = [
    "ENDS",
    "FORMAT",
    "Figures",
    "Told",
    "Wish",
    "check_place",
    "measured",
    "png",
    "restyle",
    "shown",
    "write_page",
]

FORMAT = 1
ENDS = (".png", ".webp")
_MEASURING, _LOOKED_AT = 64, 16_384  # filters, and patches, of the figures
_SHOWN = 480  # pixels of pictures in the report

Told = Callable[[str, float, str], None]


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Args:
        out: None: CONTENT-as-STYLE.png in the working folder. record: the file carries how it was made.
        features: the folder of a run that answers from pictures, or a file of weights: what such a network sees is compared too.
    """

    content: Path
    style: Path
    out: Path | None = None
    knobs: Knobs = field(default_factory=Knobs)
    seed: int = 0
    record: bool = True
    force: bool = False
    features: Path | None = None

    @property
    def place(self) -> Path:
        return self.out or Path(f"{self.content.stem}-as-{self.style.stem}.png")


@dataclass(frozen=True)
class Figures:
    """What moved over and what stayed.

    Args:
        before, after: patch distance of content and result from the style. recoloured: of the content in the style's
            colours alone. floor: between halves of the style.
        layout: correlation of the result's blurred brightness with the content's; control: of the style's with it. None
            where a picture is of one brightness.
    """

    before: float
    recoloured: float
    after: float
    floor: float | None
    layout: float | None
    control: float | None

    def to_dict(self) -> dict[str, Any]:
        distance = {"before": self.before, "recoloured": self.recoloured, "after": self.after, "floor": self.floor}
        return {"distance": distance, "layout": {"result": self.layout, "style": self.control}}


def restyle(wish: Wish, told: Told = lambda what, share, words: None) -> Report:
    """Make the picture, write it, and say what moved over.

    Args:
        told: hears what is being done, the share that is done, and how far it is in words.

    Raises:
        RecipeError: knobs that do not go together. DataError: a picture cannot be used. InputError: the result cannot be written as such a file. OutputExists.
    """
    place, knobs = wish.place, _settled(wish)
    wish = replace(wish, knobs=knobs)
    check_place(place, wish.force)
    seen = None if wish.features is None else Seen(eyes_of(wish.features))
    content, style = (read(path, knobs.size, knobs.patch) for path in (wish.content, wish.style))
    began, total = time.perf_counter(), 0

    def tell(done: int, all_: int, share: float) -> None:
        nonlocal total
        total = all_
        left = (time.perf_counter() - began) * (1 - share) / share
        told("restyling", share, f"step {done} of {total}, {left:.0f} s left")

    if knobs.method == "sliced":
        made = transferred(content.values, style.values, knobs, wish.seed, tell, seen)
    else:
        made = laid(content.values, style.values, knobs, wish.seed, tell)
    seconds = time.perf_counter() - began
    pixels = as_bytes(made, content.alpha)
    record = _record(wish, content, style, seen) if wish.record else None
    write_bytes(place, still(png(pixels), place.suffix.lower(), record))
    figures = measured(content.values, made, style.values, knobs, wish.seed)
    height, width = content.size
    data = {
        "version": 1, "file": str(place), "width": width, "height": height, "seed": wish.seed, "knobs": knobs.model_dump(),
        "steps": total, "seconds": seconds, "record": record, **figures.to_dict(), "notes": _notes(wish, content, style),
        "seen": None if seen is None else _seen(seen, content.values, made, style.values, knobs, wish.seed),
    }  # fmt: skip
    return Report("restyle", f"{wish.content.name} in the style of {wish.style.name}", data,
                  tuple(_blocks(data, figures, [content.values, style.values], pixels)))  # fmt: skip


def _settled(wish: Wish) -> Knobs:
    """The knobs with nothing left open.

    Raises:
        RecipeError: what a network sees shall be matched by a method that looks at pixels only; a knob of the other method.
    """
    knobs = wish.knobs
    if wish.features is not None:
        if knobs.method == "nearest" and "method" in knobs.model_fields_set:
            raise RecipeError(
                "method=nearest lays patches of pixels; what a network sees (features) needs method=sliced."
            )
        knobs = knobs.model_copy(update={"method": "sliced"})
    lost = [name for name in ("filters", "rate") if knobs.method == "nearest" and name in knobs.model_fields_set]
    if lost:
        raise RecipeError(f"{lost[0]} does nothing with method=nearest; it belongs to method=sliced.")
    return knobs.model_copy(update={"steps": knobs.rounds, "coarsest": knobs.smallest})


def measured(content: Tensor, made: Tensor, style: Tensor, knobs: Knobs, seed: int) -> Figures:
    """The figures, by filters that the search has not seen, as the mean over its scales."""
    directions = filters(Draw(seed).of("restyle").at("measure"), _MEASURING, knobs.patch)
    with torch.no_grad():
        rows = [_distances((content, recoloured(content, style), made), style, side, directions)
                for side in sides(content, knobs)]  # fmt: skip
        before, colours, after, apart = np.asarray(rows).mean(0).tolist()
        shape = (content.shape[-2], content.shape[-1])
        other = interpolate(style, size=shape, mode="bicubic", antialias=True, align_corners=False)
        kept, control = (_correlation(layout(content, knobs.patch), layout(one, knobs.patch)) for one in (made, other))
    return Figures(before, colours, after, None if np.isnan(apart) else apart, kept, control)


def _seen(seen: Seen, content: Tensor, made: Tensor, style: Tensor, knobs: Knobs, seed: int) -> dict[str, float]:
    """How far from the style what the network sees is, at full size: of the content, of it in the style's colours, of the result."""
    model, draw = scaled_to(style, max(content.shape[-2:]), knobs.patch), Draw(seed).of("restyle", "seen")
    with torch.no_grad():
        wanted = seen.wanted(model)
        pictures = {"before": content, "recoloured": recoloured(content, style), "after": made}
        return {name: float(seen.apart(one, wanted, draw, _MEASURING)) for name, one in pictures.items()}


def _distances(pictures: tuple[Tensor, ...], style: Tensor, side: int, directions: Tensor) -> list[float]:
    """Of each picture from the style, and of the style's halves from each other, at one scale."""
    patch, model = directions.shape[-1], scaled_to(style, side, directions.shape[-1])
    stride = stride_for(model, patch, _LOOKED_AT)
    wanted, found = projected(model, directions, stride), []
    for one in pictures:
        small = scaled_to(one, side)
        ours = projected(small, directions, stride_for(small, patch, _LOOKED_AT))
        found.append(float(patch_distance(ours, wanted)))
    return [*found, float(floor(model, directions, stride))]


def _correlation(ours: Tensor, theirs: Tensor) -> float | None:
    a, b = (one.double().flatten() - one.double().mean() for one in (ours, theirs))
    lengths = float(a.norm() * b.norm())
    return None if lengths < 1e-9 else float(a @ b) / lengths


def check_place(place: Path, force: bool) -> None:
    """Raises InputError: no file of such a name can be written. OutputExists."""
    if place.is_dir():
        raise InputError(f"{place} is a folder; name a file in it, such as -o {place / 'restyled.png'}.")
    if place.suffix.lower() not in ENDS:
        raise InputError(
            f"{place.name}: a restyled picture is written as {' or '.join(ENDS)}; give such a name with -o."
        )
    refuse_existing(place, force)


def _record(wish: Wish, content: Picture, style: Picture, seen: Seen | None) -> dict[str, Any]:
    """How the file was made: no paths, no names, no data."""
    return {
        "format": FORMAT, "verb": "restyle", "deepwright": __version__, "torch": torch.__version__,
        "cpu": platform.machine(), "threads": torch.get_num_threads(), "content": content.hash, "style": style.hash,
        "seed": wish.seed, "knobs": wish.knobs.model_dump(), **({} if seen is None else {"features": seen.hash}),
    }  # fmt: skip


def _notes(wish: Wish, content: Picture, style: Picture) -> list[str]:
    notes = []
    if content.alpha is not None:
        notes.append(f"{wish.content.name} is transparent in places; so is the result.")
    if style.alpha is not None:
        notes.append(f"{wish.style.name} is transparent in places; it was laid over white.")
    if wish.knobs.size > max(content.full) and "size" in wish.knobs.model_fields_set:
        notes.append(f"{wish.content.name} has {max(content.full)} pixels along its longer side; it is not enlarged.")
    if float(style.values.flatten(2).std(2).max()) < 1 / 255:
        notes.append(f"{wish.style.name} is of one colour; there is no style to take over but that.")
    return notes


def _blocks(data: dict[str, Any], figures: Figures, pictures: list[Tensor], made: np.ndarray) -> list[Block]:
    captions = ("content", "style", "result")
    images = (*(shown(as_bytes(one)) for one in pictures), shown(made))
    known = "" if figures.floor is None else f"; the style's own halves are {number(figures.floor)} apart"
    blocks: list[Block] = [
        Headline("patch distance", number(figures.after), f"before {number(figures.before)}{known}"),
        Headline("size", f"{data['width']} × {data['height']}", f"pixels; {data['seconds']:.0f} s"),
    ]
    if figures.layout is not None:
        control = "" if figures.control is None else f"; the style picture itself {figures.control:.2f}"
        blocks.append(Headline("layout kept", f"{figures.layout:.2f}", f"correlation of blurred brightness{control}"))
    blocks += [Text(note, "warning") for note in data["notes"]]
    blocks.append(Pictures("Content, style, result", images, captions, captions, raw=True))
    rows = [("content", figures.before), ("content in the style's colours", figures.recoloured),
            ("result", figures.after), ("halves of the style", figures.floor)]  # fmt: skip
    note = (
        "Sliced Wasserstein distance of raw patches (Elnekave & Weiss 2022), mean over all scales, by filters the search has "
        "not seen; the halves of the style are how near anything in its style can be expected to come."
    )
    blocks.append(Grid("Distance from the style's patches", ("picture", "distance"), tuple(rows), note))
    if data["seen"] is not None:
        known = {"before": "content", "recoloured": "content in the style's colours", "after": "result"}
        rows = [(words, data["seen"][name]) for name, words in known.items()]
        note = "Sliced Wasserstein distance of what its convolutions hold, in deviations of the style's, mean over resolutions."
        blocks.append(
            Grid("Distance from what the network sees of the style", ("picture", "distance"), tuple(rows), note)
        )
    blocks.append(Text(f"Written: {data['file']}."))
    return blocks


def png(pixels: np.ndarray) -> bytes:
    """A PNG file of (H, W, 3 or 4) bytes."""
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def shown(pixels: np.ndarray) -> str:
    """A picture as a data URI, of at most 480 pixels."""
    image, out = Image.fromarray(pixels), BytesIO()
    image.thumbnail((_SHOWN, _SHOWN))
    image.save(out, "PNG")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


def write_page(report: Report, path: Path) -> None:
    """The report as one offline page."""
    from deepwright.page.page import page

    write_text(path, page(path.stem, [report], {"seed": str(report.data["seed"])}))
