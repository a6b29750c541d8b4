"""The story of a network that learnt to create, for its report: what it saw, the time-lapse, its health, what was done."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from deepwright.core.errors import DataError, RunError
from deepwright.core.report import Block, Chart, Grid, Pictures, Series, Text
from deepwright.core.wording import number
from deepwright.data.split import PARTS
from deepwright.verbs.creation.vitals import words

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["seen", "story_blocks"]

SEEN = 4
FRAMES = 10  # of the strip


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


def seen(run: "Run") -> dict[str, list[str]]:
    """Four training examples as the network sees them, by column: data URIs of pictures, or cells.

    Raises:
        RunError, DataError: the data is gone or changed.
    """
    rows = np.flatnonzero(run.parts == PARTS["train"])
    chosen = rows[np.linspace(0, len(rows) - 1, min(SEEN, len(rows))).round().astype(int)]
    table = run.training_data().table.take(chosen.tolist(), list(run.created))
    network = run.fresh_network()
    found: dict[str, list[str]] = {}
    z = network.embed({name: run.features[name].encode(table[name]) for name in run.created})
    for name, feature in run.created.items():
        if name not in z or z[name].values.dim() < 3:
            found[name] = [str(cell) for cell in table[name].to_list()]
            continue
        found[name] = feature.show(feature.decode(z[name]))
    return found


def _seen_blocks(run: "Run") -> list[Block]:
    try:
        columns = seen(run)
    except (RunError, DataError):
        return []
    blocks: list[Block] = []
    for name, shown in columns.items():
        if shown and all(one.startswith("data:image") for one in shown):
            shape = " × ".join(str(side) for side in run.features[name].space.shape)  # type: ignore[union-attr]
            captions = tuple(str(place) for place in range(len(shown)))
            alts = tuple(f"Training example {place} as the network sees it" for place in captions)
            note = f"Creations have the same shape: {shape}."
            blocks.append(Pictures(f"As the network sees {name}", tuple(shown), captions, alts, note, raw=True))
    return blocks


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
