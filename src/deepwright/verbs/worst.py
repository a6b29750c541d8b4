"""The worst errors, as rows and pictures: what to look at first."""

from typing import TYPE_CHECKING, Any

import polars as pl

from deepwright.core.report import Block, Grid, Pictures
from deepwright.doctor import looks_personal

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["worst"]

ROWS = 12
COLUMNS = 8
MASK = "••••"


def worst(run: "Run", answered: Any) -> list[Block]:
    """The rows with the highest loss: the answer, the truth, and the inputs. Columns that look personal are masked."""
    assert run.task is not None
    order = answered.loss.argsort(descending=True)[:ROWS]
    frame = answered.table.take(answered.rows[order.numpy()], [*run.features, *run.task.targets])
    said = run.task.decode(
        {name: value if name == "level" else value[order] for name, value in answered.answer.items()}
    )
    truths = [_cells(frame[target]) for target in run.task.targets]
    answers = [
        _cells(said[f"{target}_predicted"]) for target in run.task.targets if f"{target}_predicted" in said.columns
    ]
    captions = [
        f"{' / '.join(a)} (truth: {' / '.join(t)})"
        for a, t in zip(zip(*answers, strict=True), zip(*truths, strict=True), strict=True)
    ]
    blocks: list[Block] = []
    plain: list[str] = []
    for name, feature in run.features.items():
        cells = feature.show(frame[name])
        if any(cell.startswith("data:image/") for cell in cells):
            images = tuple(cell if cell.startswith("data:image/") else "" for cell in cells)
            kept = [place for place, image in enumerate(images) if image]
            blocks.append(
                Pictures(
                    f"Worst errors: {name}",
                    tuple(images[p] for p in kept),
                    tuple(captions[p] for p in kept),
                    tuple(f"Picture answered as {captions[p]}" for p in kept),
                    raw=True,
                )
            )
        else:
            plain.append(name)
    columns = ["row", "answer", "truth", *plain[:COLUMNS]]
    rows = []
    shown = {name: run.features[name].show(frame[name]) for name in plain[:COLUMNS]}
    masked = {name: looks_personal(name, frame[name]) for name in plain[:COLUMNS]}
    for place in range(frame.height):
        row: list[Any] = [
            int(answered.rows[order[place]]) + 1,
            " / ".join(a[place] for a in answers),
            " / ".join(t[place] for t in truths),
        ]
        rows.append(tuple([*row, *(MASK if masked[name] else shown[name][place] for name in plain[:COLUMNS])]))
    note = f"The first {COLUMNS} of {len(plain)} inputs." if len(plain) > COLUMNS else ""
    if plain or not blocks:
        blocks.append(Grid("Worst errors", tuple(columns), tuple(rows), note, raw=True))
    return blocks


def _cells(column: pl.Series) -> list[str]:
    return [
        "–" if cell is None else f"{cell:.5g}" if isinstance(cell, float) else str(cell) for cell in column.to_list()
    ]
