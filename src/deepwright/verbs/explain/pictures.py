"""What a person sees of an explanation: columns, examples, and the control."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from deepwright.core.report import Block, Chart, Grid, Headline, Pictures, Series, Text
from deepwright.core.wording import grouped, listed, percent
from deepwright.verbs.explain.faithfulness import Control, parts_of
from deepwright.verbs.explain.question import Question
from deepwright.verbs.heatmaps import overlay, pixels_of, stacked, whereabouts
from deepwright.verbs.means import Mean
from deepwright.verbs.rows import Chosen, said, shown_cells, truths

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["explanation_blocks"]

BARS = 20
EXAMPLES = 8  # pictures
ROWS = 12
TOP = 3  # contributions a row
LOOSE = 0.05  # share of the score that may be unaccounted for before it is said


def explanation_blocks(
    run: "Run", chosen: Chosen, question: Question, folded: Mapping[str, Tensor], sizes: Sequence[Mean],
    checked: Control | None, gap: float,
) -> list[Block]:  # fmt: skip
    """All blocks. `folded`: column → (B, units…) attributions."""
    assert run.task is not None
    blocks = _head(run.task.score_name, chosen, folded, sizes, checked, gap)
    if len(folded) > 1:
        blocks += _columns(run.task.score_name, folded, sizes)
    answers = said(run.task, run.answer(iter([piece for piece in chosen.batch.split(256)])))
    for name, values in folded.items():
        if values.ndim == 3:
            blocks += _grids(run, chosen, question, name, values, answers)
    plain = {name: values for name, values in folded.items() if values.ndim == 1}
    if plain:
        blocks.append(_rows(run, chosen, plain, answers))
    return blocks + ([] if checked is None else _control(run.task.score_name, checked))


def _head(
    score: str, chosen: Chosen, folded: Mapping[str, Tensor], sizes: Sequence[Mean], checked: Control | None, gap: float
) -> list[Block]:
    blocks: list[Block] = []
    if len(folded) > 1:
        names, order = list(folded), _order(sizes)
        value, between = sizes[order[0]].figure.words
        rest = f"; then {listed([names[k] for k in order[1:4]])}"
        detail = f"on average {value} ({between}) of the {score}{rest}" if between else f"on average {value}{rest}"
        blocks.append(Headline("counts most", names[order[0]], detail))
    if checked is None:
        blocks.append(Text("There is one input only, so there is no order of inputs that could be put to the test.", "warning"))  # fmt: skip
    else:
        value, between = checked.areas["deletion"]["attribution"].words
        other = checked.areas["deletion"]["random"].words[0]
        detail = f"95 % interval {between}; a random order {other}; lower is better"
        blocks += [
            Headline("deletion area", value, detail),
            Text(checked.verdict, "good" if checked.better else "warning"),
        ]
    blocks.append(
        Text(
            f"Explained is the {score}, for {chosen.words}: how it differs from that of an input that says nothing, "
            "shared out among the inputs by integrated gradients."
        )
    )
    text = f"The contributions add up to the whole difference but for {percent(gap)} of it."
    more = " More steps make the gap smaller." if gap > LOOSE else ""
    return [*blocks, Text(text + more, "warning" if gap > LOOSE else "plain")]


def _order(sizes: Sequence[Mean]) -> list[int]:
    """Places of the columns, the largest mean contribution first."""
    return sorted(range(len(sizes)), key=lambda k: -(sizes[k].figure.value or 0.0))


def _columns(score: str, folded: Mapping[str, Tensor], sizes: Sequence[Mean]) -> list[Block]:
    """Mean size of each column's contribution, as bars and as a table."""
    names = list(folded)
    order = _order(sizes)
    first = [(names[k], sizes[k].figure) for k in order[:BARS]]
    low, high = (tuple(getattr(figure, side) or 0.0 for _, figure in first) for side in ("low", "high"))
    bars = Series("contribution", tuple(n for n, _ in first), tuple(f.value or 0.0 for _, f in first), low, high)
    largest = ", ".join(f"{name} {figure.words[0]}" for name, figure in first[:3])
    table = []
    for k in order:
        values, figure = folded[names[k]], sizes[k].figure
        signed = float((values.flatten(1).sum(1) if values.ndim > 1 else values).mean())
        table.append((names[k], figure.text, grouped(signed, figure.decimals)))
    note = f" The first {BARS} of {len(names)} columns." if len(names) > BARS else ""
    return [
        Chart("What moved the answers", f"Mean size of the columns' contributions; the largest: {largest}.", "bar", (bars,),
              "column", "mean |contribution|", note=f"Contributions to the {score}.{note}"),
        Grid("Contributions by column", ("column", "mean size [95 % interval]", "mean"), tuple(table),
             "The last figure keeps the sign: above 0 the column spoke for the answers (or raised the number)."),
    ]  # fmt: skip


def _grids(
    run: "Run", chosen: Chosen, question: Question, name: str, values: Tensor, answers: Sequence[str]
) -> list[Block]:
    """Where in a column of grids (B, H, W): the mean map, and examples as the network saw them beside their maps."""
    assert run.task is not None
    feature, places = run.features[name], spread(len(chosen.rows), EXAMPLES)
    seen = feature.show(feature.decode(question.z[name][torch.tensor(places)]))
    known = truths(run.task, chosen)
    images, captions, alts = [], [], []
    for place, text, signed in zip(places, seen, values[places].cpu().numpy(), strict=True):
        below = pixels_of(text, signed.shape)
        answer = answers[place] + (f" (truth: {known[place]})" if known else "")
        row = int(chosen.rows[place]) + 1
        images.append(stacked([*([] if below is None else [below]), overlay(below, signed)]))
        captions.append(f"row {row}: {answer}")
        alts.append(
            f"The {name} of row {row}, answered as {answer}, and a map below it: most of what spoke for "
            f"{answers[place]} lies in {whereabouts(signed)}."
        )
    note = "Blue spoke for the answer, orange against it; stronger colour, larger contribution. Each map has its own scale."
    maps = Pictures(f"Where it looked: {name}", tuple(images), tuple(captions), tuple(alts), note, raw=True)
    return [_mean_map(name, values), maps]


def spread(rows: int, most: int) -> list[int]:
    """At most `most` places spread over all rows: in many files those of one kind stand together."""
    return [round(k * (rows - 1) / max(1, min(most, rows) - 1)) for k in range(min(most, rows))]


def _mean_map(name: str, values: Tensor) -> Block:
    """The mean size of the contribution of each patch, over all rows."""
    parts = parts_of({name: values})
    place = parts.places[name]
    width = int(place[0].max()) + 1
    mean = parts.fold({name: values}).abs().mean(0).reshape(-1, width)
    where = whereabouts(mean.numpy())
    names = tuple(str(k + 1) for k in range(width)), tuple(str(k + 1) for k in range(len(mean)))
    return Chart(
        f"Where it looked on average: {name}", f"Mean size of the contributions of patches of {name}; the largest lie in {where}.",
        "heat", matrix=tuple(tuple(row) for row in mean.tolist()), x_names=names[0], y_names=names[1],
        x_label="patch, left to right", y_label="patch, top to bottom",
    )  # fmt: skip


def _rows(run: "Run", chosen: Chosen, plain: Mapping[str, Tensor], answers: Sequence[str]) -> Block:
    """A few rows with the columns that contributed most, and what stood in them."""
    assert run.task is not None
    frame = chosen.frame(list(plain))
    cells = {name: shown_cells(run, name, frame[name]) for name in plain}
    known = truths(run.task, chosen)
    table = []
    for place in spread(len(chosen.rows), ROWS):
        top = sorted(plain, key=lambda name: -abs(float(plain[name][place])))[:TOP]
        told = [f"{name} = {cells[name][place]} ({float(plain[name][place]):+.2g})" for name in top]
        told += ["–"] * (min(TOP, len(plain)) - len(told))
        truth = (known[place],) if known else ()
        table.append((int(chosen.rows[place]) + 1, answers[place], *truth, *told))
    heads = ("largest", "second", "third")[: min(TOP, len(plain))]
    columns = ("row", "answer", *(("truth",) if known else ()), *heads)
    note = "In brackets the contribution: above 0 it spoke for the answer (or raised the number), below 0 against it."
    return Grid("What moved single answers", columns, tuple(table), note, raw=True)


_NAMES = {"attribution": "order of the explanation", "random": "random order", "reverse": "reverse order"}


def _control(score: str, checked: Control) -> list[Block]:
    """Both curves and the areas under them."""
    curves = {name: curve.double().mean(0).tolist() for name, curve in checked.curves.items()}
    back = {"attribution": curves["reverse"][::-1], "random": curves["random"][::-1], "reverse": curves["attribution"][::-1]}  # fmt: skip
    blocks: list[Block] = []
    titles = {
        "deletion": ("Deletion: parts taken away", "lower is better", curves, "share of the parts taken away"),
        "insertion": ("Insertion: parts put back", "higher is better", back, "share of the parts put back"),
    }
    for kind, (title, better, lines, label) in titles.items():
        areas = ", ".join(f"{_NAMES[order]} {f.words[0]}" for order, f in checked.areas[kind].items())
        series = tuple(Series(_NAMES[order], checked.shares, tuple(line)) for order, line in lines.items())
        alt = f"{kind.capitalize()} curves; areas: {areas}; {better}."
        blocks.append(Chart(title, alt, "line", series, label, f"mean {score}", note=f"{better.capitalize()} under the curve."))  # fmt: skip
    rows = tuple(
        (f"{kind} ({titles[kind][1]})", _NAMES[order], figure.text)
        for kind, areas in checked.areas.items()
        for order, figure in areas.items()
    )
    note = (
        f"Under the curves over {checked.parts} parts, with bootstrap intervals; a part is a column, or a "
        "patch of it. Parts are replaced by the input that says nothing."
    )
    return [
        *blocks,
        Grid("The explanation beside a random order", ("area", "order", "mean area [95 % interval]"), rows, note),
    ]
