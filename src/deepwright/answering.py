"""From encoded examples to answers: embed → body → combine members → the task's answer. Leaves no trace in the network."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from deepwright.contracts import Answer, FittedTask, Network
from deepwright.fields import Batch, Field, Fields
from deepwright.training.frozen import frozen_statistics

__all__ = ["ANSWER_ROWS", "answer_batch", "answer_batches", "concat_answers", "outputs_of", "rows_at_once"]

ANSWER_ROWS = 1024
_VALUES = 2**19  # stored values a batch: pictures come in smaller batches than plain rows


def rows_at_once(inputs: Fields) -> int:
    """Rows to answer together, so that memory stays bounded."""
    per_row = sum(field.values[:1].numel() for field in inputs.values())
    return max(16, min(ANSWER_ROWS, _VALUES // max(1, per_row)))


def outputs_of(network: Network, task: FittedTask, z: Fields) -> dict[str, Field]:
    """(B, D) outputs of `z`, members combined. Differentiable."""
    outputs = network.body(z)
    return dict(task.combine(outputs)) if network.members > 1 else outputs


def answer_batch(network: Network, task: FittedTask, batch: Batch) -> Answer:
    """The task's answer to a batch; statistics, modes and gradients stay as they were."""
    with frozen_statistics(network), torch.inference_mode():
        return task.answer(outputs_of(network, task, network.embed(batch.inputs)))


def answer_batches(network: Network, task: FittedTask, batches: Iterable[Batch]) -> Answer:
    """The answers to all batches, in order, on the CPU."""
    return concat_answers([answer_batch(network, task, batch) for batch in batches])


def concat_answers(parts: list[Answer]) -> dict[str, Tensor]:
    """Rows of all parts; what has no row axis ("level") is taken from the first."""
    if len(parts) == 1:
        return {name: value.cpu() for name, value in parts[0].items()}
    joined = {}
    for name, first in parts[0].items():
        whole: Mapping[int, Tensor] = {place: part[name].cpu() for place, part in enumerate(parts)}
        joined[name] = first.cpu() if name == "level" else torch.cat(list(whole.values()))
    return joined
