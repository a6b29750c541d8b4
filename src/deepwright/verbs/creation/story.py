"""The story of a network that learnt to create, for its report: what it saw, the time-lapse, its health, what was done."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from deepwright.core.files import write_bytes
from deepwright.core.report import Block, Chart, Grid, Pictures, Series, Text
from deepwright.core.wording import number, plural
from deepwright.data.pack import Packed
from deepwright.data.split import PARTS
from deepwright.spaces import Box
from deepwright.verbs.creation.pictures import sheet
from deepwright.verbs.creation.vitals import words

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["SEEN_FILE", "keep_seen", "shapes", "story_blocks"]

SEEN, SEEN_FILE = 4, "seen.png"
FRAMES = 10  # of the strip
_COLOURS = {1: "grey", 3: "in colour", 4: "in colour and transparent"}


def story_blocks(run: "Run", events: Sequence[Mapping[str, Any]]) -> list[Block]:
    """Blocks for a run that creates; none for any other."""
    if run.task is not None or not run.recipe.creates:
        return []
    checked = [event for event in events if event["event"] == "checked"]
    blocks = [*_seen_blocks(run), *_strip(run, events)]
    if checked:
        last = checked[-1]
        tones = ((text, "plain" if well else "warning") for text, well in words(last["figures"]))
        blocks += [Text(text, tone) for text, tone in tones]  # type: ignore[arg-type]
        blocks += _curves(checked)
    acted = [(number(event["step"]), event["what"], event["text"]) for event in events if event["event"] == "acted"]
    if acted:
        blocks.append(Grid("What the watch over the training did", ("step", "what", "why"), tuple(acted)))
    return blocks


def keep_seen(run: "Run", packed: Packed) -> None:
    """Four training examples as the network sees them, in a file of the run; none where no column is one of pictures."""
    rows = np.flatnonzero(run.parts == PARTS["train"])
    chosen = rows[np.linspace(0, len(rows) - 1, min(SEEN, len(rows))).round().astype(int)]
    inputs = packed.take(torch.from_numpy(chosen)).inputs
    for name, feature in run.created.items():
        if isinstance(feature.space, Box) and len(feature.space.shape) == 3:
            embed = feature.embedder()
            values = inputs[name].values if embed is None else embed(inputs[name].values)
            cells = feature.decode(inputs[name].with_values(values)).to_list()
            write_bytes(run.folder / SEEN_FILE, sheet(cells))
            return


def _seen_blocks(run: "Run") -> list[Block]:
    path = run.folder / SEEN_FILE
    if not path.exists():
        return []
    image = "data:image/png;base64," + b64encode(path.read_bytes()).decode("ascii")
    alt = "Four training examples as the network sees them"
    return [Pictures("As the network sees them", (image,), ("training examples",), (alt,), f"{shapes(run)}.", raw=True)]


def shapes(run: "Run") -> str:
    """What creations will be, in words."""
    parts, rest = {}, []
    for name, one in run.created.items():
        if isinstance(one.space, Box) and len(one.space.shape) == 3:
            height, width, channels = one.space.shape
            parts[name] = f"{height} × {width} pixels, {_COLOURS.get(channels, f'{channels} channels')}"
        else:
            rest.append(name)
    several = "; ".join(f"'{name}': {size}" for name, size in parts.items())
    pictures = (
        "" if not parts else f"pictures ({several})" if len(parts) > 1 else f"pictures of {next(iter(parts.values()))}"
    )
    rows = f"rows of {plural(len(rest), 'column')}" if rest else ""
    return f"Creations are {' with '.join(filter(None, (pictures, rows)))}"


def _strip(run: "Run", events: Sequence[Mapping[str, Any]]) -> list[Block]:
    """The time-lapse."""
    drawn = [event for event in events if event["event"] == "rendered" and (run.folder / event["file"]).exists()]
    if len(drawn) < 2:
        return []
    places = sorted({round(k * (len(drawn) - 1) / (FRAMES - 1)) for k in range(FRAMES)})
    frames = [drawn[place] for place in places]
    images = tuple(
        "data:image/png;base64," + b64encode((run.folder / event["file"]).read_bytes()).decode("ascii")
        for event in frames
    )
    captions = tuple(f"step {number(event['step'])}" for event in frames)
    alts = tuple(f"Creations of the same seeds after {event['step']} steps" for event in frames)
    return [Pictures("Time-lapse", images, captions, alts, "The same seeds all along, with averaged weights.")]


def _curves(checked: Sequence[Mapping[str, Any]]) -> list[Block]:
    if len(checked) < 2:
        return []
    steps = tuple(float(event["step"]) for event in checked)

    def line(name: str, label: str) -> Series:
        return Series(label, steps, tuple(float(event["figures"].get(name) or 0.0) for event in checked))

    end = checked[-1]["figures"]
    lines = [line("coverage", "held-out examples covered"), line("coverage_floor", "by training examples")]
    lines += [line("copies", "copies"), line("duplicates", "duplicates")]
    charts = [Chart("Health of the creations", f"Shares over training; coverage ends at {end['coverage']:.0%}.", "line", tuple(lines), "step", "share")]  # fmt: skip
    if "accuracy" in end:
        two = (line("accuracy", "pairs told apart"), line("overfit", "training told from validation"))
        charts.append(Chart("Health of the discriminator", f"Shares over training; pairs end at {end['accuracy']:.0%}.", "line", two, "step", "share"))  # fmt: skip
    return list(charts)
