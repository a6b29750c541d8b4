"""The winner beside the default recipe, on rows that no trial has seen, with a paired test."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from deepwright.core.wording import capital, decimals_of, grouped
from deepwright.data.split import PARTS
from deepwright.run import Run
from deepwright.verbs.comparison import Difference, difference
from deepwright.verbs.evaluate import answer_rows
from deepwright.verbs.figures import Figure, judge, named
from deepwright.verbs.jobs.bases import Base
from deepwright.verbs.tune.created import created_draws
from deepwright.verbs.tune.trial import rows_of
from deepwright.verbs.validation import metric, metric_names

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """What the held-out rows say.

    Args:
        figures: name → figure of the winner and of the default recipe. better: name → which direction is.
        gap: the paired difference in the first figure; None where it has no meaning.
    """

    split: str
    rows: int
    figures: dict[str, tuple[Figure, Figure]]
    better: dict[str, str]
    gap: Difference | None
    text: str
    tone: Literal["good", "warning"]

    def to_dict(self) -> dict[str, Any]:
        figures = {name: {"winner": w.to_dict(), "default": d.to_dict()} for name, (w, d) in self.figures.items()}
        return {"split": self.split, "n": self.rows, "figures": figures, "verdict": self.text,
                "difference": None if self.gap is None else self.gap.to_dict()}  # fmt: skip


def compare(winner: Run, default: Run, base: Base, seed: int) -> Comparison:
    """Both on the test rows (validation rows where there are none).

    Raises:
        RunError, DataError: the data is gone or changed.
    """
    split = "test" if (winner.parts == PARTS["test"]).any() else "validation"
    if winner.task is None or default.task is None:
        return _created(winner, default, base, split, seed)
    table = winner.training_data().table
    rows = np.flatnonzero(winner.parts == PARTS[split])
    ours, theirs = answer_rows(winner, table, rows), answer_rows(default, table, rows)
    names = metric_names(winner.task, winner.recipe.evaluate.metric)
    judged = judge(names, {"winner": ours.answer, "default": theirs.answer}, ours.truth, seed)
    gap = difference(names[0], judged["winner"], judged["default"])
    figures = {name: (judged["winner"].figures[name], judged["default"].figures[name]) for name in names}
    better = {name: metric(name).better for name in names}
    if gap is None:
        text = f"{capital(named(names[0]))} has no meaning on these rows, so nothing can be compared."
        return Comparison(split, len(ours.rows), figures, better, None, text, "warning")
    text, tone = _verdict(named(names[0]), figures[names[0]], gap, split)
    return Comparison(split, len(ours.rows), figures, better, gap, text, tone)


def _verdict(
    name: str, figures: tuple[Figure, Figure], gap: Difference, split: str
) -> tuple[str, Literal["good", "warning"]]:
    winner, default = figures
    decimals = decimals_of(winner.low, winner.high)
    detail = f"{name} {grouped(winner.value, decimals)} against {grouped(default.value, decimals)} on {split} rows, p = {gap.p:.2g}"
    if gap.better:
        return f"The winner is better than the default recipe ({detail}).", "good"
    if gap.worse:
        return f"The default recipe is better than the winner ({detail}): take the default recipe.", "warning"
    return (
        f"The winner is not better than the default recipe here: the difference could be chance ({detail}). "
        "The default recipe is as good a choice.",
        "warning",
    )


def _created(winner: Run, default: Run, base: Base, split: str, seed: int) -> Comparison:
    """Networks that create: the distance of their creations from held-out examples."""
    rows = rows_of(winner, split)
    values, draws = created_draws({"winner": winner.network, "default": default.network}, base.packed, rows, seed)
    figures = []
    for name in ("winner", "default"):
        low, high = np.quantile(draws[name].numpy(), [0.025, 0.975])
        figures.append(Figure(values[name], float(low), float(high)))
    gaps = (draws["default"] - draws["winner"]).numpy()
    p = 2 * (min((gaps <= 0).sum(), (gaps >= 0).sum()) + 1) / (len(gaps) + 1)
    low, high = np.quantile(gaps, [0.025, 0.975])
    gap = Difference(values["default"] - values["winner"], float(low), float(high), float(min(1.0, p)))
    text, tone = _verdict("distance", (figures[0], figures[1]), gap, split)
    return Comparison(split, len(rows), {"distance": (figures[0], figures[1])}, {"distance": "lower"}, gap, text, tone)
