"""Integrated gradients: how much each input contributed to an answer, along the straight way from an uninformative one.

Sundararajan, Taly, Yan 2017, "Axiomatic attribution for deep networks", arXiv 1703.01365, equation 1, in `z`; the
integral by the midpoint rule. Deviation: the answer is fixed before the way is walked, so that every point of it is
asked the same question.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from pydantic import Field as Setting
from torch import Tensor

from deepwright import registries
from deepwright.core.config import Config
from deepwright.core.errors import Refused
from deepwright.core.report import Report
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.explain.faithfulness import Control, control
from deepwright.verbs.explain.pictures import explanation_blocks
from deepwright.verbs.explain.question import Question, ask
from deepwright.verbs.means import means
from deepwright.verbs.rows import chosen_rows

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Attribution", "IntegratedGradients", "attribute"]


@dataclass(frozen=True)
class Attribution:
    """Contributions of every value of `z` to the score.

    Args:
        values: column → (B, units…, D). score, base: (B,) the score of the rows and of the uninformative input.
    """

    values: dict[str, Tensor]
    score: Tensor
    base: Tensor

    @property
    def gap(self) -> float:
        """How far the contributions are from adding up to score − base, as a share of it (over all rows together)."""
        total = sum(value.flatten(1).sum(1) for value in self.values.values())
        moved = self.score - self.base
        return float((total - moved).abs().sum() / moved.abs().sum().clamp_min(1e-12))


def attribute(question: Question, steps: int) -> Attribution:
    """Integrated gradients of the score, by `steps` gradients a row. Leaves no gradient on the network's parameters."""
    parts = []
    with frozen_statistics(question.network):
        for piece in question.pieces("following gradients"):
            parts.append(_piece(piece, steps))
    values = {name: torch.cat([part.values[name] for part in parts]) for name in question.z}
    return Attribution(values, torch.cat([p.score for p in parts]), torch.cat([p.base for p in parts]))


def _piece(question: Question, steps: int) -> Attribution:
    z, base = question.z, question.base
    way = {name: z[name].values - base[name].values for name in z}
    total = {name: torch.zeros_like(value) for name, value in way.items()}
    for step in range(steps):
        share = (step + 0.5) / steps
        points = {name: (base[name].values + share * way[name]).requires_grad_() for name in z}
        with torch.enable_grad():
            score = question.score({name: z[name].with_values(point) for name, point in points.items()})
            slopes = torch.autograd.grad(score.sum(), list(points.values()), materialize_grads=True)
        for name, slope in zip(points, slopes, strict=True):
            total[name] += slope / steps
    with torch.no_grad():
        ends = [question.score(fields) for fields in (z, {n: z[n].with_values(base[n].values) for n in z})]
    return Attribution({name: total[name] * way[name] for name in z}, *ends)


@registries.verbs.register
class IntegratedGradients(Config):
    """What moved the answers, and whether that is better than a random order.

    Args:
        on: data whose answers are explained; None takes the run's own test rows (validation rows where there are none).
        rows: so many of them, drawn by `seed`. steps: gradients a row.
    """

    kind: Literal["explain"] = "explain"
    method: Literal["integrated_gradients"] = "integrated_gradients"
    on: Any = None
    rows: int = Setting(64, ge=2)
    steps: int = Setting(32, ge=1)
    seed: int = 0

    def check(self, run: "Run") -> None:
        """Raises Refused: the run gives no answers."""
        if run.task is None:
            raise Refused(f"The run {run.name} has no target, so it gives no answers that could be explained.")

    def __call__(self, run: "Run") -> Report:
        """Raises RunError, DataError: the data is gone, changed, or lacks columns."""
        self.check(run)
        assert run.task is not None
        chosen = chosen_rows(run, self.on, self.rows, self.seed)
        question = ask(run, chosen.batch)
        found = attribute(question, self.steps)
        folded = {name: run.features[name].per_unit(value) for name, value in found.values.items()}
        columns = torch.stack([value.flatten(1).sum(1) if value.ndim > 1 else value for value in folded.values()], 1)
        sizes = means(columns.abs(), self.seed)
        checked = control(question, folded, self.seed)
        data = {
            "version": 1, "run": run.name, "method": self.method, "split": chosen.split, "n": len(chosen.rows),
            "score": run.task.score_name, "steps": self.steps, "completeness": {"relative_gap": found.gap},
            "columns": {
                name: {**size.figure.to_dict(), "mean": float(columns[:, place].mean())}
                for place, (name, size) in enumerate(zip(folded, sizes, strict=True))
            },
            **_control_data(checked),
        }  # fmt: skip
        blocks = explanation_blocks(run, chosen, question, folded, sizes, checked, found.gap)
        return Report("explain", "What moved the answers", data, tuple(blocks))


def _control_data(checked: Control | None) -> dict[str, Any]:
    if checked is None:
        return {"areas": None, "p": None, "better_than_random": None, "verdict": None}
    return {
        "areas": {
            name: {order: figure.to_dict() for order, figure in areas.items()} for name, areas in checked.areas.items()
        },
        "p": {name: gap.p for name, gap in checked.gaps.items()},
        "better_than_random": checked.better,
        "verdict": checked.verdict,
    }
