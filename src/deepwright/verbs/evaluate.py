"""Evaluate: figures with intervals, baselines beside them, what people would rather look at, and the worst errors."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from pydantic import Field as Setting
from pydantic import PrivateAttr
from torch import Tensor

from deepwright import registries
from deepwright.answering import concat_answers, outputs_of, rows_at_once
from deepwright.contracts import Answer
from deepwright.core.config import Config
from deepwright.core.errors import DataError, Refused, RunError
from deepwright.core.memory import give_back
from deepwright.core.report import Report
from deepwright.core.telling import counted
from deepwright.data.pack import pack
from deepwright.data.sameness import is_same
from deepwright.data.split import PARTS
from deepwright.data.table import PIECE, Table, pieces, require_columns
from deepwright.fields import Fields, concat_fields
from deepwright.training.frozen import frozen_statistics
from deepwright.verbs.baselines import Baselines, baselines
from deepwright.verbs.figures import judge
from deepwright.verbs.predict import new_data_notes
from deepwright.verbs.scores import Scores
from deepwright.verbs.slices import slices
from deepwright.verbs.validation import known_rows, metric_names
from deepwright.verbs.worst import worst

if TYPE_CHECKING:
    from deepwright.run import Run

__all__ = ["Answered", "Evaluate", "answer_rows"]

ALLOWANCE = 0.2  # of a wall-clock budget
SECONDS = 60.0  # otherwise


@dataclass
class Answered:
    """Answers to labelled rows.

    Args:
        rows: (n,) rows of the table whose targets are known. left: rows left out because theirs are not.
    """

    table: Table
    rows: np.ndarray
    answer: Answer
    truth: Answer
    targets: Fields
    loss: Tensor
    left: int = 0


@registries.verbs.register
class Evaluate(Config):
    """How good the network is.

    Args:
        on: data to evaluate on; None takes the run's own test rows (validation rows where there are none).
        baselines: learn the baselines again and compare.
        seconds: the baselines may take; None: a fifth of a wall-clock budget, otherwise a minute.
    """

    kind: Literal["evaluate"] = "evaluate"
    on: Any = None
    baselines: bool = True
    seconds: float | None = Setting(default=None, gt=0.0)

    _child_peak: int = PrivateAttr(default=0)

    @property
    def child_peak(self) -> int:
        """Bytes that the baselines' process took, once they have learnt."""
        return self._child_peak

    def check(self, run: "Run") -> None:
        """Raises Refused: the run has no target."""
        if run.task is None:
            raise Refused(
                f"The run {run.name} has no target, so there is nothing to compare answers with. What it "
                f"creates is compared with real examples by: deepwright generate {run.folder} --measure 2000"
            )

    def __call__(self, run: "Run") -> Report:
        """Raises RunError, DataError: the data is gone, changed, or lacks columns."""
        self.check(run)
        assert run.task is not None
        answered, split = self._answered(run)
        names = metric_names(run.task, run.recipe.evaluate.metric)
        beside = self._baselines(run, answered)
        judged = judge(names, {"network": answered.answer, **beside.answers}, answered.truth, run.recipe.seed)
        notes = (*_told(run, answered, split), *beside.notes)
        scores = Scores(names, judged, split, len(answered.rows), notes)
        data = {
            "version": 1, "run": run.name, "split": split, "n": len(answered.rows),
            "metrics": {name: figure.to_dict() for name, figure in judged["network"].figures.items()},
            "baselines": {
                who: {name: figure.to_dict() for name, figure in one.figures.items()} for who, one in judged.items() if who != "network"
            },
            "differences": {who: gap.to_dict() for who, gap in scores.gaps.items()},
            "primary": names[0], "verdict": scores.verdict, "notes": list(scores.notes),
        }  # fmt: skip
        blocks = scores.first()
        blocks += run.task.blocks(answered.answer, answered.truth)
        blocks += slices(run, answered, names[0])
        blocks += worst(run, answered)
        blocks += scores.last()
        return Report("evaluate", "How good it is", data, tuple(blocks))

    def _answered(self, run: "Run") -> tuple[Answered, str]:
        if self.on is not None:
            table = run.open(self.on)
            require_columns(table, run.task.targets, "the target, needed to evaluate")  # type: ignore[union-attr]
            return answer_rows(run, table, np.arange(table.height)), "new data"
        table = run.training_data().table
        split = "test" if (run.parts == PARTS["test"]).any() else "validation"
        return answer_rows(run, table, np.flatnonzero(run.parts == PARTS[split])), split

    def _baselines(self, run: "Run", answered: Answered) -> Baselines:
        assert run.task is not None
        constant = Baselines({"constant": run.task.constant(answered.targets)})
        if not self.baselines:
            return constant
        try:
            data = run.training_data()
        except (RunError, DataError) as error:
            constant.notes.append(f"Only the constant baseline: {error}")
            return constant
        budget = run.recipe.train.budget
        seconds = max(5.0, ALLOWANCE * budget.amount) if budget.unit == "seconds" else SECONDS
        seconds = seconds if self.seconds is None else self.seconds
        train = np.flatnonzero(run.parts == PARTS["train"])
        found = baselines(run.features, run.task, (data.table, train), (answered.table, answered.rows), answered.targets,
                          seconds, run.recipe.seed, run.recipe.train.memory)  # fmt: skip
        self._child_peak = found.peak
        return found


def answer_rows(run: "Run", table: Table, rows: np.ndarray) -> Answered:
    """The network's answers to the rows of a table whose targets are known.

    Raises:
        DataError: none is.
    """
    assert run.task is not None
    task, parts, losses, kept = run.task, [], [], []
    fields: dict[str, list[Any]] = {}
    columns = [*run.features, *task.targets]
    for own, frame in counted("answering", pieces(table, rows, columns), len(rows), lambda piece: len(piece[0])):
        packed = pack(iter([frame]), frame.height, run.features, task, task.targets)
        targets = packed.targets(torch.arange(len(own)))
        known = known_rows(targets, len(own)).nonzero()[:, 0]
        kept.append(own[known.numpy()])
        size = run.recipe.train.answer_batch or rows_at_once(packed.take(torch.arange(1)).inputs)
        for batch in packed.batches(known, size):
            with frozen_statistics(run.network), torch.inference_mode():
                outputs = outputs_of(run.network, task, run.network.embed(batch.inputs))
                parts.append(task.answer(outputs))
                losses.append(task.loss(outputs, batch.targets).double())
            for name, value in batch.targets.items():
                fields.setdefault(name, []).append(value)
    give_back(len(rows) * len(run.features) * 8)
    if not any(len(part) for part in kept):
        raise DataError(
            f"No row of {table.origin} has a target this run knows; expected values like those it was trained on."
        )
    joined = {name: concat_fields(values) for name, values in fields.items()}
    answer = concat_answers(parts)
    known = np.concatenate(kept)
    return Answered(table, known, answer, task.truth(joined), joined, torch.cat(losses), len(rows) - len(known))


def _told(run: "Run", answered: Answered, split: str) -> list[str]:
    """What a person has to know about new rows: those left out, and cells that are not what they were in training."""
    notes = [] if run.remark is None else [run.remark]
    if answered.left:
        many = "1 row was" if answered.left == 1 else f"{answered.left} rows were"
        notes.append(f"{many} left out: the target is empty there, or one that was not in the training data.")
    if split == "new data":
        if is_same(answered.table, len(run.parts), run.task, run.environment["data"].get("targets")):
            notes.append("This is the data the run was trained on: figures on rows it learnt from are too good.")
        notes += new_data_notes(run, answered.table, next(answered.table.chunks(list(run.features), PIECE)))
    return notes
